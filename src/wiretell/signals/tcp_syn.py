"""The handwriting of a TCP/IP stack in its SYN: option order, window, MSS, TTL.

Physics: the order of options and the initial TTL are written into the kernel; window and scale
are tuned by system and program; the TTL falls by one at every router on the way, so a different
distance behind one address means a router (or a tethering phone) inside.
Source: p0f 3 (M. Zalewski) for the signature syntax; Maier et al. (PAM 2011) for TTL.
Blind spots: two machines of one system write alike; raw-socket programs write their own SYN.
"""

from __future__ import annotations

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
    return Signature(int(ttl), int(hops), fields[3], fields[4], fields[5], fields[6])


def initial_ttl(ttl: int) -> int:
    """The initial value a TTL most probably started from (32, 64, 128 or 255)."""
    return next(start for start in (32, 64, 128, 255) if ttl <= start)


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Labels of stack, window and distance."""
    del observations
    labels: list[Label] = []
    for number, opened, syn, ttl in sides.select("number", "initiator", "syn", "ttl").iter_rows():
        signature = parse(syn) if syn is not None and opened else None
        if signature is not None:
            labels.append(Label(number, "stack", signature.stack))
            labels.append(Label(number, "window", signature.window))
            labels.append(Label(number, "mss", signature.mss))
        if ttl is not None and ttl >= LOWEST_TTL:
            start = initial_ttl(ttl)
            labels.append(Label(number, "initial ttl", str(start)))
            labels.append(Label(number, "hops", f"{start}-{start - ttl}"))
    return Scores(labels=labels, rules=RULES)


SIGNAL = Signal(NAME, score=score)
