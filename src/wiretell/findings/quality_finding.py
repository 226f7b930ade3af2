"""One thing that is wrong with a capture, in words; those that files tell without their packets.

Loads no library of tables: totals of a capture are told with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from wiretell.findings.explain.amounts import amount

BAD, DOUBTFUL, HARMLESS = "bad", "doubtful", "harmless"

BAD_SHARE = 0.05
"""Of packets or flows, from which a fault spoils more than single connections."""
SMALL_SHARE = 0.001
"""Below it a fault is told, and called harmless to the whole."""


@dataclass(frozen=True)
class QualityFinding:
    """One thing about the capture: `what` with numbers, what it `means`, the `remedy`.

    `number` of `of` things are concerned; `of` is None where that is no share.
    """

    kind: str
    severity: str
    what: str
    means: str
    remedy: str
    number: int
    of: int | None = None


def gravity(finding: QualityFinding) -> tuple[int, str]:
    """Sorts the gravest first."""
    return (BAD, DOUBTFUL, HARMLESS).index(finding.severity), finding.kind


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    # Nearly every capture has nothing to tell.
    import tomllib  # noqa: PLC0415
    from importlib.resources import files  # noqa: PLC0415

    return tomllib.loads(files(__package__).joinpath("quality.toml").read_text("utf-8"))


def worded(
    kind: str, severity: str, number: int, of: int | None = None, **values: object
) -> QualityFinding:
    """A finding of this kind, `values` put into its texts."""
    text = _texts()[kind]
    what, means = text["what"].format(**values), text["means"].format(**values)
    return QualityFinding(kind, severity, what, means, text["remedy"], number, of)


def severity_of(number: int, of: int) -> str:
    """How bad it is that so many of so many are concerned."""
    share = number / max(of, 1)
    return BAD if share >= BAD_SHARE else DOUBTFUL if share >= SMALL_SHARE else HARMLESS


def percent(number: int, of: int) -> str:
    """`12 %`, `0.3 %`, `<0.01 %`."""
    share = 100 * number / max(of, 1)
    if share >= 10 or share == 0:
        return f"{share:.0f} %"
    return f"{share:.2g} %" if share >= 0.01 else "<0.01 %"


def dropped_by_capture(
    told: Sequence[Mapping[str, Any]], counters: Mapping[str, Any]
) -> Iterator[QualityFinding]:
    """Packets that the capturing machine says it lost."""
    dropped = sum(i.get("dropped") or 0 for file in told for i in file.get("interfaces") or ())
    if dropped:
        total = dropped + (counters.get("frames") or 0)
        words = {"packets": amount(dropped, "packet"), "total": total}
        share = percent(dropped, total)
        severity = BAD if dropped >= BAD_SHARE * total else DOUBTFUL
        yield worded("dropped_by_capture", severity, dropped, total, share=share, **words)


def coarse_interfaces(told: Sequence[Mapping[str, Any]]) -> Iterator[QualityFinding]:
    """Interfaces of pcapng that state a resolution below the microsecond (if_tsresol)."""
    for file in told:
        for interface in file.get("interfaces") or ():
            resolution = interface.get("tsresol")
            if resolution is None or resolution & 0x80 or resolution >= 6:
                continue
            unit, one = ("seconds", "second") if resolution < 3 else ("milliseconds", "millisecond")
            yield worded("coarse_time", DOUBTFUL, 1, None, unit=unit, one=one)
            return


def from_files(provenance: Mapping[str, Any]) -> list[QualityFinding]:
    """What files and counters of a provenance (as in `Report`) tell, the gravest first."""
    told = provenance.get("files") or ()
    found = [
        *dropped_by_capture(told, provenance.get("counters") or {}),
        *coarse_interfaces(told),
    ]
    return sorted(found, key=gravity)
