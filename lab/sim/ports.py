"""Ephemeral source ports: the rules by which stacks choose them (RFC 6056 names several)."""

from collections.abc import Callable, Container
from random import Random

from lab.sim.keyed import keyed_hash
from lab.sim.poisson import bursty
from lab.sim.stacks import Ports

PortSource = Callable[[float, int, int, Container[int]], int]
"""(seconds, destination address and port, ports in use) -> source port of the next socket."""

_SHUFFLE_PERIOD_S = 10.0
_PERTURB_SIZE = 1 << 16


class SequentialPorts:
    """One counter for all destinations; sockets whose packets go elsewhere move it too."""

    def __init__(self, ports: Ports, rng: Random) -> None:
        self._ports = ports
        self._rng = rng
        self._next = rng.randint(*(ports.starts or (ports.low, ports.high)))
        self._last_s: float | None = None

    def __call__(self, t_s: float, dst: int, dport: int, used: Container[int]) -> int:
        if self._last_s is not None:
            rule = self._ports
            unseen = bursty(
                self._rng,
                t_s - self._last_s,
                rule.unseen_hz,
                rule.unseen_bursts_hz,
                rule.unseen_burst_size,
            )
            self._next = self._wrapped(self._next + unseen)
        self._last_s = t_s
        while self._next in used:
            self._next = self._wrapped(self._next + 1)
        port = self._next
        self._next = self._wrapped(port + 1)
        return port

    def _wrapped(self, port: int) -> int:
        size = self._ports.high - self._ports.low + 1
        return self._ports.low + (port - self._ports.low) % size


class HashPorts:
    """hash(destination) + one counter of the whole machine (Linux before 5.12).

    ``step`` 1 takes every port, 2 leaves the odd ones to bind() (since 4.2).
    """

    def __init__(self, ports: Ports, secret: bytes, step: int) -> None:
        self._ports = ports
        self._secret = secret
        self._step = step
        self._counter = 0

    def __call__(self, t_s: float, dst: int, dport: int, used: Container[int]) -> int:
        size = self._ports.high - self._ports.low + 1
        start = keyed_hash(self._secret, dst, dport)
        while True:
            offset = (start + self._counter) % size
            self._counter += self._step
            port = self._ports.low + offset - offset % self._step
            if port not in used:
                return port


class ShufflePorts:
    """Even ports: hash(destination, 10-s period) + a perturbed table entry (Linux 5.12+).

    Within one period a destination's port grows by 2 to 16 from socket to socket.
    """

    def __init__(self, ports: Ports, secret: bytes, rng: Random) -> None:
        self._ports = ports
        self._secret = secret
        self._rng = rng
        self._perturb: dict[int, int] = {}

    def __call__(self, t_s: float, dst: int, dport: int, used: Container[int]) -> int:
        size = (self._ports.high - self._ports.low + 1) & ~1
        hashed = keyed_hash(self._secret, dst, dport, int(t_s // _SHUFFLE_PERIOD_S))
        index = hashed % _PERTURB_SIZE
        if index not in self._perturb:
            self._perturb[index] = self._rng.getrandbits(32)
        offset = (self._perturb[index] + (hashed >> 32)) % size & ~1
        tried = 0
        while self._ports.low + (offset + tried) % size in used:
            tried += 2
        self._perturb[index] += max(tried, 2 * self._rng.randrange(8)) + 2
        return self._ports.low + (offset + tried) % size


class RandomPorts:
    """Any free port of the range; ``step`` 2 for even ones only."""

    def __init__(self, ports: Ports, rng: Random, step: int) -> None:
        self._ports = ports
        self._rng = rng
        self._step = step

    def __call__(self, t_s: float, dst: int, dport: int, used: Container[int]) -> int:
        while True:
            port = self._rng.randrange(self._ports.low, self._ports.high + 1, self._step)
            if port not in used:
                return port


def port_source(ports: Ports, secret: bytes, rng: Random) -> PortSource:
    """The source that a freshly booted machine uses."""
    match ports.rule:
        case "sequential":
            return SequentialPorts(ports, rng)
        case "hash_plus_1":
            return HashPorts(ports, secret, 1)
        case "hash_plus_2":
            return HashPorts(ports, secret, 2)
        case "shuffle":
            return ShufflePorts(ports, secret, rng)
        case "random":
            return RandomPorts(ports, rng, 1)
        case "random_even":
            return RandomPorts(ports, rng, 2)
