"""What `match` found, one row a machine, as comma-separated values (RFC 4180, line ends LF)."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence

from wiretell.exporter import Target, text_stream
from wiretell.exporters.escape import spreadsheet
from wiretell.findings.match.across import Matching
from wiretell.findings.match.aliases import Aliases
from wiretell.findings.match.link_back import LinkBack
from wiretell.model.profiles import Profile

MATCH_COLUMNS = (
    "source_a",
    "device_a",
    "source_b",
    "device_b",
    "decision",
    "bits",
    "probability",
    "false_match_rate",
    "reason",
)
ALIAS_COLUMNS = ("source", "group", "device", "skew_ppm", "skew_error_ppm", "offsets", "p_chance")


def write(found: Sequence[Matching] | LinkBack | Aliases, target: Target) -> None:
    """Writes a header line and the rows; texts are kept from being read as formulas."""
    if isinstance(found, Aliases):
        _write(ALIAS_COLUMNS, _aliases(found), target)
    else:
        several = [found.matching] if isinstance(found, LinkBack) else found
        _write(MATCH_COLUMNS, _matches(several), target)


def _write(
    columns: Sequence[str], rows: Iterator[tuple[str | float | None, ...]], target: Target
) -> None:
    with text_stream(target) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([spreadsheet(x) if isinstance(x, str) else _number(x) for x in row])


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.6g}"


def _matches(several: Sequence[Matching]) -> Iterator[tuple[str | float | None, ...]]:
    for found in several:
        for m in found.matches:
            yield (
                found.a.source,
                m.a.device,
                found.b.source,
                "" if m.b is None else m.b.device,
                m.decision,
                m.bits,
                m.probability,
                m.false_match_rate,
                m.reason,
            )


def _aliases(found: Aliases) -> Iterator[tuple[str | float | None, ...]]:
    """Machines of groups by the number of their group, then those of no group."""
    for number, group in enumerate(found.groups, 1):
        for profile in group.members:
            head = (found.source, number, profile.device)
            yield (*head, *_rate(profile), group.offsets, group.p_chance)
    for profile in found.alone:
        yield (found.source, None, profile.device, *_rate(profile), "", None)


def _rate(profile: Profile) -> tuple[float | None, float | None]:
    clock = profile.clock
    return (None, None) if clock is None else (clock.ppm, clock.error_ppm)
