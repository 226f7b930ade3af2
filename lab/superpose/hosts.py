"""Which machines a capture holds, and what is known of each: the pool that superpositions draw on.

A machine is a MAC address with one inner IPv4 address, or that address where the capture has no
MACs of both ends. A MAC with several inner addresses is a router, an access point or a machine that
moved: each address stands for itself. Inner addresses are private ones (RFC 1918, RFC 6598); where
a capture has none, as one made outside a NAT, the addresses that opened connections.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError
from pathlib import Path

from lab.sim.address import mac_text, number, text
from lab.superpose.datagram import Datagram, datagram_of, options_of
from lab.superpose.frames import FrameError, read_frames

GAP_NS = 3600 * 10**9
"""A longer silence ends a stretch: merged captures, frames with an absurd date."""

_INNER = ((0x0A000000, 8), (0xAC100000, 12), (0xC0A80000, 16), (0x64400000, 10))
_NOWHERE = ((0x00000000, 8), (0x7F000000, 8), (0xA9FE0000, 16), (0xE0000000, 3))
"""Not the address of any one machine elsewhere: this host, loopback, link-local, multicast on."""
_USER_AGENT = re.compile(rb"\r\nUser-Agent: ([^\r\n]{1,300})\r\n", re.IGNORECASE)
_MOST_USER_AGENTS = 6


def _within(ip: int, nets: tuple[tuple[int, int], ...]) -> bool:
    return any(ip >> (32 - bits) == net >> (32 - bits) for net, bits in nets)


def is_inner(ip: int) -> bool:
    """A private address, or one shared behind a carrier's NAT."""
    return _within(ip, _INNER)


def is_global(ip: int) -> bool:
    """The address of one machine out in the world. Documentation nets count: the lab uses them."""
    return not _within(ip, _INNER) and not _within(ip, _NOWHERE)


@dataclass(frozen=True)
class Selector:
    """A machine of a capture: its MAC address, or its IPv4 address."""

    mac: bytes = b""
    ip: int = 0

    @staticmethod
    def of(word: str) -> Selector:
        """From ``02:00:...`` or ``10.0.0.3``. Raises `ValueError`."""
        try:
            if ":" in word:
                mac = bytes.fromhex(word.replace(":", ""))
                if len(mac) != 6:
                    raise ValueError
                return Selector(mac=mac)
            return Selector(ip=number(word))
        except (ValueError, AddressValueError):
            raise ValueError(f"neither a MAC nor an IPv4 address: {word!r}") from None

    def __str__(self) -> str:
        return mac_text(self.mac) if self.mac else text(self.ip)

    def sent(self, p: Datagram) -> bool:
        """The machine sent it, to somewhere out in the world."""
        own = p.src_mac == self.mac and is_inner(p.src) if self.mac else p.src == self.ip
        return own and is_global(p.dst)

    def got(self, p: Datagram) -> bool:
        """It came for the machine, from somewhere out in the world."""
        own = p.dst_mac == self.mac and is_inner(p.dst) if self.mac else p.dst == self.ip
        return own and is_global(p.src)


@dataclass(frozen=True)
class HostFacts:
    """What a capture shows of one machine, in its longest stretch without an hour of silence."""

    capture: Path
    host: Selector
    ips: tuple[str, ...]
    family: str
    """windows, apple, linux (Android among them), other: by SYN signature."""
    n_sent: int
    n_got: int
    syns: int
    """Connections opened: repeated SYNs count once."""
    syns_with_ts: int
    first_ns: int
    seconds: float
    ttls: tuple[int, ...]
    signature: str
    """Most frequent SYN: TTL, window and options (kinds)."""
    user_agents: tuple[str, ...]


def stretch(times_ns: Sequence[int]) -> tuple[int, int]:
    """First and last time of the longest run (by packets) without an hour of silence."""
    ordered = sorted(times_ns)
    best = start = 0
    best_end = 0
    for i in range(1, len(ordered) + 1):
        if i == len(ordered) or ordered[i] - ordered[i - 1] > GAP_NS:
            if i - start > best_end - best:
                best, best_end = start, i
            start = i
    return ordered[best], ordered[best_end - 1]


def _family(syn: Datagram) -> str:
    kinds = [kind for kind, _ in options_of(syn.tcp_options())]
    if 64 < syn.ttl <= 128 and kinds[:1] == [2]:
        return "windows"
    if syn.ttl <= 64:
        if kinds[:3] == [2, 1, 3] and 8 in kinds and 0 in kinds:
            return "apple"
        if kinds == [2, 4, 8, 1, 3]:
            return "linux"
    return "other"


