"""Network address translation of one public address for many machines (RFC 4787, RFC 5508).

`keep`: the inner port if it is free towards that far end, else a drawn one, as Linux does.
`exclusive`: the inner port if no other machine has it towards anywhere, else a drawn one, kept for
all far ends (endpoint-independent mapping, no overloading). `random`: always a drawn one.
A key (protocol, outer port, far end) belongs to one machine for the whole capture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from lab.superpose.datagram import (
    ICMP,
    QUERIES,
    REPLIES,
    TCP,
    UDP,
    Datagram,
    inward_ttl,
    outward_ttl,
    quoted_in,
    readdressed,
    tsval_of,
)

PortPolicy = Literal["keep", "exclusive", "random"]
_LOWEST, _HIGHEST = 1024, 65535
_DRAWS = 200
"""After so many draws that were taken, ports are tried one after the other."""


@dataclass(frozen=True, slots=True)
class Inner:
    """A machine's end of a flow, and the far end, as seen inside."""

    machine: int
    proto: int
    ip: int
    port: int
    far: int
    far_port: int


@dataclass(slots=True)
class Flow:
    """One flow as seen outside."""

    inner: Inner
    port: int
    """At the public address."""
    first_ns: int = -1
    last_ns: int = -1
    n_out: int = 0
    n_in: int = 0
    first_tsval: int | None = None
    first_ip_id: int | None = None

    def count(self, p: Datagram, *, sent: bool) -> None:
        """One more packet; `sent` by the machine, its time as outside."""
        if self.first_ns < 0:
            self.first_ns = p.time_ns
            self.first_ip_id = p.ip_id if sent else None
        self.last_ns = p.time_ns
        if sent:
            self.n_out += 1
            if self.first_tsval is None:
                self.first_tsval = tsval_of(p)
        else:
            self.n_in += 1


class UntranslatableError(Exception):
    """A packet that does not pass; `args[0]` is the reason that is counted."""


@dataclass
class Translator:
    """The router: `out` and `back` give the bytes of a packet as seen outside."""

    public_ip: int
    policy: PortPolicy
    rng: Random
    flows: dict[Inner, Flow] = field(default_factory=dict)
    _taken: dict[tuple[int, int, int, int], Inner] = field(default_factory=dict)
    _owner: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    """(protocol, outer port) -> (machine, inner address, inner port), for `exclusive`."""
    _outer_port: dict[tuple[int, int, int, int], int] = field(default_factory=dict)
    _fragments: dict[tuple[int, int, int, int, int], Inner] = field(default_factory=dict)

    def out(self, p: Datagram, machine: int) -> bytes:
        """A packet that the machine sent. Raises `UntranslatableError`."""
        if p.ttl <= 1:
            raise UntranslatableError("ttl_ended")
        quote, inner = self._parties(p, machine, sent=True)
        flow = self._flow(inner)
        flow.count(p, sent=True)
        return readdressed(
            p,
            src=self.public_ip,
            dst=p.dst,
            sport=flow.port,
            dport=p.dport,
            ttl=outward_ttl(p.ttl),
            quote=quote,
        )

    def back(self, p: Datagram, machine: int) -> bytes:
        """A packet that came for the machine. Raises `UntranslatableError`."""
        quote, inner = self._parties(p, machine, sent=False)
        flow = self._flow(inner)
        flow.count(p, sent=False)
        return readdressed(
            p,
            src=p.src,
            dst=self.public_ip,
            sport=p.sport,
            dport=flow.port,
            ttl=inward_ttl(p.ttl),
            quote=quote,
        )

    def _parties(self, p: Datagram, machine: int, *, sent: bool) -> tuple[bytes | None, Inner]:
        """Whose flow a packet is of; what an ICMP error quotes, rewritten."""
        name = machine, p.src, p.dst, p.proto, p.ip_id
        if p.fragment:
            try:
                return None, self._fragments[name]
            except KeyError:
                raise UntranslatableError("fragment_without_first") from None
        if (quoted := quoted_in(p)) is not None:
            return self._quoted(quoted, machine, sent=sent)
        if p.proto not in (TCP, UDP) and not _is_query(p, sent=sent):
            raise UntranslatableError("icmp_without_flow" if p.proto == ICMP else "other_protocol")
        inner = _inner(p, machine, sent=sent)
        if p.data[6] & 0x20:
            self._fragments[name] = inner
        return None, inner

    def _quoted(self, quoted: Datagram, machine: int, *, sent: bool) -> tuple[bytes, Inner]:
        """An error that comes in quotes what the machine sent, and the other way round."""
        if quoted.fragment or (
            quoted.proto not in (TCP, UDP) and not _is_query(quoted, sent=not sent)
        ):
            raise UntranslatableError("quotes_no_flow")
        inner = _inner(quoted, machine, sent=not sent)
        if inner not in self.flows:
            raise UntranslatableError("quotes_no_flow")
        port = self.flows[inner].port
        rewritten = readdressed(
            quoted,
            src=quoted.src if sent else self.public_ip,
            dst=self.public_ip if sent else quoted.dst,
            sport=quoted.sport if sent else port,
            dport=port if sent else quoted.dport,
            ttl=quoted.ttl,
            is_quote=True,
        )
        return rewritten, inner

    def _flow(self, inner: Inner) -> Flow:
        flow = self.flows.get(inner)
        if flow is None:
            flow = self.flows[inner] = Flow(inner, self._port(inner))
            self._taken[inner.proto, flow.port, inner.far, inner.far_port] = inner
        return flow

    def _port(self, inner: Inner) -> int:
        if self.policy == "exclusive":
            return self._exclusive_port(inner)
        if self.policy == "keep" and self._free(inner, inner.port):
            return inner.port
        return self._drawn(lambda port: self._free(inner, port))

    def _free(self, inner: Inner, port: int) -> bool:
        return (inner.proto, port, inner.far, inner.far_port) not in self._taken

    def _exclusive_port(self, inner: Inner) -> int:
        end = inner.machine, inner.ip, inner.port
        port = self._outer_port.get((inner.proto, *end))
        if port is None:
            port = inner.port
            if (inner.proto, port) in self._owner:
                port = self._drawn(lambda x: (inner.proto, x) not in self._owner)
            self._owner[inner.proto, port] = end
            self._outer_port[inner.proto, *end] = port
        return port

    def _drawn(self, free: Callable[[int], bool]) -> int:
        for _ in range(_DRAWS):
            port = self.rng.randint(_LOWEST, _HIGHEST)
            if free(port):
                return port
        for port in range(_LOWEST, _HIGHEST + 1):
            if free(port):
                return port
        raise UntranslatableError("ports_exhausted")


def _is_query(p: Datagram, *, sent: bool) -> bool:
    """A query of the machine's, or the reply to one."""
    return p.proto == ICMP and (p.icmp_type in QUERIES if sent else p.icmp_type in REPLIES)


def _inner(p: Datagram, machine: int, *, sent: bool) -> Inner:
    if sent:
        return Inner(machine, p.proto, p.src, p.sport, p.dst, p.dport)
    return Inner(machine, p.proto, p.dst, p.dport, p.src, p.sport)
