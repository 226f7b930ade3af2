"""IPv4 identification: the rules by which stacks number their packets."""

import struct
from collections.abc import Callable, Hashable
from random import Random

from lab.sim.keyed import keyed_hash
from lab.sim.poisson import bursty
from lab.sim.stacks import IpIds

IpIdSource = Callable[[float, int, Hashable], int]
"""(seconds, destination address, socket) -> identification of the next packet."""


class GlobalIpId:
    """One counter for all packets, those that the tap does not see included."""

    def __init__(self, rng: Random, rule: IpIds) -> None:
        self._rng = rng
        self._rule = rule
        self._swapped = rule.rule == "global_swapped"
        self._last = rng.getrandbits(16)
        self._last_s: float | None = None

    def __call__(self, t_s: float, dst: int, socket: Hashable) -> int:
        if self._last_s is not None:
            rule = self._rule
            self._last += bursty(
                self._rng,
                t_s - self._last_s,
                rule.unseen_hz,
                rule.unseen_bursts_hz,
                rule.unseen_burst_size,
            )
        self._last_s = t_s
        self._last = (self._last + 1) & 0xFFFF
        if self._swapped:
            return int(struct.unpack("<H", struct.pack(">H", self._last))[0])
        return self._last


class DestinationIpId:
    """One counter per destination, begun at a keyed hash of it (Windows 8 and later)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._next: dict[int, int] = {}

    def __call__(self, t_s: float, dst: int, socket: Hashable) -> int:
        value = self._next.get(dst)
        if value is None:
            value = keyed_hash(self._secret, dst) & 0xFFFF
        self._next[dst] = (value + 1) & 0xFFFF
        return value


class SocketIpId:
    """One counter per socket, begun at random (Linux)."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._next: dict[Hashable, int] = {}

    def __call__(self, t_s: float, dst: int, socket: Hashable) -> int:
        value = self._next.get(socket)
        if value is None:
            value = self._rng.getrandbits(16)
        self._next[socket] = (value + 1) & 0xFFFF
        return value


def ip_id_source(rule: IpIds, secret: bytes, rng: Random) -> IpIdSource:
    """The source that a freshly booted machine uses."""
    match rule.rule:
        case "global" | "global_swapped":
            return GlobalIpId(rng, rule)
        case "destination":
            return DestinationIpId(secret)
        case "socket":
            return SocketIpId(rng)
        case "random":
            return lambda t_s, dst, socket: rng.randrange(1, 65536)
        case "zero":
            return lambda t_s, dst, socket: 0
        case "constant":
            constant = rng.randrange(1, 65536)
            return lambda t_s, dst, socket: constant