def _signature(syn: Datagram) -> str:
    window = int.from_bytes(syn.data[syn.head + 14 : syn.head + 16], "big")
    kinds = ",".join(str(kind) for kind, _ in options_of(syn.tcp_options()))
    return f"{syn.ttl}:{window}:{kinds}"


def _most_frequent(words: Iterable[str], otherwise: str) -> str:
    """Of equals the first met."""
    counted = Counter(words).most_common(1)
    return counted[0][0] if counted else otherwise


def _selectors(datagrams: Sequence[Datagram]) -> list[Selector]:
    """Machines of a capture in the order of their first packet."""
    ips_of: dict[bytes, dict[int, None]] = defaultdict(dict)
    for p in datagrams:
        if is_inner(p.src) and is_global(p.dst):
            ips_of[p.src_mac if p.dst_mac else b""].setdefault(p.src)
    if not ips_of:
        opened = {p.src: None for p in datagrams if p.opens and is_global(p.dst)}
        return [Selector(ip=ip) for ip in opened]
    found: dict[Selector, None] = {}
    for mac, ips in ips_of.items():
        if mac and len(ips) == 1:
            found.setdefault(Selector(mac=mac))
        else:
            found.update((Selector(ip=ip), None) for ip in ips)
    return list(found)


def facts_of(capture: Path, host: Selector, datagrams: Sequence[Datagram]) -> HostFacts | None:
    """What `datagrams` show of `host`; None if it sent nothing out into the world."""
    own = [(p, host.sent(p)) for p in datagrams if host.sent(p) or host.got(p)]
    if not any(sent for _, sent in own):
        return None
    first_ns, last_ns = stretch([p.time_ns for p, _ in own])
    own = [(p, sent) for p, sent in own if first_ns <= p.time_ns <= last_ns]
    out = [p for p, sent in own if sent]
    syns = list({(p.src, p.sport, p.dst, p.dport, p.seq): p for p in out if p.opens}.values())
    agents = {
        match[1].decode("latin-1"): None for p in out if (match := _USER_AGENT.search(p.payload()))
    }
    return HostFacts(
        capture=capture,
        host=host,
        ips=tuple(dict.fromkeys(text(p.src) for p in out)),
        family=_most_frequent(map(_family, syns), "other"),
        n_sent=len(out),
        n_got=len(own) - len(out),
        syns=len(syns),
        syns_with_ts=sum(any(kind == 8 for kind, _ in options_of(p.tcp_options())) for p in syns),
        first_ns=first_ns,
        seconds=(last_ns - first_ns) * 1e-9,
        ttls=tuple(sorted({p.ttl for p in out})),
        signature=_most_frequent(map(_signature, syns), ""),
        user_agents=tuple(agents)[:_MOST_USER_AGENTS],
    )


def hosts_of(capture: Path) -> list[HostFacts]:
    """The machines of a capture. Raises `FrameError`, `OSError`."""
    frames = read_frames(capture).frames
    datagrams = [p for p in map(datagram_of, frames) if p is not None]
    facts = (facts_of(capture, host, datagrams) for host in _selectors(datagrams))
    return [x for x in facts if x is not None]


def pool(folder: Path, min_syns: int = 1) -> tuple[list[HostFacts], list[Path]]:
    """The usable machines of all captures below `folder`, by path; and files that are no capture.

    Usable is a machine that opened `min_syns` connections, and is the only one of its MAC or
    address among the captures: of several captures of one machine the one with most SYNs is taken.
    """
    best: dict[str, HostFacts] = {}
    unread: list[Path] = []
    for path in sorted(x for x in folder.rglob("*") if x.is_file() and _may_be_capture(x)):
        try:
            found = hosts_of(path)
        except FrameError:
            unread.append(path)
            continue
        for facts in found:
            if facts.syns < min_syns:
                continue
            # An inner address says nothing across captures; a MAC does.
            name = str(facts.host) if facts.host.mac else f"{path}@{facts.host}"
            if name not in best or best[name].syns < facts.syns:
                best[name] = facts
    ordered = sorted(best.values(), key=lambda x: (str(x.capture), str(x.host)))
    return ordered, unread


def _may_be_capture(path: Path) -> bool:
    return bool({".pcap", ".pcapng", ".cap"} & set(path.suffixes[-2:]))
