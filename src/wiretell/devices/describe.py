"""A group of flow sides -> what is told of the machine: looks, clock, regimes, names, volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from wiretell.devices.facts import REGIMES, UNKNOWN, Facts
from wiretell.devices.group import Group
from wiretell.devices.looks import looks_like
from wiretell.devices.side_columns import NAME_QUANTITIES

Row = dict[str, object]

CLOCK_WORTH_PPM = 1000.0
"""A skew known no better than this is not shown."""
RATE_WORTH_PPM = 10_000.0
"""A rate known no better than this is not shown either."""


def describe(group: Group, facts: Facts) -> Row:
    """Columns of DEVICES that describe one group and what its members show."""
    hz, skew_ppm, error_ppm = _clock(group) or (None, None, None)
    volume = facts.volume
    return {
        "looks_like": looks_like(group),
        "names": texts_by_count(facts.said, NAME_QUANTITIES),
        "user_agents": texts_by_count(facts.said, ("user_agent",)),
        "clock_hz": hz,
        "skew_ppm": skew_ppm,
        "skew_error_ppm": error_ppm,
        "boots": max(1, sum(clock.scope == "host" for clock in group.lines)),
        "n_flows": volume.n_flows,
        "bytes_out": volume.bytes_out,
        "bytes_in": volume.bytes_in,
        "first_ns": volume.first_ns,
        "last_ns": volume.last_ns,
    } | {
        column: _most(counts, UNKNOWN if column in REGIMES else None)
        for column, counts in facts.shown.items()
    }


def _most(counts: Mapping[object, int], nothing: object) -> object:
    """The value that most show, of several the first by its text."""
    return min(counts, key=lambda value: (-counts[value], str(value)), default=nothing)


def _clock(group: Group) -> tuple[float, float | None, float | None] | None:
    """Rate in Hz, skew and its standard error in ppm: of the longest line, else of all flows.

    Coarse clocks in short flows show the rate and not yet the skew, which is None then.
    """
    lines = [clock for clock in group.lines if clock.error_ppm < CLOCK_WORTH_PPM]
    if lines and all(clock.scope == "host" for clock in lines):
        best = max(lines, key=lambda clock: len(clock.sides))
        return best.hz, best.skew_ppm, best.error_ppm
    skew = group.skew()
    if skew is None:
        return None
    hz, ppm, error_ppm = skew
    if error_ppm <= CLOCK_WORTH_PPM:
        return hz * (1.0 + ppm * 1e-6), ppm, error_ppm
    fits = error_ppm <= RATE_WORTH_PPM and abs(ppm) <= 3.0 * error_ppm
    return (hz, None, None) if fits else None


def texts_by_count(said: Mapping[tuple[str, str], int], quantities: Sequence[str]) -> list[str]:
    """What was said of these quantities, oftenest first; `said` counts (quantity, text)."""
    texts = Counter[str]()
    for (quantity, text), n in said.items():
        if quantity in quantities:
            texts[text] += n
    return [text for text, _ in sorted(texts.items(), key=lambda x: (-x[1], x[0]))]
