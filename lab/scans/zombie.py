"""A machine with one IP ID counter for all it sends: what an idle scan needs.

`python -m lab.scans.zombie TAP ADDRESS MAC TTL FIRST_ID` answers on a tap device, says `ready`
when it does, and ends with its process. It has no connection and opens none: every TCP segment
that is no reset is answered by a reset (RFC 9293 3.10.7.1, the state CLOSED), an echo request by a
reply. Printers, lwIP and VxWorks count like this; the counter is the only thing it remembers. On a
LAN it answers the link address that asked, where others ask ARP for the claimed one.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
from dataclasses import dataclass, replace

from lab.sim.packets import ACK, FIN, RST, SYN, TCP, Packet, checksum, frame

_ARP, _IPV4 = b"\x08\x06", b"\x08\x00"
_ICMP = 1
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
MAX_FRAME_BYTES = 2048


@dataclass(frozen=True)
class Zombie:
    """Its addresses, and the identification of the next packet that it will send."""

    mac: bytes
    address: int
    ttl: int
    next_id: int

    def answer(self, received: bytes) -> tuple[bytes | None, Zombie]:
        """The frame that answers one (None: nothing does), and the machine after that."""
        if len(received) < 34:
            return None, self
        if received[12:14] == _ARP:
            return self._arp(received) if len(received) >= 42 else None, self
        if received[12:14] != _IPV4 or received[14] != 0x45:
            return None, self
        (to,) = struct.unpack_from("!I", received, 30)
        if to != self.address:
            return None, self
        made = {TCP: self._reset, _ICMP: self._echo}.get(received[23], _nothing)(received)
        return made, self if made is None else replace(self, next_id=(self.next_id + 1) & 0xFFFF)

    def _arp(self, received: bytes) -> bytes | None:
        operation, sender, asked = received[20:22], received[22:32], received[38:42]
        if operation != b"\0\x01" or asked != self.address.to_bytes(4, "big"):
            return None
        head = received[14:20] + b"\x00\x02" + self.mac + asked + sender
        return sender[:6] + self.mac + _ARP + head

    def _reset(self, received: bytes) -> bytes | None:
        if len(received) < 54:
            return None
        (src,) = struct.unpack_from("!I", received, 26)
        (size,) = struct.unpack_from("!H", received, 16)
        sport, dport, seq, ack, offset, flags = struct.unpack_from("!HHIIBB", received, 34)
        if flags & RST:
            return None
        n = size - 20 - 4 * (offset >> 4) + bool(flags & SYN) + bool(flags & FIN)
        # RFC 9293: a reset takes its number from the ACK field, else it acknowledges.
        answers = (
            {"flags": RST, "seq": ack} if flags & ACK else {"flags": RST | ACK, "ack": seq + n}
        )
        packet = Packet(
            TCP, self.address, dport, src, sport, self.ttl, self.next_id, False, **answers
        )
        return frame(packet, self.mac, received[6:12])

    def _echo(self, received: bytes) -> bytes | None:
        (size,) = struct.unpack_from("!H", received, 16)
        message = received[34 : 14 + size]
        if len(message) < 8 or message[0] != 8:
            return None
        reply = b"\0\0\0\0" + message[4:]
        reply = reply[:2] + struct.pack("!H", checksum(reply)) + reply[4:]
        ends = self.address.to_bytes(4, "big") + received[26:30]
        head = struct.pack("!BBHHHBB", 0x45, 0, size, self.next_id, 0, self.ttl, _ICMP)
        head += struct.pack("!H", checksum(head + bytes(2) + ends)) + ends
        return received[6:12] + self.mac + _IPV4 + head + reply


def _nothing(_: bytes) -> None:
    return None


def main(tap: str, address: str, mac: str, ttl: str, first_id: str) -> None:
    """Answers until the process is ended."""
    ip = int.from_bytes(socket.inet_aton(address), "big")
    machine = Zombie(bytes.fromhex(mac.replace(":", "")), ip, int(ttl), int(first_id))
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", tap.encode(), _IFF_TAP | _IFF_NO_PI))
    print("ready", flush=True)
    while True:
        reply, machine = machine.answer(os.read(device, MAX_FRAME_BYTES))
        if reply is not None:
            os.write(device, reply)


if __name__ == "__main__":
    main(*sys.argv[1:])
