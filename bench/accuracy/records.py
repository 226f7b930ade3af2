"""One line per draw and method, kept in CSV files, so that a run can go on and be shown again."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from lab.score import Reliability, nothing_said
from lab.score.calibration import N_BINS

Key = tuple[str, int, str]
"""(row, seed, method)"""


@dataclass(frozen=True)
class Record:
    """What one method made of one draw; `error` says why the rest is empty, where it failed.

    Counts are summed up over the public addresses of the draw, `low` and `high` too.
    """

    row: str
    seed: int
    method: str
    made_with: str
    """Fingerprints of the method and of what made the capture."""
    error: str = ""
    capture: str = ""
    """Path of the cached capture, relative to the cache."""
    n_flows: int = 0
    n_assigned: int = 0
    n_true: int = 0
    n_found: int = 0
    low: int = 0
    high: int = 0
    n_addresses: int = 0
    n_covered: int = 0
    """Addresses whose interval holds the truth."""
    n_held_by_lot: float = 0.0
    """Chances that the middle 90 % of the count's distribution holds the truth, added up."""
    n_over_claims: int = 0
    """Addresses that are said to be `single` or `separated`, with a wrong count."""
    verdicts: str = ""
    ari: float = 0.0
    ari_assigned: float = nan
    """The same over the flows that were assigned; not a number where none was."""
    v_measure: float = 0.0
    bcubed_precision: float = 0.0
    bcubed_recall: float = 0.0
    bcubed_f1: float = 0.0
    pair_precision: float = 0.0
    pair_recall: float = 0.0
    pair_f1: float = 0.0
    n_rate: int = 0
    """Flows whose timestamp rate can be known, and of them those with the right one."""
    n_rate_right: int = 0
    n_regime: int = 0
    """Machines whose offset regime can be known, and of them those with the right one."""
    n_regime_right: int = 0
    seconds: float = 0.0
    members: Reliability = field(default_factory=nothing_said)
    """Confidences of flows: is the flow its machine's?"""
    pairs: Reliability = field(default_factory=nothing_said)
    """Probabilities of pairs of flows: are they one machine?"""

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.row, self.seed, self.method


def _cell(value: object) -> str:
    if isinstance(value, Reliability):
        return " ".join(repr(x) for part in (value.n, value.said, value.so) for x in part.tolist())
    return repr(value) if isinstance(value, float) else str(value)


def _reliability(cell: str) -> Reliability:
    n, said, so = np.array([float(x) for x in cell.split()]).reshape(3, N_BINS)
    return Reliability(n.astype(np.int64), said, so.astype(np.int64))


_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "Reliability": _reliability,
}
_COLUMNS = {x.name: _READERS[str(x.type)] for x in fields(Record)}


def read(path: Path) -> dict[Key, Record]:
    """The records of a file, the last of each key; none where there is no such file.

    Lines of another shape (a run cut short) are left out; a column that an older table lacks has
    its default.
    """
    if not path.is_file():
        return {}
    found: dict[Key, Record] = {}
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    for line in csv.DictReader(whole.splitlines()):
        try:
            values = {name: kind(line[name]) for name, kind in _COLUMNS.items() if name in line}
            record = Record(**values)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        found[record.key] = record
    return found


def write(path: Path, records: Iterable[Record]) -> None:
    """The records as a file, in order of method and seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_COLUMNS)
        for record in sorted(records, key=lambda x: (x.method, x.seed)):
            table.writerow([_cell(getattr(record, name)) for name in _COLUMNS])
    part.replace(path)


def append(path: Path, record: Record) -> None:
    """One more line, at once on the disk."""
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(
            [_cell(getattr(record, name)) for name in _COLUMNS]
        )


def failed(record: Record, error: BaseException) -> Record:
    """The record of a draw that failed."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return replace(record, error=words or "failed")
