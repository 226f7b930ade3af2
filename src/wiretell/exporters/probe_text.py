"""What was probed, for people: one block per host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from wiretell.exporter import Options, Target
from wiretell.exporters.console import write_lines
from wiretell.exporters.explain_text import wrapped
from wiretell.exporters.quantity import count
from wiretell.model.probe import ProbeReport

Row = Mapping[str, Any]


def write(told: ProbeReport, target: Target, options: Options) -> None:
    """Writes the text; the same report gives the same bytes."""
    write_lines(lines(told, options), target, options)


def lines(told: ProbeReport, options: Options) -> Iterator[Text]:
    """The lines, without line ends."""
    rows = zip(told.clocks.to_dicts(), told.probes.to_dicts(), strict=True)
    for number, (clock, probe) in enumerate(rows):
        if number:
            yield Text()
        yield from wrapped(_headline(clock, probe), options.width, style="bold")
        for sentence in _sentences(clock, probe):
            yield from wrapped(f"  {sentence}", options.width, indent=2)
    yield Text()
    for note in told.notes:
        yield from wrapped(note, options.width, style="dim")


def _headline(clock: Row, probe: Row) -> str:
    asked = f"TCP port {probe['port']}" if probe["port"] else probe["method"].upper()
    who = f"{probe['address']} ({asked})"
    if clock["skew_ppm"] is None:
        return f"{who}: no rate; {probe['stopped']}"
    return (
        f"{who}: {clock['skew_ppm']:+.2f} ±{2 * clock['skew_se_ppm']:.2f} ppm (95 %),"
        f" {clock['rate_hz']:.6f} Hz of nominal {clock['nominal_hz']:g}"
    )


def _sentences(clock: Row, probe: Row) -> Iterator[str]:
    if clock["skew_ppm"] is not None:
        low, high = probe["certain_low_ppm"], probe["certain_high_ppm"]
        if low is not None and high is not None:
            yield f"For certain between {low:+.2f} and {high:+.2f} ppm, whatever the delays."
        yield f"{clock['quality'].capitalize()}: {clock['quality_reason']}."
    if clock["countermeasure"]:
        yield f"Hidden: {clock['countermeasure']}; {clock['countermeasure_reason']}."
    if probe["n_steps"]:
        yield f"The clock was set {count(probe['n_steps'], 'time')} while it was probed."
    yield (
        f"{count(probe['n_packets_sent'], 'packet')} sent ({probe['packets_sent'] or 'none'}),"
        f" {probe['n_answered']} of {count(probe['n_requests'], 'request')} answered"
        f" in {probe['probed_s']:.0f} s{_round_trip(probe)}."
    )
    if clock["skew_ppm"] is not None:
        yield f"Ended: {probe['stopped']}."


def _round_trip(probe: Row) -> str:
    if probe["least_rtt_ms"] is None:
        return ""
    return f", shortest round trip {probe['least_rtt_ms']:.2f} ms"
