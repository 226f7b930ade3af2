"""Machines of several captures, moved in time and placed behind one public address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from lab.sim.address import number
from lab.sim.write import CapturedPacket
from lab.superpose.datagram import Datagram, datagram_of
from lab.superpose.frames import read_frames
from lab.superpose.hosts import HostFacts, Selector, facts_of, hosts_of
from lab.superpose.translate import Flow, PortPolicy, Translator, UntranslatableError

PUBLIC_IP = "203.0.113.7"
START_NS = 1_700_000_000 * 10**9
_ROUTER_MAC = bytes.fromhex("020000000001")
_PROVIDER_MAC = bytes.fromhex("020000000002")
_ETHERNET_IPV4 = b"\x08\x00"
_SHORTEST_ETHERNET = 60
_NS = 10**9


@dataclass(frozen=True)
class Source:
    """One machine of one capture."""

    capture: Path
    host: Selector

    @staticmethod
    def of(word: str) -> Source:
        """From ``FILE`` (its only machine) or ``FILE@HOST``. Raises `ValueError`, `OSError`."""
        name, at, host = word.rpartition("@")
        if at and not Path(word).exists():
            return Source(Path(name), Selector.of(host))
        found = hosts_of(Path(word))
        if len(found) != 1:
            names = ", ".join(str(x.host) for x in found) or "none"
            raise ValueError(f"{word}: name one of its machines by {word}@HOST: {names}")
        return Source(Path(word), found[0].host)


@dataclass(frozen=True)
class Device:
    """A machine of the superposition; `facts` are those of its capture, inside, in its own time."""

    device_id: str
    facts: HostFacts
    shift_ns: int
    """Added to its times."""


@dataclass(frozen=True)
class Superposition:
    """What a tap outside the router saw, in order of time, and what was really so."""

    packets: list[CapturedPacket]
    devices: tuple[Device, ...]
    flows: tuple[Flow, ...]
    """In order of their first packet; `Flow.inner.machine` is an index into `devices`."""
    public_ip: str
    dropped: dict[str, int]
    """Packets of the machines that do not pass, by reason."""


@dataclass(frozen=True)
class _Passage:
    """A packet of a machine, its time as outside."""

    datagram: Datagram
    machine: int
    sent: bool


def superpose(
    sources: Sequence[Source],
    seed: int,
    *,
    ports: PortPolicy = "keep",
    spread_s: float = 60.0,
    seconds: float | None = None,
    keep_times: bool = False,
    public_ip: str = PUBLIC_IP,
) -> Superposition:
    """Place the machines of `sources` behind `public_ip`.

    Each begins at a moment drawn from the first `spread_s` seconds; packets of one machine keep
    their distances. `seconds` ends the capture so long after its beginning. `keep_times` leaves
    every machine where it was. The same arguments give the same bytes.

    Raises `ValueError` for a machine that sent nothing out into the world or is named twice,
    `FrameError` and `OSError` for captures that cannot be read.
    """
    if len(set(sources)) < len(sources):
        raise ValueError("a machine is named twice")
    rng = Random(f"superpose/{seed}")
    dropped: Counter[str] = Counter()
    devices: list[Device] = []
    passages: list[_Passage] = []
    datagrams_of: dict[Path, list[Datagram]] = {}
    for machine, source in enumerate(sources):
        if source.capture not in datagrams_of:
            frames = read_frames(source.capture)
            dropped["capture_damaged"] += frames.damaged
            datagrams_of[source.capture] = [
                p for p in map(datagram_of, frames.frames) if p is not None
            ]
        datagrams = datagrams_of[source.capture]
        facts = facts_of(source.capture, source.host, datagrams)
        if facts is None:
            raise ValueError(f"{source.capture}: {source.host} sent nothing out into the world")
        begins_ns = START_NS + round(rng.uniform(0.0, spread_s) * _NS)
        shift_ns = 0 if keep_times else begins_ns - facts.first_ns
        devices.append(Device(f"dev{machine + 1:02d}", facts, shift_ns))
        last_ns = facts.first_ns + round(facts.seconds * _NS)
        for p in datagrams:
            sent = source.host.sent(p)
            if not sent and not source.host.got(p):
                continue
            if facts.first_ns <= p.time_ns <= last_ns:
                passages.append(_Passage(replace(p, time_ns=p.time_ns + shift_ns), machine, sent))
            else:
                dropped["another_time"] += 1
    passages.sort(key=lambda x: x.datagram.time_ns)
    if seconds is not None and passages:
        begin_ns = passages[0].datagram.time_ns if keep_times else START_NS
        kept = [x for x in passages if x.datagram.time_ns < begin_ns + round(seconds * _NS)]
        dropped["too_late"] += len(passages) - len(kept)
        passages = kept
    translator = Translator(number(public_ip), ports, Random(f"superpose/{seed}/ports"))
    packets = _translated(translator, passages, dropped)
    flows = sorted(translator.flows.values(), key=lambda flow: flow.first_ns)
    return Superposition(packets, tuple(devices), tuple(flows), public_ip, dict(+dropped))


def _translated(
    translator: Translator, passages: Sequence[_Passage], dropped: Counter[str]
) -> list[CapturedPacket]:
    out: list[CapturedPacket] = []
    for x in passages:
        try:
            if x.sent:
                body = translator.out(x.datagram, x.machine)
                macs = _PROVIDER_MAC + _ROUTER_MAC
            else:
                body = translator.back(x.datagram, x.machine)
                macs = _ROUTER_MAC + _PROVIDER_MAC
        except UntranslatableError as reason:
            dropped[str(reason)] += 1
            continue
        out.append(_captured(macs + _ETHERNET_IPV4 + body, x.datagram))
    return out


def _captured(data: bytes, p: Datagram) -> CapturedPacket:
    """On an Ethernet; what the input's snap length cut stays cut."""
    n_wire_bytes = max(_SHORTEST_ETHERNET, 14 + p.size)
    if len(p.data) == p.size:
        data += bytes(n_wire_bytes - len(data))
    return CapturedPacket(p.time_ns, data, n_wire_bytes)


def chosen(
    pool: Sequence[HostFacts], n: int, seed: int, families: frozenset[str] = frozenset()
) -> list[Source]:
    """`n` different machines of a pool, of the families named or of all, drawn by the seed.

    Raises `ValueError` if there are fewer.
    """
    usable = [x for x in pool if not families or x.family in families]
    if len(usable) < n:
        raise ValueError(f"{n} machines wanted, {len(usable)} there")
    drawn = Random(f"superpose/{seed}/hosts").sample(usable, n)
    return [Source(x.capture, x.host) for x in drawn]
