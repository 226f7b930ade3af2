"""Samplers that have stopped -> the rows of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wiretell.model.clocks import ADDRESS, CLOCKS, ICMP_TIMESTAMP, TCP_TIMESTAMP
from wiretell.model.probe import ICMP, PROBES, ProbeReport
from wiretell.probing.remote_clock import Estimate, Oddity
from wiretell.probing.sampler import Reason, Sampler
from wiretell.stats.robust_slope import robust_slopes

Row = dict[str, object]
GOOD_PPM = 5.0
"""A standard error from which skews begin to tell machines apart."""
SIGMAS, FLOOR_PPM = 3.0, 0.2
"""Two methods disagree where they differ by more than so many errors, and a floor."""
KEPT_PPM, SHARP_PPM = 0.5, 0.5
"""A system clock this near to the observer's, known so well, is likely set by the same time."""
OBSERVER = (
    "Rates are against this computer's clock: if that is 10 ppm fast, all others seem 10 ppm slow."
)
SYSTEM_CLOCK = (
    "ICMP timestamps show the system's clock: where NTP sets it, its rate tells nothing of the"
    " machine. TCP timestamps may run free."
)
_COUNTERMEASURE = {
    Oddity.ZERO: "zero",
    Oddity.CONSTANT: "constant",
    Oddity.ERRATIC: "jittered",
}


@dataclass(frozen=True)
class Outcome:
    """What one host's sampling came to. `sent` counts packets by kind."""

    address: str
    method: str
    port: int | None
    sampler: Sampler
    sent: Mapping[str, int]


def report(outcomes: Sequence[Outcome], epoch_ns: int) -> ProbeReport:
    """The tables; `epoch_ns` is the time of day (UTC) of the observer's monotonic clock's zero."""
    notes = [OBSERVER]
    if any(each.method == ICMP for each in outcomes):
        notes.append(SYSTEM_CLOCK)
    return ProbeReport(
        CLOCKS.frame([_clock(each, epoch_ns) for each in outcomes]),
        PROBES.frame([_probe(each, epoch_ns) for each in outcomes]),
        tuple(notes),
    )


def _probe(outcome: Outcome, epoch_ns: int) -> Row:
    sampler, clock = outcome.sampler, outcome.sampler.clock
    estimate = sampler.estimate
    row: Row = {
        "address": outcome.address,
        "method": outcome.method,
        "port": outcome.port,
        "stopped": _stopped(sampler),
        "began_ns": None if clock.first_ns is None else clock.first_ns + epoch_ns,
        "probed_s": clock.span_s,
        "n_requests": sampler.n_sent,
        "n_answered": sampler.n_answered,
        "n_unanswered": sampler.n_sent - sampler.n_answered,
        "n_connections": sampler.n_openings,
        "n_lines": clock.n_lines,
        "n_steps": clock.n_steps,
        "n_packets_sent": sum(outcome.sent.values()),
        "packets_sent": ", ".join(f"{n} {kind}" for kind, n in sorted(outcome.sent.items()) if n),
    }
    if math.isfinite(clock.least_round_trip_s):
        row["least_rtt_ms"] = clock.least_round_trip_s * 1e3
    if estimate is not None:
        row["tick_ms"] = estimate.tick / estimate.nominal_hz * 1e3
        if estimate.certain_ppm is not None:
            low, high = estimate.certain_ppm
            row["certain_low_ppm"] = low if math.isfinite(low) else None
            row["certain_high_ppm"] = high if math.isfinite(high) else None
    return row


def _stopped(sampler: Sampler) -> str:
    oddity = sampler.clock.oddity()
    if sampler.stopped is Reason.NO_CLOCK and oddity is not None:
        return oddity.value
    return sampler.stopped.value if sampler.stopped else "not stopped"


def _clock(outcome: Outcome, epoch_ns: int) -> Row:
    sampler, clock = outcome.sampler, outcome.sampler.clock
    source = ICMP_TIMESTAMP if outcome.method == ICMP else TCP_TIMESTAMP
    row: Row = {
        "clock": f"{outcome.address}/{source}",
        "level": ADDRESS,
        "subject": outcome.address,
        "address": outcome.address,
        "source": source,
        "n_flows": sampler.n_openings if outcome.port else 1,
        "n_lines": clock.n_lines,
        "n_readings": clock.n,
        "n_apart": clock.n,
        "span_s": clock.span_s,
        "precision_ppm": sampler.settings.precision_ppm / 2.0,
        **_countermeasure(sampler),
    }
    if clock.first_ns is not None:
        row |= {"first_ns": clock.first_ns + epoch_ns, "last_ns": clock.last_ns + epoch_ns}
    if sampler.estimate is None:
        return row | {"quality": "none", "quality_reason": _stopped(sampler)}
    return row | _rate(sampler, sampler.estimate)


def _countermeasure(sampler: Sampler) -> Row:
    oddity, estimate = sampler.clock.oddity(), sampler.estimate
    if oddity is not None:
        return {"countermeasure": _COUNTERMEASURE[oddity], "countermeasure_reason": oddity.value}
    if sampler.stopped is Reason.NO_TIMESTAMPS:
        return {"countermeasure": "off", "countermeasure_reason": Reason.NO_TIMESTAMPS.value}
    if estimate is not None and estimate.tick > 1:
        why = f"its timestamps go in steps of {estimate.tick}"
        return {"countermeasure": "quantised", "countermeasure_reason": why}
    return {"countermeasure": "", "countermeasure_reason": ""}


def _rate(sampler: Sampler, estimate: Estimate) -> Row:
    robust_ppm, robust_se_ppm = _robust(sampler, estimate)
    apart = estimate.skew_ppm - robust_ppm
    hull_is_best = not robust_se_ppm < estimate.se_ppm
    best = (estimate.skew_ppm, estimate.se_ppm) if hull_is_best else (robust_ppm, robust_se_ppm)
    row: Row = {
        "rate_hz": estimate.rate_hz,
        "nominal_hz": estimate.nominal_hz,
        "skew_ppm": estimate.skew_ppm,
        "skew_se_ppm": estimate.se_ppm,
        "best_ppm": best[0],
        "best_se_ppm": best[1],
        "best_method": "hull" if hull_is_best else "regression",
    }
    if not math.isfinite(robust_se_ppm):
        return row | {"quality": "rough", "quality_reason": "too few readings for a second method"}
    row |= {
        "robust_ppm": robust_ppm,
        "robust_se_ppm": robust_se_ppm,
        "disagreement_ppm": apart,
    }
    doubt = SIGMAS * math.hypot(estimate.se_ppm, robust_se_ppm) + FLOOR_PPM
    if abs(apart) > doubt:
        why = "the delays changed while it was probed, or the clock did"
        return row | {"quality": "methods disagree", "quality_reason": why}
    word = "good" if estimate.se_ppm <= GOOD_PPM else "rough"
    why = f"robust regression agrees within {abs(apart):.1f} ppm"
    return row | {"quality": word, "quality_reason": why}


def _robust(sampler: Sampler, estimate: Estimate) -> tuple[float, float]:
    """(ppm, standard error) by regression over all readings, each in the middle of its bounds."""
    x, ticks, line = sampler.clock.readings()
    y = (ticks + estimate.tick / 2.0) / estimate.nominal_hz - x
    slope, error = robust_slopes(x, y, line, np.zeros(sampler.clock.n_lines, dtype=np.int64))
    return float(slope[0]) * 1e6, float(error[0]) * 1e6
