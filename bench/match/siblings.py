"""T7: IPv4 and IPv6 addresses of one machine, by the published methods and by wiretell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench.match.captured import profiled
from bench.match.figures import Figure, IntArray, bootstrapped, matthews
from lab.baselines.sibling_series import OTHER, SIBLING, UNKNOWN, series_of
from lab.baselines.siblings import SIBLING_METHODS
from lab.sim.sampled import FREE, HELD, Box, Sampling
from lab.sim.stacks import Oscillator, TsRegime
from wiretell.findings.match.across import INFORMED_BITS, SAME
from wiretell.findings.match.siblings import siblings
from wiretell.model.profiles import ProfileSet

OURS = "wiretell"
HOURS = 10.0
OPTIONS = (
    (("mss", "sok", "ts", "nop", "ws"), 7),
    (("mss", "nop", "ws", "nop", "nop", "ts", "sok", "eol"), 6),
    (("mss", "nop", "ws", "sok", "ts"), 8),
)
_CODE = {SIBLING: 1, OTHER: 0, UNKNOWN: -1}


@dataclass(frozen=True)
class Planted:
    """One kind of data: who shares an offset, whether NTP holds the clocks, at what rates."""

    name: str
    words: str
    regime: TsRegime
    oscillator: Oscillator
    hz: tuple[float, ...]


DATA = (
    Planted(
        "2016",
        "planted as in 2016: one offset per boot, free",
        "host",
        FREE,
        (250.0, 1000.0, 100.0),
    ),
    Planted("random", "random offsets, free clocks", "connection", FREE, (1000.0,)),
    Planted("held", "random offsets, clocks that NTP holds", "connection", HELD, (1000.0,)),
)


@dataclass(frozen=True)
class Row:
    """One method on one kind of data: all pairs of an IPv4 and an IPv6 address."""

    data: Planted
    method: str
    counts: Mapping[str, int]
    """tp, fp, tn, fn, unknown: pairs."""
    precision: Figure
    recall: Figure
    mcc: Figure


def measured(data: Planted, n: int, seed: int, hours: float = HOURS) -> list[Row]:
    """Every method on `n` machines with an address of each family, read once a minute."""
    boxes = tuple(_box(data, i) for i in range(n))
    keeps_s = 3600.0 if data.regime == "host" else hours * 3600.0
    sampling = Sampling(hours * 3600.0, 60.0, keeps_s)
    found, packets = profiled(boxes, sampling, seed, packets=True)
    assert packets is not None
    series = series_of(packets)
    verdicts = {OURS: _ours(found, n)}
    for name, method in SIBLING_METHODS.items():
        verdicts[name] = np.array(
            [[_CODE[method(series[_four(i)], series[_six(j)])] for j in range(n)] for i in range(n)]
        )
    return [_row(data, name, codes) for name, codes in verdicts.items()]


def _box(data: Planted, i: int) -> Box:
    options, scale = OPTIONS[i % len(OPTIONS)]
    return Box(
        f"box{i}",
        (_four(i), _six(i)),
        f"crystal{i}",
        data.oscillator,
        hz=data.hz[i % len(data.hz)],
        regime=data.regime,
        options=options,
        wscale=scale,
    )


def _four(i: int) -> str:
    return f"198.51.100.{1 + i}"


def _six(i: int) -> str:
    return f"2001:db8:1::{1 + i:x}"


def _ours(found: ProfileSet, n: int) -> IntArray:
    """Pairs as wiretell decides them: 1 sibling, 0 other, -1 undecided."""
    servers = replace(found, profiles=tuple(p for p in found.profiles if p.role == "server"))
    matching = siblings(servers)
    four = {_four(i): i for i in range(n)}
    six = {_six(i): i for i in range(n)}
    codes = np.full((n, n), -1, dtype=np.int64)
    for row, m in enumerate(matching.matches):
        for column, p in enumerate(matching.b.profiles):
            place = four[p.address], six[m.a.address]
            chosen = m.decision == SAME and m.b is not None
            if chosen and m.b is not None and m.b.address == p.address:
                codes[place] = 1
            elif codes[place] < 1 and (chosen or matching.bits[row, column] <= -INFORMED_BITS):
                codes[place] = 0
    return codes


def _row(data: Planted, method: str, codes: IntArray) -> Row:
    n = len(codes)
    counts = _counts(codes, np.arange(n))

    def of(figure: str) -> Figure:
        return bootstrapped(n, lambda rows: _figures(_counts(codes, rows))[figure])

    return Row(
        data,
        method,
        {key: int(count) for key, count in counts.items()},
        of("precision"),
        of("recall"),
        of("mcc"),
    )


def _counts(codes: IntArray, rows: IntArray) -> dict[str, float]:
    """Pairs of resampled machines: a machine drawn twice is one pair of its own, twice."""
    own = codes[rows, rows]
    cross = codes[np.ix_(rows, rows)][rows[:, None] != rows[None, :]]
    return {
        "tp": float((own == 1).sum()),
        "fn": float((own == 0).sum()),
        "fp": float((cross == 1).sum()),
        "tn": float((cross == 0).sum()),
        "unknown": float((own == -1).sum() + (cross == -1).sum()),
        "right": float(len(own)),
    }


def _figures(of: Mapping[str, float]) -> dict[str, float]:
    """Undecided pairs count against recall, and for nothing else, as in the publications."""
    claimed = of["tp"] + of["fp"]
    return {
        "precision": of["tp"] / claimed if claimed else math.nan,
        "recall": of["tp"] / of["right"],
        "mcc": matthews(of["tp"], of["fp"], of["tn"], of["fn"]),
    }
