"""Samplers that have stopped -> the rows of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wiretell.model.clocks import ADDRESS, CLOCKS, ICMP_TIMESTAMP, TCP_TIMESTAMP
from wiretell.model.probe import ICMP, PROBES, ProbeReport
from wiretell.probing.remote_clock import Estimate, Oddity
from wiretell.probing.sampler import Reason, Sampler

Row = dict[str, object]
GOOD_PPM = 5.0
"""A standard error from which skews begin to tell machines apart."""
SIGMAS, FLOOR_PPM = 3.0, 0.2
"""Requests and answers disagree where they differ by more than so many errors, and a floor."""
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
        if ways := clock.ways(estimate.nominal_hz):
            names = ("requests_ppm", "requests_se_ppm", "answers_ppm", "answers_se_ppm")
            found = [value if math.isfinite(value) else None for way in ways for value in way]
            row |= dict(zip(names, found, strict=True))
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
    row: Row = {
        "rate_hz": estimate.rate_hz,
        "nominal_hz": estimate.nominal_hz,
        "skew_ppm": estimate.skew_ppm,
        "skew_se_ppm": estimate.se_ppm,
        "best_ppm": estimate.skew_ppm,
        "best_se_ppm": estimate.se_ppm,
        "best_method": "hull",
    }
    ways = sampler.clock.ways(estimate.nominal_hz)
    if ways is None or not all(math.isfinite(error) for _, error in ways):
        return row | {"quality": "rough", "quality_reason": "too few readings"}
    apart = abs(ways[0][0] - ways[1][0])
    if estimate.certain_ppm is None:
        why = "no evenly running clock fits all readings"
        return row | {"quality": "methods disagree", "quality_reason": why}
    if apart > SIGMAS * math.hypot(ways[0][1], ways[1][1]) + FLOOR_PPM:
        why = "requests and answers differ: the delay of one way changed meanwhile"
        return row | {"quality": "methods disagree", "quality_reason": why}
    word = "good" if estimate.se_ppm <= GOOD_PPM else "rough"
    why = f"requests and answers, each alone, agree within {apart:.1f} ppm"
    return row | {"quality": word, "quality_reason": why}
