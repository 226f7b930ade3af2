"""IP identification (RFC 791, RFC 6864): a counter that some stacks still step per packet.

Physics: old Windows, printers, cameras and small stacks step one counter for every packet to
anywhere; Windows 8 to 11 one counter per destination; Linux one per socket; Apple, BSD and
others send random numbers or zero. Some little-endian machines step the swapped bytes.
Which reading holds is decided here before a step is believed: for each initial TTL, and each
protocol apart where no counter serves them all.
Source: Bellovin, "A technique for counting NATted hosts" (2002); Klein and Pinkas (2019).
Blind spots: per-socket counters tell nothing across flows, and many flows with them hide a global
counter of the same initial TTL; packets that go elsewhere widen the steps; middleboxes rewrite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.signal import Counter, Label, LabelRule, Link, Scores, Signal
from wiretell.stats.assignment import codes, path_cover

NAME = "ip_id"
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

MODULUS = 65536
MAX_GAP = 1024
"""Longest step between flows looked at; a step g is worth about 14 - 1.3 log2(g) bits."""
N_NEAREST = 6
"""Predecessors by counter value kept for each flow."""
SILENCE_S = 300.0
MIN_SHARE = 0.2
DENSE_SHARE = 0.6
"""Share of near steps from which every flow is taken to step the counter."""
MAX_BITS = 13.0


@dataclass(frozen=True)
class Reading:
    """One way to read identifications across flows."""

    regime: str
    per_destination: bool
    swapped: bool


GLOBAL = (Reading("global", False, False), Reading("global, bytes swapped", False, True))
READINGS = (*GLOBAL, Reading("per destination", True, False))
GLOBAL_LEAD = 0.25
"""A counter per destination must explain this much more than a global one to be believed:
towards one destination a global counter steps by little too."""


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Links from each flow to the flow whose counter it continues, and the regime of each side."""
    del observations
    usable = sides.filter((pl.col("ipid_n") > 0) & pl.col("ipid_first").is_not_null())
    regimes = _within(usable)
    links: list[Link] = []
    counters: list[Counter] = []
    counting = usable.filter(pl.col("ipid_zero") * 2 < pl.col("ipid_n"))
    for (_initial,), group in counting.group_by([_initial_ttl()], maintain_order=True):
        # One counter for all protocols, or each protocol read on its own.
        shared = _best(group, GLOBAL) is not None
        for part in [group] if shared else group.partition_by("proto"):
            found, names = _across(part, GLOBAL if shared else READINGS)
            links += found
            regimes |= names
            if any(link.counter for link in found):
                on = part.filter(pl.col("number").is_in(names.keys()))
                counters.append(_counter(on, "swapped" in next(iter(names.values()))))
    return Scores(
        links=links, labels=_labels(usable), rules=RULES, counters=counters, regimes=regimes
    )


def _initial_ttl() -> pl.Expr:
    ttl = pl.col("ttl")
    return pl.when(ttl > 128).then(255).when(ttl > 64).then(128).otherwise(64).alias("initial")


RULES = (LabelRule("ipid of udp", 1.0, -2.0, "IP identifications of UDP zero or not"),)


def _labels(usable: pl.DataFrame) -> list[Label]:
    udp = usable.filter(pl.col("proto") == 17)
    zero = (udp["ipid_zero"] == udp["ipid_n"]).to_list()
    return [
        Label(n, "ipid of udp", "zero" if z else "not zero")
        for n, z in zip(udp["number"].to_list(), zero, strict=True)
    ]


def _within(usable: pl.DataFrame) -> dict[int, str]:
    """Regime as far as one flow tells: zero, constant, per connection (+1), random."""
    regimes: dict[int, str] = {}
    columns = (
        "number",
        "ipid_n",
        "ipid_zero",
        "ipid_same",
        "ipid_one",
        "ipid_small",
        "ipid_swap_one",
        "ipid_swap_small",
    )
    for number, n, zero, same, one, small, swap_one, swap_small in usable.select(
        columns
    ).iter_rows():
        steps = n - 1
        if zero == n:
            regimes[number] = "zero"
        elif steps < 3:
            regimes[number] = "unknown"
        elif same >= 0.9 * steps:
            regimes[number] = "constant"
        elif one + small >= 0.7 * steps:
            regimes[number] = "per connection"
        elif swap_one + swap_small >= 0.7 * steps:
            regimes[number] = "bytes swapped"
        else:
            regimes[number] = "random"
    return regimes


Steps = tuple[float, Reading, IntArray, IntArray, IntArray]


