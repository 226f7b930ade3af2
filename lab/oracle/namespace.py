"""The kernel's room: a network namespace with a way in, a way out and rules that tell verdicts.

    in0 ==veth== in1  [forwarding, conntrack]  out0 ==veth== out1

Frames put into `in0` arrive on `in1`, pass connection tracking and are forwarded to `out0`: only
what leaves is entered in the table for good. The namespace has no name; it is gone with the last
descriptor that holds it, so nothing is left behind however the process ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

from lab.guests.processes import run

VERDICT_GROUP, ENTERED_GROUP, REASON_GROUP = 5, 6, 0
"""Log groups: what the rules tell of each packet, which new ones got through to be entered in the
table, and what conntrack itself says of packets that it finds odd."""

IN_MAC = bytes.fromhex("020000000002")
_OUT_MAC = "02:00:00:00:00:04"
_CLONE_NEWNET = 0x40000000
_MTU = 65_535
_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
_OWN = Path("/proc/thread-self/ns/net")

# Offloads off, no address that the kernel would speak from, nothing dropped for its addresses.
_LINKS = f"""
link add in0 type veth peer name in1 address 02:00:00:00:00:02
link add out0 type veth peer name out1
link set in0 mtu {_MTU} arp off
link set in1 mtu {_MTU} arp off
link set out0 mtu {_MTU} arp off
link set out1 mtu {_MTU} arp off
"""
_ROUTES = f"""
link set in0 up
link set in1 up
link set out0 up
link set out1 up
addr add 169.254.77.2/30 dev out0
neigh add 169.254.77.1 lladdr {_OUT_MAC} dev out0 nud permanent
route add default via 169.254.77.1 dev out0
-6 addr add fd77::2/64 dev out0 nodad
-6 neigh add fd77::1 lladdr {_OUT_MAC} dev out0 nud permanent
-6 route add default via fd77::1 dev out0
-4 route flush table local 127.0.0.0/8
"""
_SETTINGS: dict[str, int | str] = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/in1/rp_filter": 0,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/in1/send_redirects": 0,
    "ipv4/conf/all/log_martians": 0,
    "ipv4/conf/all/accept_local": 1,
    "ipv4/conf/in1/accept_local": 1,
    "ipv4/conf/all/route_localnet": 1,
    "ipv4/conf/in1/route_localnet": 1,
    "ipv4/conf/out0/route_localnet": 1,
    "ipv4/conf/all/accept_source_route": 1,
    "ipv4/conf/in1/accept_source_route": 1,
    "ipv6/conf/in0/disable_ipv6": 1,
    "ipv6/conf/out1/disable_ipv6": 1,
    "ipv6/conf/all/forwarding": 1,
    "netfilter/nf_log/2": "nfnetlink_log",
    "netfilter/nf_log/10": "nfnetlink_log",
    "netfilter/nf_conntrack_log_invalid": 255,
    # What the capture cut away cannot be summed up.
    "netfilter/nf_conntrack_checksum": 0,
}


class Namespace:
    """A network namespace of its own; `with namespace.inside():` runs this thread within it."""

    def __init__(self, settings: Mapping[str, int | str], *, helpers: bool = False) -> None:
        """`settings` are files of `/proc/sys/net/netfilter`. Raises OSError, CommandError."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._home = os.open(_OWN, os.O_RDONLY)
        try:
            if self._libc.unshare(_CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "cannot make a network namespace")
            self._fd = os.open(_OWN, os.O_RDONLY)
            try:
                _build(settings, helpers)
                self._count = os.open(_COUNT, os.O_RDONLY)
            except BaseException:
                os.close(self._fd)
                raise
            finally:
                self._enter(self._home)
        except BaseException:
            os.close(self._home)
            raise

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        self._enter(self._fd)
        try:
            yield
        finally:
            self._enter(self._home)

    def _enter(self, fd: int) -> None:
        if self._libc.setns(fd, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot enter a network namespace")

    def set(self, settings: Mapping[str, int | str]) -> None:
        """Sets files of `/proc/sys/net/netfilter`. Raises OSError."""
        with self.inside():
            for name, value in settings.items():
                _write(f"netfilter/{name}", value)

    def injector(self) -> socket.socket:
        """A socket that puts frames on the way in."""
        with self.inside():
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            made.bind(("in0", 0))
        return made

    def netlink(self, protocol: int) -> socket.socket:
        """A bound netlink socket."""
        with self.inside():
            made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
            made.bind((0, 0))
        return made

    def n_entries(self) -> int:
        """How many connections its table holds."""
        return int(os.pread(self._count, 32, 0))

    def close(self) -> None:
        os.close(self._count)
        os.close(self._fd)
        os.close(self._home)


def _write(name: str, value: int | str) -> None:
    Path("/proc/sys/net", name).write_text(f"{value}\n", encoding="ascii")


def _build(settings: Mapping[str, int | str], helpers: bool) -> None:
    run("ip", "-batch", "-", stdin=_LINKS)
    for device in ("in0", "in1", "out0", "out1"):
        run("ethtool", "-K", device, "gro", "off", "gso", "off", "tso", "off", "tx", "off")
    # Before the devices are up: afterwards the kernel would already have spoken on them.
    for name, value in _SETTINGS.items():
        _write(name, value)
    for line in _ROUTES.strip().splitlines():
        run("ip", *line.split())
    folder = resources.files("lab.oracle")
    run("nft", "-f", "-", stdin=(folder / "verdicts.nft").read_text(encoding="utf-8"))
    if helpers:
        run("nft", "-f", "-", stdin=(folder / "helpers.nft").read_text(encoding="utf-8"))
    for name, value in settings.items():
        _write(f"netfilter/{name}", value)
