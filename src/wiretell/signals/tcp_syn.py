"""The handwriting of a TCP/IP stack in its SYN: option order, window, MSS, TTL.

Physics: the order of options and the initial TTL are written into the kernel; window and scale
are tuned by system and program; the TTL falls by one at every router on the way, so a different
distance behind one address means a router (or a tethering phone) inside.
Source: p0f 3 (M. Zalewski) for the signature syntax; Maier et al. (PAM 2011) for TTL.
Blind spots: two machines of one system write alike; raw-socket programs write their own SYN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from wiretell.signal import Label, LabelRule, Scores, Signal

NAME = "tcp_syn"

RULES = (
    LabelRule("stack", 2.0, -10.0, "initial TTL and option order of the SYN", 3),
    LabelRule("window", 1.0, -7.0, "window and scale of the SYN", 10),
    LabelRule("mss", 0.5, -1.0, "MSS of the SYN"),
    LabelRule("initial ttl", 0.5, -8.0, "initial TTL", 1),
    LabelRule("hops", 0.5, -3.0, "distance by TTL", 2),
)

TCP, UDP = 6, 17
DISCOVERY_PORTS = (67, 68, 1900, 3702, 5353, 5355)
"""DHCP, SSDP, WS-Discovery, mDNS, LLMNR."""
RAW_WINDOWS = frozenset(f"{n * 1024},0" for n in (1, 2, 3, 4))
MAX_DISTANCES = 5
LOWEST_TTL = 24
"""Below this a TTL is a traceroute's, not a stack's."""


@dataclass(frozen=True)
class Signature:
    """The fields of a p0f raw signature that a stack keeps."""

    initial_ttl: int
    hops: int
    mss: str
    window: str
    layout: str
    quirks: str

    @property
    def raw(self) -> bool:
        """Looks like a scanner's raw socket: no options, or an MSS alone in nmap's windows."""
        return self.layout == "" or (self.layout == "mss" and self.window in RAW_WINDOWS)

    @property
    def stack(self) -> str:
        """What the kernel wrote: initial TTL and option order."""
        return f"{self.initial_ttl}:{self.layout}"


def parse(text: str) -> Signature | None:
    """A signature in p0f's raw syntax; None if it is not one."""
    fields = text.split(":")
    if len(fields) != 8:
        return None
    ttl, _, hops = fields[1].partition("+")
    if not (ttl.isdigit() and hops.isdigit()):
        return None
    distance = int(hops)
    return Signature(int(ttl) + distance, distance, fields[3], fields[4], fields[5], fields[6])


def initial_ttl(ttl: int) -> int:
    """The initial value a TTL most probably started from (32, 64, 128 or 255)."""
    return next(start for start in (32, 64, 128, 255) if ttl <= start)


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Labels of stack, window, MSS, initial TTL and distance."""
    del observations
    labels: list[Label] = []
    raw: set[int] = set()
    opened = sides.filter(pl.col("initiator") & pl.col("syn").is_not_null())
    written = {syn: _written(syn) for syn in opened["syn"].unique().to_list()}
    for number, syn, n_bytes in opened.select("number", "syn", "bytes").iter_rows():
        is_raw, texts = written[syn]
        # A scanner says nothing more; small stacks that write alike go on to talk.
        if is_raw and not n_bytes:
            raw.add(number)
        else:
            labels += [Label(number, kind, text) for kind, text in texts]
    travelling = sides.filter(
        (pl.col("ttl") >= LOWEST_TTL)
        & (
            ((pl.col("proto") == TCP) & ~_lone_segment())
            | ((pl.col("proto") == UDP) & ~_set_by_program())
        )
    )
    own = [x for x in travelling.select("number", "ttl").iter_rows() if x[0] not in raw]
    starts = {ttl: initial_ttl(ttl) for _, ttl in own}
    drawn = _drawn((start, ttl) for ttl, start in starts.items())
    hops = {ttl: f"{start}-{start - ttl}" for ttl, start in starts.items() if start not in drawn}
    initial = {ttl: str(start) for ttl, start in starts.items()}
    for number, ttl in own:
        labels.append(Label(number, "initial ttl", initial[ttl]))
        if ttl in hops:
            labels.append(Label(number, "hops", hops[ttl]))
    return Scores(labels=labels, rules=RULES)


def _written(syn: str) -> tuple[bool, tuple[tuple[str, str], ...]]:
    """Is it a raw socket's, and (kind, text) of its labels."""
    signature = parse(syn)
    if signature is None:
        return False, ()
    labels = ("stack", signature.stack), ("window", signature.window), ("mss", signature.mss)
    return signature.raw, labels


def _lone_segment() -> pl.Expr:
    """One segment and no SYN: often a reset that a firewall made up, with a TTL of its own."""
    return (pl.col("pkts") == 1) & (pl.col("n_syn") == 0)


def _set_by_program() -> pl.Expr:
    """Multicast, broadcast and discovery: programs choose the TTL themselves (RFC 1112, 6762).

    DHCP servers and clients write their IP headers as well.
    """
    peer = pl.col("peer")
    group = (
        peer.str.starts_with("ff")
        | peer.str.contains(r"^(22[4-9]|23\d)\.")
        | peer.str.ends_with(".255")
    )
    return (
        group | pl.col("peer_port").is_in(DISCOVERY_PORTS) | pl.col("port").is_in(DISCOVERY_PORTS)
    )


def _drawn(starts: Iterable[tuple[int, int]]) -> set[int]:
    """Initial TTLs whose distances are so many that a program draws them (scanners do)."""
    distances = Counter(start for start, _ in set(starts))
    return {start for start, n in distances.items() if n > MAX_DISTANCES}


SIGNAL = Signal(NAME, score=score)