def _best(group: pl.DataFrame, readings: Sequence[Reading]) -> Steps | None:
    """The reading that explains most flows: (share, reading, tail, head, gap) of its steps."""
    start, end = group["start_s"].to_numpy(), group["end_s"].to_numpy()
    goals = codes(group["peer"].to_list())
    best: Steps | None = None
    for reading in readings:
        first, last = (
            _order(group[c].to_numpy().astype(np.int64), reading.swapped)
            for c in ("ipid_first", "ipid_last")
        )
        tail, head, gap, share = _steps(first, last, start, end, goals, reading)
        lead = GLOBAL_LEAD if reading.per_destination else 0.05
        if share > MIN_SHARE and (best is None or share > best[0] + lead):
            best = (share, reading, tail, head, gap)
    return best


def _across(group: pl.DataFrame, readings: Sequence[Reading]) -> tuple[list[Link], dict[int, str]]:
    best = _best(group, readings)
    if best is None:
        return [], {}
    numbers = group["number"].to_numpy().astype(np.int64)
    start, end = group["start_s"].to_numpy(), group["end_s"].to_numpy()
    share, reading, tail, head, gap = best
    gain = np.minimum(_bits(gap, share), MAX_BITS)
    gain = gain - 0.3 * np.log2(1.0 + np.maximum(start[head] - end[tail], 0.0))
    taken = path_cover(len(numbers), tail, head, gain)
    dense = not reading.per_destination and share > DENSE_SHARE
    links = [
        Link(
            NAME,
            int(numbers[tail[e]]),
            int(numbers[head[e]]),
            float(gain[e]),
            f"IP identification {reading.regime}: +{gap[e]} from one flow to the next",
            counter=f"identifications, {reading.regime}" if dense else "",
        )
        for e in taken
        if gain[e] >= 1.0
    ]
    joined = {n for link in links for n in (link.a, link.b)}
    return links, dict.fromkeys(sorted(joined), reading.regime)


def _counter(group: pl.DataFrame, swapped: bool) -> Counter:
    """The global counter, where the sides of one kind met it."""
    first, last = (
        _order(group[c].to_numpy().astype(np.int64), swapped).tolist()
        for c in ("ipid_first", "ipid_last")
    )
    numbers, starts, ends = (group[c].to_list() for c in ("number", "start_s", "end_s"))
    marks = {
        n: ((start_s, v), (end_s, w))
        for n, start_s, end_s, v, w in zip(numbers, starts, ends, first, last, strict=True)
    }
    return Counter(NAME, MODULUS, MAX_GAP, 1000.0, marks)


def _order(ids: IntArray, swapped: bool) -> IntArray:
    return ((ids & 255) << 8) | (ids >> 8) if swapped else ids


def _steps(
    first: IntArray,
    last: IntArray,
    start: FloatArray,
    end: FloatArray,
    goals: IntArray,
    reading: Reading,
) -> tuple[IntArray, IntArray, IntArray, float]:
    """Candidate predecessors of each flow and the share of flows that have a near one.

    A flow may continue another's last identification (if that ended before) or its first one
    (if both overlap: one counter interleaves their packets).
    """
    tails, heads, gaps = [], [], []
    near = able = 0
    chance = 0.0
    for j in range(len(first)):
        lo = int(np.searchsorted(start, start[j] - SILENCE_S))
        earlier = np.arange(max(lo, j - 400), j)
        if reading.per_destination:
            earlier = earlier[goals[earlier] == goals[j]]
        if len(earlier) == 0:
            continue
        ended = end[earlier] <= start[j]
        from_last = np.where(ended, (first[j] - last[earlier]) % MODULUS, MODULUS)
        from_first = np.where(ended, MODULUS, (first[j] - first[earlier]) % MODULUS)
        gap = np.minimum(from_last, from_first)
        gap = np.where(gap == 0, MODULUS, gap)
        # A step towards the same destination proves no global counter.
        others = gap if reading.per_destination else gap[goals[earlier] != goals[j]]
        if len(others):
            able += 1
            near += bool(others.min() <= 16)
            chance += 1.0 - (1.0 - 16.0 / MODULUS) ** len(others)
        pick = np.argsort(gap, kind="stable")[:N_NEAREST]
        pick = pick[gap[pick] <= MAX_GAP]
        tails.append(earlier[pick])
        heads.append(np.full(len(pick), j))
        gaps.append(gap[pick])
    if able < 3 or not tails:
        empty = np.empty(0, dtype=np.int64)
        return empty, empty, empty, 0.0
    share = (near - chance - 2.0 * np.sqrt(max(near, 1))) / able
    return np.concatenate(tails), np.concatenate(heads), np.concatenate(gaps), float(share)


def _bits(gap: IntArray, share: float) -> FloatArray:
    """Steps between flows have a heavy tail: p(g) about 0.3 / g**1.3 against 1 / 65536."""
    near = 0.3 / np.power(gap.astype(np.float64), 1.3)
    result: FloatArray = np.log2(share * near * MODULUS + (1.0 - share))
    return result


SIGNAL = Signal(NAME, score=score)
