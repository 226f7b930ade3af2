"""Capture quality for a person: the verdict, what is wrong and why, what was found well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from wiretell.exporter import Options
from wiretell.exporters.escape import visible
from wiretell.exporters.explain_text import wrapped
from wiretell.exporters.quantity import clock_time, count
from wiretell.findings.capture_quality import GOOD, POOR, Drops, Quality
from wiretell.findings.quality_finding import BAD, DOUBTFUL

_MARKS = {BAD: "✗", DOUBTFUL: "!"}
_STYLES = {BAD: "red", DOUBTFUL: "yellow"}
_VERDICTS = {GOOD: "bold green", POOR: "bold red"}
_BARS = " ▁▂▃▄▅▆▇█"
_KINDS = {"ack_lost_segment": "acknowledged, never captured", "lost_segment": "gaps"}
_FROM = ("from originators", "from responders")


def lines(quality: Quality, options: Options) -> Iterator[Text]:
    """The whole report, without line ends."""
    style = _VERDICTS.get(quality.verdict, "bold yellow")
    seen = count(quality.n_packets, "packet")
    yield Text(f"Capture quality: {quality.verdict} ({seen} looked at)", style=style)
    for finding in quality.findings:
        mark = _MARKS.get(finding.severity, "·")
        shade = _STYLES.get(finding.severity, "")
        yield from wrapped(
            f"  {mark} {visible(finding.what)}", options.width, indent=4, style=shade
        )
        yield from wrapped(f"    {visible(finding.means)}", options.width, indent=4)
        if finding.severity in _MARKS:
            yield from wrapped(f"    → {visible(finding.remedy)}", options.width, indent=6)
    yield from _over_time(quality.drops)
    if quality.fine:
        well = f"  ✓ {'; '.join(quality.fine)}."
        yield from wrapped(well, options.width, indent=4, style="dim")


def _over_time(drops: Sequence[Drops]) -> Iterator[Text]:
    """A row of bars for each side and kind: how often bytes were missing, when."""
    if not drops:
        return
    start, width = min(each.start_ns for each in drops), drops[0].width_ns
    n_bins = max((each.start_ns - start) // width for each in drops) + 1
    most = max(each.n for each in drops)
    if n_bins < 2:
        return
    end = clock_time(start + n_bins * width)
    yield Text(f"    missing bytes noticed, {clock_time(start)} to {end} UTC, most: {most}")
    for kind, words in _KINDS.items():
        for side, whose in enumerate(_FROM):
            own = [each for each in drops if (each.kind, each.side) == (kind, side)]
            if not own:
                continue
            bars = [" "] * n_bins
            for each in own:
                height = max(1, round(each.n / most * (len(_BARS) - 1)))
                bars[(each.start_ns - start) // width] = _BARS[height]
            yield Text(f"    │{''.join(bars)}│ {words}, {whose}")


def summary(quality: Quality) -> list[str]:
    """A line for each thing that is wrong, for the end of a command."""
    return [
        f"capture: {visible(finding.what)} {visible(finding.means)}"
        for finding in quality.findings
        if finding.severity in _MARKS
    ]
