"""What a method says of one capture, in one shape for all methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

import wiretell
from bench.accuracy.captures import Drawn
from lab.baselines import Line, line_of, read_packets
from lab.score import Reliability, TrueFlows, nothing_said
from lab.score.flows import flow_key
from wiretell.exporter import Options
from wiretell.exporters.flow_rows import flow_rows
from wiretell.model.report import Report


@dataclass(frozen=True)
class Tally:
    """How many could be right, and how many are."""

    n: int
    n_right: int


NOTHING = Tally(0, 0)


@dataclass(frozen=True)
class Count:
    """Machines found behind one address; without an interval `low` and `high` are that number."""

    n: int
    low: int
    high: int
    verdict: str = ""
    probabilities: tuple[float, ...] = ()
    """Of 1, 2, ... machines, where the method has any."""


@dataclass(frozen=True)
class Answer:
    """A method's answer; flows in the order of the truth.

    `devices` and `confidences` have one entry per flow of the truth; a device is None, and its
    confidence 0, where the flow was not assigned. `seconds` is CPU time of the analysis.
    """

    counts: dict[str, Count]
    devices: Sequence[str | None]
    confidences: Sequence[float]
    seconds: float
    rates: Tally = NOTHING
    """Flows whose timestamp rate is right."""
    regimes: Tally = NOTHING
    """Machines whose timestamp offset regime is right."""
    pairs: Reliability = field(default_factory=nothing_said)
    """Probabilities that two flows are one machine's."""


@dataclass(frozen=True)
class Material:
    """What methods work on: a capture, its flows by wiretell's core, where these are in the truth.

    `report` is the whole analysis. `places` has columns flow_id, side, address, place: the flow
    sides of the public addresses and the place of each in the truth's flows.
    """

    drawn: Drawn
    report: Report
    places: pl.DataFrame
    seconds: float

    @property
    def addresses(self) -> list[str]:
        """The public addresses, sorted."""
        return sorted({flow.address for flow in self.drawn.flows.flows})

    @cached_property
    def lines(self) -> dict[str, Line]:
        """What baselines are given of each public address."""
        packets = read_packets(self.drawn.path)
        return {address: line_of(self.report, packets, address) for address in self.addresses}


Method = Callable[[Material], Answer]


def material(drawn: Drawn) -> Material:
    """Analyses a capture. Raises what `wiretell.analyze` raises, RuntimeError if a signal failed.

    Without a signal the judgement goes on, and counts: a figure of it would be of another engine.
    """
    start = time.process_time()
    report = wiretell.analyze(drawn.path)
    seconds = time.process_time() - start
    if report.provenance["failed_signals"]:
        raise RuntimeError(f"signals failed: {report.provenance['failed_signals']}")
    addresses = tuple({flow.address for flow in drawn.flows.flows})
    return Material(drawn, report, _places(report, drawn.flows, addresses), seconds)


def _places(report: Report, flows: TrueFlows, addresses: tuple[str, ...]) -> pl.DataFrame:
    rows = flow_rows(report, Options(addresses=addresses))
    found: list[tuple[int, int, str, int]] = []
    columns = rows.select(
        "flow_id", "side", "first_ns", "proto", "src", "sport", "dst", "dport"
    ).iter_rows()
    for flow_id, side, first_ns, proto, src, sport, dst, dport in columns:
        key = flow_key(proto, src, str(sport), dst, str(dport))
        found += [(flow_id, side, src, place) for place in flows.places(key, first_ns)]
    schema = {"flow_id": pl.UInt64, "side": pl.UInt8, "address": pl.String, "place": pl.Int64}
    return pl.DataFrame(found, schema=schema, orient="row")
