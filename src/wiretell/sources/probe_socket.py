"""Raw sockets of one peer, with the time at which the kernel took each packet in."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Iterator

_SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; the control message of the answer has the same number."""
_TIMESPEC = struct.Struct("@ll")
_MOST_BYTES = 2048
_MOST_AT_ONCE = 64
_TRIES = 3


def monotonic_ns() -> int:
    """The observer's clock: NTP steers its rate, but nothing makes it step."""
    return time.monotonic_ns()


class RawSocket:
    """Packets of one protocol to and from one address.

    Raises PermissionError without root or CAP_NET_RAW, OSError where the address has no route.
    """

    def __init__(self, address: str, protocol: int) -> None:
        self._is_v4 = ipaddress.ip_address(address).version == 4
        family = socket.AF_INET if self._is_v4 else socket.AF_INET6
        self._socket = socket.socket(family, socket.SOCK_RAW, protocol)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.connect((address, 0))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def send(self, message: bytes) -> int:
        """Sends one message behind an IP header; the monotonic time just before, in ns."""
        before_ns = monotonic_ns()
        self._socket.send(message)
        return before_ns

    def receive(self) -> Iterator[tuple[int, bytes]]:
        """What is waiting: (monotonic time of arrival in ns, message without IP header)."""
        for _ in range(_MOST_AT_ONCE):
            try:
                data, control, _, _ = self._socket.recvmsg(_MOST_BYTES, 64)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error that the kernel reports here
                continue
            yield _arrived_ns(control), self._without_header(data)

    def _without_header(self, data: bytes) -> bytes:
        return data[(data[0] & 15) * 4 :] if self._is_v4 and data else data

    def close(self) -> None:
        """Gives the socket back."""
        self._socket.close()


def _arrived_ns(control: list[tuple[int, int, bytes]]) -> int:
    """The kernel's stamp (its real-time clock), on the monotonic clock; else now.

    Never earlier than the packet came: the real-time clock is read first, so that whatever holds
    this process up in between only makes the time later. The earliest of a few tries is taken.
    """
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            stamp_ns = int(seconds) * 1_000_000_000 + int(nanoseconds)
            return min(_since_ns(stamp_ns) for _ in range(_TRIES))
    return monotonic_ns()


def _since_ns(stamp_ns: int) -> int:
    waited_ns = max(0, time.time_ns() - stamp_ns)
    return monotonic_ns() - waited_ns
