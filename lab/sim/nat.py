"""A masquerading router: ports, TTL, and what pf changes beside. It also writes down the truth."""

from dataclasses import dataclass
from random import Random

from lab.sim.address import number
from lab.sim.packets import ACK, FIN, RST, SYN, TCP, Packet
from lab.sim.scenario import NatSpec
from lab.sim.truth import FlowTruth

_TIMEOUT_OPEN_S = 432_000.0
_TIMEOUT_CLOSED_S = 120.0
_TIMEOUT_UDP_S = 60.0
_Key = tuple[int, int, int, int, int]
"""(protocol, own address, own port, remote address, remote port)"""


@dataclass(slots=True)
class _Mapping:
    machine: int
    inner: _Key
    outer: _Key
    flow: FlowTruth
    iss: int
    ts_delta: int
    last_s: float = 0.0
    n_fins: int = 0

    def expired(self, now_s: float) -> bool:
        if self.inner[0] != TCP:
            return now_s > self.last_s + _TIMEOUT_UDP_S
        closed = self.n_fins >= 2
        return now_s > self.last_s + (_TIMEOUT_CLOSED_S if closed else _TIMEOUT_OPEN_S)


class Nat:
    """Mappings depend on both ends, as Linux and pf make them."""

    def __init__(self, spec: NatSpec, rng: Random) -> None:
        self._spec = spec
        self._rng = rng
        self._public = [number(ip) for ip in spec.public_ips]
        self._by_inner: dict[_Key, _Mapping] = {}
        self._by_outer: dict[_Key, _Mapping] = {}
        self.flows: list[FlowTruth] = []

    def outbound(self, p: Packet, machine: int, now_s: float, time_ns: int) -> None:
        """Rewrite a packet that leaves, and count it in its flow."""
        inner = (p.proto, p.src, p.sport, p.dst, p.dport)
        mapping = self._by_inner.get(inner)
        opens = p.proto == TCP and p.flags & (SYN | ACK) == SYN
        if mapping is None or mapping.expired(now_s) or (opens and mapping.iss != p.seq):
            mapping = self._map(inner, machine, now_s, p.seq)
        p.src, p.sport = mapping.outer[1], mapping.outer[2]
        self._pass(p, mapping, now_s)
        if self._spec.sets_ttl is not None:
            p.ttl = self._spec.sets_ttl
        if self._spec.clears_df:
            p.df = False
        if p.tsval is not None:
            p.tsval += mapping.ts_delta
        if self._spec.randomizes_ip_id:
            p.ip_id = self._rng.randrange(1, 65536)
        mapping.flow.count_out(p, time_ns)

    def inbound(self, p: Packet, now_s: float, time_ns: int) -> int | None:
        """Rewrite a packet that comes in; the machine it is for, or ``None`` to drop it."""
        mapping = self._by_outer.get((p.proto, p.dst, p.dport, p.src, p.sport))
        if mapping is None or mapping.expired(now_s):
            return None
        p.dst, p.dport = mapping.inner[1], mapping.inner[2]
        self._pass(p, mapping, now_s)
        if p.tsval is not None and p.flags & ACK:
            p.tsecr -= mapping.ts_delta
        mapping.flow.count_in(time_ns)
        return mapping.machine

    def _pass(self, p: Packet, mapping: _Mapping, now_s: float) -> None:
        p.ttl -= 1
        mapping.last_s = now_s
        if p.flags & RST:
            mapping.n_fins = 2
        elif p.flags & FIN:
            mapping.n_fins += 1

    def _map(self, inner: _Key, machine: int, now_s: float, iss: int) -> _Mapping:
        proto, src, sport, dst, dport = inner
        old = self._by_inner.pop(inner, None)
        if old is not None and self._by_outer.get(old.outer) is old:
            del self._by_outer[old.outer]
        public = self._public_ip(machine)
        outer = (proto, public, sport, dst, dport)
        if self._spec.ports == "random" or not self._free(outer, now_s):
            outer = (proto, public, self._rng.randrange(1024, 65536), dst, dport)
            while not self._free(outer, now_s):
                outer = (proto, public, self._rng.randrange(1024, 65536), dst, dport)
        taken = self._by_outer.pop(outer, None)
        if taken is not None:
            self._by_inner.pop(taken.inner, None)
        delta = self._rng.getrandbits(32) if self._spec.modulates_timestamps else 0
        flow = FlowTruth(proto, public, outer[2], dst, dport, machine, src, sport)
        self.flows.append(flow)
        mapping = _Mapping(machine, inner, outer, flow, iss, delta)
        self._by_inner[inner] = self._by_outer[outer] = mapping
        return mapping

    def _public_ip(self, machine: int) -> int:
        if self._spec.pooling == "arbitrary":
            return self._rng.choice(self._public)
        return self._public[machine % len(self._public)]

    def _free(self, outer: _Key, now_s: float) -> bool:
        mapping = self._by_outer.get(outer)
        return mapping is None or mapping.expired(now_s)
