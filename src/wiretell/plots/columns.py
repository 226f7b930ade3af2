"""The columns that plots, filters and highlights may name."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from wiretell.errors import ConfigError
from wiretell.expressions.column import Name, Names
from wiretell.expressions.parser import similar

REVERSE = "reverse."
"""Before the name of an attribute: that of the flow's other side."""

Of = Literal["packet", "side", "made"]


@dataclass(frozen=True)
class PlotColumn:
    """A column by its name: `of` packets, flow sides, or `made` of several columns.

    `source` is its column in the table it is of. `axis` labels an axis of it, None where it
    cannot be drawn; `top` is the largest value of a field of fixed width, `absent` says why packets
    may have none.
    """

    name: Name
    of: Of
    source: str
    axis: str | None
    top: float | None
    absent: str = ""


@cache
def columns() -> dict[str, PlotColumn]:
    """Every column by its name, in the order of columns.toml."""
    text = (files(__package__) / "columns.toml").read_text(encoding="utf-8")
    made = [
        PlotColumn(
            Name(
                row["name"],
                row["kind"],
                row["meaning"],
                row.get("unit", ""),
                tuple(row.get("aliases", ())),
                tuple(row.get("values", ())),
            ),
            row["of"],
            row["source"],
            row.get("y"),
            row.get("top"),
            row.get("absent", ""),
        )
        for row in tomllib.loads(text)["column"]
    ]
    return {each.name.name: each for each in made}


@cache
def names() -> Names:
    """What expressions may name: of packets, of their side, of the side they went to."""
    found: list[Name] = []
    for each in columns().values():
        if each.of != "made":
            found.append(each.name)
    for each in columns().values():
        if each.of == "side":
            name = each.name
            found.append(
                Name(
                    REVERSE + name.name,
                    name.kind,
                    f"the same of the flow's other side: {name.meaning}",
                    name.unit,
                    tuple(REVERSE + alias for alias in name.aliases),
                    name.values,
                )
            )
    return Names(found)


def quantity(word: str) -> PlotColumn:
    """The column to draw that `word` names. Raises ConfigError, with names that are near."""
    drawable = Names(each.name for each in columns().values() if each.axis is not None)
    found = drawable.find(word)
    if found is not None:
        return columns()[found.name]
    near = similar(word, drawable)
    propose = f"; did you mean {' or '.join(near)}?" if near else "."
    every = ", ".join(name.name for name in drawable.all)
    raise ConfigError(f"no column {word!r} to draw{propose} There are: {every}")


def attribute(word: str) -> tuple[PlotColumn, bool] | None:
    """The side attribute that `word` names and whether of the reverse side; None: none is."""
    found = names().find(word)
    if found is None:
        return None
    reverse = found.name.startswith(REVERSE)
    column = columns()[found.name.removeprefix(REVERSE)]
    return (column, reverse) if column.of == "side" else None
