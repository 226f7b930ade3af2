"""Flows and samples -> a row per clock, with its curve and the points to draw: the way in.

The slope is that of the joint linear program over all units of a subject (`stats.joint_rate`);
everything that needs single readings (robust slope, wander, steps) is of the samples.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from wiretell.findings.clocks.advice import SHORT_PPM, advice, agree, quality
from wiretell.findings.clocks.boot import boot_time
from wiretell.findings.clocks.countermeasures import countermeasure
from wiretell.findings.clocks.discipline import common_words, discipline
from wiretell.findings.clocks.history import (
    STEADY,
    Skew,
    Steps,
    curve_rows,
    history_of,
    shown,
    steps_of,
    wander_words,
)
from wiretell.findings.clocks.readings import Readings, apart, readings_of
from wiretell.findings.clocks.subjects import Fit, Subject, fit, subjects_of
from wiretell.findings.clocks.told import readings_said, told_units
from wiretell.findings.clocks.units import Key, Unit, heard_of
from wiretell.model.clocks import (
    CLOCKS,
    CURVES,
    DEVICE,
    FLOW,
    LEVELS,
    NTP,
    POINTS,
    RTP,
    TCP_TIMESTAMP,
    ClockReport,
)
from wiretell.model.report import Report
from wiretell.stats.common_mode import CommonMode, common_mode, weighed
from wiretell.stats.robust_slope import robust_slopes

Row = dict[str, object]
PRECISION_PPM = 1.0
HULL_CAUTION = 1.7
"""How much larger than its spread the error by the hull is, for one flow: `bench.skew`."""
TIME_OF_DAY, PER_STREAM = "time of day", "per stream"
"""Offsets of clocks that are told in payloads."""
OBSERVER = (
    "Rates are against the clock of the machine that captured: if that is 10 ppm fast, all others"
    " seem 10 ppm slow. Differences between machines are not touched by it."
)


@dataclass
class _Tables:
    """Rows gathered so far."""

    clocks: list[Row] = field(default_factory=list)
    curves: list[Mapping[str, object]] = field(default_factory=list)
    points: list[pl.DataFrame] = field(default_factory=list)


@dataclass(frozen=True)
class _Measured:
    """One subject and what its rate and its readings are.

    `skew` and `robust` are (ppm, standard error), steps taken out.
    """

    subject: Subject
    fit: Fit
    readings: Readings
    robust: Skew
    steps: Steps

    @property
    def skew(self) -> Skew | None:
        """By the hull; None without a rate."""
        return self.steps.hull or self.fit.skew_ppm

    @property
    def best(self) -> tuple[float, float, str] | None:
        """Skew, standard error and method; None without one rate.

        Where both methods agree their weighted mean: their errors hardly hang together
        (`bench.skew` measures it). Its own error is not said to be smaller than the smaller one.
        """
        skew = self.skew
        if skew is None or self.fit.is_several:
            return None
        if agree(skew, self.robust):
            weights = (HULL_CAUTION / max(skew[1], 1e-6)) ** 2, max(self.robust[1], 1e-6) ** -2
            ppm = (weights[0] * skew[0] + weights[1] * self.robust[0]) / sum(weights)
            return ppm, min(skew[1], self.robust[1]), "both"
        return (*self.robust, "regression") if self.robust[1] < skew[1] else (*skew, "hull")


def clock_report(
    report: Report,
    *,
    level: str = DEVICE,
    addresses: Sequence[str] = (),
    precision_ppm: float = PRECISION_PPM,
    readings: pl.DataFrame | None = None,
) -> ClockReport:
    """The clocks of a report's flows at `level` (FLOW, ADDRESS, DEVICE).

    At level DEVICE the report must have been judged (`analyze`); the others do with `measure`.
    `addresses` are the only ones wanted, where some are named. `precision_ppm` is the standard
    error that `more_s` and `advice` speak of. `readings` (READINGS) are of packets' payloads;
    those of first payload bytes are in the report's observations. Raises ValueError for another
    level.
    """
    if level not in LEVELS:
        raise ValueError(f"no level {level!r}; there are {', '.join(LEVELS)}")
    origin_ns = _origin(report.flows)
    device_of = _devices(report.members) if level == DEVICE else None
    subjects = [
        subject
        for heard in heard_of(report.flows, addresses=addresses, each_flow=level == FLOW)
        for subject in sorted(subjects_of(heard, level, device_of), key=_place)
    ]
    every = readings_said(report.observations, report.flows)
    if readings is not None:
        every = pl.concat([every, readings])
    if addresses:
        every = every.filter(pl.col("address").is_in(list(addresses)))
    subjects = _with_told(subjects, told_units(every, origin_ns), level, device_of)
    measured = _measured(subjects, report.samples, origin_ns)
    common, in_bunch = _common(measured)
    tables = _Tables()
    for each, bunch in zip(measured, in_bunch, strict=True):
        row = _row(each, common, bunch, origin_ns, precision_ppm)
        tables.clocks.append(row)
        if each.best is not None and len(each.readings):
            _add_history(tables, row, each, each.best, origin_ns)
    said = common_words(
        common, sum(1 for each in measured if each.best and each.best[1] <= SHORT_PPM)
    )
    return ClockReport(
        CLOCKS.frame(tables.clocks),
        CURVES.frame(tables.curves),
        pl.concat([POINTS.empty(), *tables.points]),
        level,
        report.provenance,
        (OBSERVER, *([said] if said else [])),
    )


def _with_told(
    subjects: Sequence[Subject],
    units: Iterable[Unit],
    level: str,
    device_of: Mapping[Key, str] | None,
) -> list[Subject]:
    """The subjects, behind those of an address the clocks that its payloads tell.

    Such a clock is the machine's where the address has but one, else the address's.
    """
    told: dict[str, list[Unit]] = {}
    for unit in units:
        told.setdefault(unit.address, []).append(unit)
    machines: dict[str, set[str]] = {}
    for device in set((device_of or {}).values()):
        machines.setdefault(device.rpartition("#")[0], set()).add(device)
    of_tcp: dict[str, list[Subject]] = {}
    for subject in subjects:
        of_tcp.setdefault(subject.address, []).append(subject)
    found: list[Subject] = []
    for address in dict.fromkeys([*of_tcp, *told]):
        found += of_tcp.get(address, [])
        own = machines.get(address, set())
        name = next(iter(own)) if level == DEVICE and len(own) == 1 else address
        numbers: Counter[str] = Counter()
        for unit in told.get(address, ()):
            number = numbers[unit.source]
            numbers[unit.source] += 1
            regime = PER_STREAM if unit.source == RTP else TIME_OF_DAY
            found.append(
                Subject(name, level, address, unit.source, (unit,), (), regime, None, number)
            )
    return found


def _place(subject: Subject) -> tuple[int, int, Key]:
    """Machines in the order of their numbers, flows in that of theirs."""
    number = subject.name.rpartition("#")[2]
    place = int(number) if subject.level == DEVICE and number.isdigit() else 0
    return place, subject.number, subject.key or (0, 0)


def _origin(flows: pl.DataFrame) -> int:
    earliest = flows["first_ns"].min()
    return earliest if isinstance(earliest, int) else 0


def _devices(members: pl.DataFrame) -> Mapping[Key, str]:
    known = members.filter(pl.col("device").is_not_null())
    return {(f, s): d for f, s, d in known.select("flow_id", "side", "device").iter_rows()}


def _measured(
    subjects: Sequence[Subject], samples: pl.DataFrame, origin_ns: int
) -> list[_Measured]:
    fits = [fit(subject.units) for subject in subjects]
    units: list[Unit] = [unit for each in fits if each.nominal_hz for unit in each.units]
    subject_of = np.array(
        [i for i, each in enumerate(fits) if each.nominal_hz for _ in each.units], dtype=np.int64
    )
    readings = readings_of(units, samples, origin_ns)
    thin = apart(readings)
    slope, error = robust_slopes(thin.x, thin.y, thin.unit, subject_of)
    ends = np.searchsorted(readings.unit, np.searchsorted(subject_of, np.arange(len(fits) + 1)))
    found: list[_Measured] = []
    for i, (subject, each) in enumerate(zip(subjects, fits, strict=True)):
        own = readings.of(np.arange(ends[i], ends[i + 1]))
        known = each.nominal_hz > 0.0 and i < len(slope) and math.isfinite(error[i])
        robust = (float(slope[i]) * 1e6, float(error[i]) * 1e6) if known else (math.nan, math.inf)
        steps = Steps()
        if known and not each.is_several:
            steps = steps_of(own, float(slope[i]), each.nominal_hz)
            robust = steps.robust or robust
        found.append(_Measured(subject, each, own, robust, steps))
    return found


def _common(measured: Sequence[_Measured]) -> tuple[CommonMode, list[bool]]:
    """The common mode of all clocks of a usual rate, and which of them are of a bunch."""
    skews = [each.best or (0.0, math.inf, "") for each in measured]
    ppm, error = (np.array([skew[i] for skew in skews], dtype=np.float64) for i in (0, 1))
    # A machine with several clocks counts once, by the best known one; where machines are not
    # told apart, an address does.
    best: dict[str, int] = {}
    for i, each in enumerate(measured):
        own = each.subject
        name = own.name if own.level == DEVICE else own.address
        if name not in best or error[i] < error[best[name]]:
            best[name] = i
    counted = np.zeros(len(measured), dtype=bool)
    counted[list(best.values())] = True
    error[~counted] = np.inf
    reference = np.array([each.subject.source == NTP for each in measured], dtype=bool)
    asked: Counter[str] = Counter()
    for each in measured:
        for side in each.subject.sides:
            asked[each.subject.address] += -1 if side.initiator else 1
    answers = np.array([asked[each.subject.address] > 0 for each in measured], dtype=bool)
    common = weighed(common_mode(ppm, error, reference), ppm, error, answers)
    return common, common.members.tolist()


def _row(
    each: _Measured, common: CommonMode, in_bunch: bool, origin_ns: int, precision_ppm: float
) -> Row:
    subject, own = each.subject, each.fit
    row = _identity(subject, own, origin_ns)
    skew, best = each.skew, each.best
    if own.rate is not None:
        row["rate_hz"] = own.rate.hz
        row["nominal_hz"] = own.nominal_hz or None
    if skew is not None:
        row |= {"skew_ppm": skew[0], "skew_se_ppm": _finite(skew[1])}
        row["delay_ms"] = 1e3 * _delay_s(own.units)
        if math.isfinite(each.robust[1]):
            row |= {"robust_ppm": each.robust[0], "robust_se_ppm": each.robust[1]}
            row["disagreement_ppm"] = skew[0] - each.robust[0]
    if best is not None:
        row |= {"best_ppm": best[0], "best_se_ppm": _finite(best[1]), "best_method": best[2]}
        if common.kind and common.kind != "doubtful":
            row |= {"common_ppm": common.ppm, "relative_ppm": best[0] - common.ppm}
        state, why = discipline(best[0], best[1], own.nominal_hz, common, in_bunch=in_bunch)
        row |= {"discipline": state, "discipline_reason": why}
    row["offset_regime"] = subject.regime
    row["boot_ns"], row["boot"] = boot_time(own.units, subject.regime, origin_ns)
    if subject.source == TCP_TIMESTAMP:
        row["countermeasure"], row["countermeasure_reason"] = countermeasure(
            subject.sides, own.units, each.readings, own.nominal_hz, subject.regime
        )
    for told in (unit.told for unit in own.units if unit.told is not None):
        row["ahead_ms"] = 1e3 * told.ahead_s if told.ahead_s is not None else None
        row["offset_regime"] = f"{subject.regime}, {told.note}" if told.note else subject.regime
    row["quality"], row["quality_reason"] = quality(own, skew, each.robust, len(each.steps.at_s))
    row["step_ns"] = [origin_ns + round(at * 1e9) for at in each.steps.at_s]
    row["step_ms"] = [1e3 * size for size in each.steps.size_s]
    row["precision_ppm"] = precision_ppm
    row["more_s"], row["advice"] = advice(own, best[1] if best else math.inf, precision_ppm)
    return row


def _add_history(
    tables: _Tables, row: Row, each: _Measured, best: tuple[float, float, str], origin_ns: int
) -> None:
    """Wander into the row; curve and points into their tables."""
    readings = each.readings
    if each.steps.unit is not None:
        readings = replace(readings, unit=each.steps.unit)
    history = history_of(readings, best[0] * 1e-6, each.fit.nominal_hz)
    row["wander"] = wander_words(history)
    if history.wander is not None and history.wander.p_steady < STEADY:
        row["wander_ppm"] = history.wander.sd_ppm
        row["wander_ms"] = 1e3 * history.wander_s
        row["drift_ppm_per_sqrt_h"] = history.wander.drift_ppm_per_sqrt_h
    clock = str(row["clock"])
    tables.curves += curve_rows(clock, history, origin_ns)
    kept = shown(len(readings))
    tables.points.append(
        pl.DataFrame(
            {
                "clock": [clock] * len(kept),
                "flow_id": [
                    flow if flow >= 0 else None for flow in readings.flow_id[kept].tolist()
                ],
                "side": [side if side >= 0 else None for side in readings.side[kept].tolist()],
                "time_ns": origin_ns + np.rint(readings.x[kept] * 1e9).astype(np.int64),
                "offset_ms": 1e3 * history.offset_s[kept],
                "is_hull": history.is_hull[kept],
            },
            schema_overrides=POINTS.schema,
        )
    )


def _identity(subject: Subject, own: Fit, origin_ns: int) -> Row:
    units = own.units
    clocks = [unit.clock for unit in units]
    number = f" ({subject.number + 1})" if subject.number else ""
    peers = {clock.peer for clock in clocks}
    row: Row = {
        "clock": f"{subject.name} {subject.source}{number}",
        "level": subject.level,
        "subject": subject.name,
        "address": subject.address,
        "source": subject.source,
        "peer": peers.pop() or None if len(peers) == 1 else None,
        "n_flows": sum(len(unit.keys) for unit in subject.units) if subject.sides else None,
        "n_lines": len(units),
        "n_readings": sum(unit.n_readings for unit in units),
        "n_apart": sum(clock.n_readings for clock in clocks),
    }
    if subject.key is not None:
        row["flow_id"], row["side"] = subject.key
    if clocks:
        first, last = min(c.first_s for c in clocks), max(c.last_s for c in clocks)
        row["first_ns"] = origin_ns + round(first * 1e9)
        row["last_ns"] = origin_ns + round(last * 1e9)
        row["span_s"] = last - first
    return row


def _delay_s(units: Sequence[Unit]) -> float:
    n = sum(unit.n_readings for unit in units)
    return sum(unit.n_readings * unit.delay_s for unit in units) / n if n else 0.0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
