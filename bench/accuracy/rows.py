"""The rows of the table, read from rows.toml."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("rows.toml")


@dataclass(frozen=True)
class Target:
    """A bound that a figure must keep, both ends included."""

    at_least: float = -math.inf
    at_most: float = math.inf

    def met(self, figure: float) -> bool:
        """Does the figure keep it? What could not be measured does not."""
        return self.at_least <= figure <= self.at_most

    def words(self, decimals: int) -> str:
        """As it is printed: `>= 0.85`."""
        if math.isfinite(self.at_least) and math.isfinite(self.at_most):
            return f"{self.at_least:.{decimals}f}-{self.at_most:.{decimals}f}"
        if math.isfinite(self.at_least):
            return f">= {self.at_least:.{decimals}f}"
        return f"<= {self.at_most:.{decimals}f}"


@dataclass(frozen=True)
class Row:
    """Draws of one kind, and the targets by metric."""

    name: str
    about: str
    targets: Mapping[str, Target]
    metrics: tuple[str, ...] = ()
    """Asked of the draws of all rows together, not of draws of its own."""


def rows() -> dict[str, Row]:
    """Every row that is drawn by name, in the order of the table."""
    return {name: row for name, row in all_rows().items() if not row.metrics}


def all_rows() -> dict[str, Row]:
    """These, and what is asked of all of them together."""
    with _FILE.open("rb") as file:
        told = tomllib.load(file)
    return {
        name: Row(
            name,
            row["about"],
            {metric: Target(**bound) for metric, bound in row.get("targets", {}).items()},
            tuple(row.get("metrics", ())),
        )
        for name, row in told.items()
    }
