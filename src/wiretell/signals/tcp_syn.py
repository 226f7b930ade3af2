"""The handwriting of a TCP/IP stack in its SYN: option order, window, MSS, TTL.

Physics: the order of options and the initial TTL are written into the kernel; window and scale
are tuned by system and program; the TTL falls by one at every router on the way, so a different
distance behind one address means a router (or a tethering phone) inside.
Source: p0f 3 (M. Zalewski) for the signature syntax; Maier et al. (PAM 2011) for TTL.
Blind spots: two machines of one system write alike; raw-socket programs write their own SYN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.signal import LabelRule, Labels, Scores, Signal
from wiretell.stats.assignment import codes

IntArray = NDArray[np.int64]

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
    opened = sides.filter(pl.col("initiator") & pl.col("syn").is_not_null())
    number, n_bytes = opened["number"].to_numpy(), opened["bytes"].to_numpy()
    syn = codes(opened["syn"].to_list())
    written = [_written(text) for text in dict.fromkeys(opened["syn"].to_list())]
    is_raw = np.array([raw for raw, _ in written], dtype=bool)
    # A scanner says nothing more; small stacks that write alike go on to talk.
    raw = is_raw[syn] & (n_bytes == 0)
    told = _of_texts(number[~raw], syn[~raw], [texts for _, texts in written])
    travelling = sides.filter(
        (pl.col("ttl") >= LOWEST_TTL)
        & (
            ((pl.col("proto") == TCP) & ~_lone_reset())
            | ((pl.col("proto") == UDP) & ~_set_by_program())
        )
    )
    number_of, ttl_of = travelling["number"].to_numpy(), travelling["ttl"].to_numpy()
    own = ~np.isin(number_of, number[raw])
    ttls, ttl = np.unique(ttl_of[own], return_inverse=True)
    starts = {at: initial_ttl(at) for at in ttls.tolist()}
    drawn = _drawn((start, at) for at, start in starts.items())
    texts = [
        (("initial ttl", str(start)),)
        + ((("hops", f"{start}-{start - at}"),) if start not in drawn else ())
        for at, start in starts.items()
    ]
    told += _of_texts(number_of[own], ttl, texts)
    return Scores(labels=Labels.together(told), rules=RULES)


def _of_texts(
    number: IntArray, code: IntArray, texts: Sequence[Sequence[tuple[str, str]]]
) -> list[Labels]:
    """Labels of sides that show the texts of their code: one kind after the other."""
    found: list[Labels] = []
    for k in range(max(map(len, texts), default=0)):
        shown = [(i, of_code[k]) for i, of_code in enumerate(texts) if len(of_code) > k]
        place = np.full(len(texts), -1, dtype=np.int64)
        place[[i for i, _ in shown]] = np.arange(len(shown))
        at = place[code]
        some = at >= 0
        found.append(Labels(number[some].astype(np.int64), at[some], [pair for _, pair in shown]))
    return found


def _written(syn: str) -> tuple[bool, tuple[tuple[str, str], ...]]:
    """Is it a raw socket's, and (kind, text) of its labels."""
    signature = parse(syn)
    if signature is None:
        return False, ()
    labels = ("stack", signature.stack), ("window", signature.window), ("mss", signature.mss)
    return signature.raw, labels


def _lone_reset() -> pl.Expr:
    """A reset and nothing else: often a firewall made it up, with a TTL of its own."""
    reset = pl.col("reset").fill_null(value=True)
    return (pl.col("pkts") == 1) & (pl.col("n_syn") == 0) & reset


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
