"""What is coloured how: by an attribute of flow sides, or by expressions with names.

A highlight by attribute takes the values that most packets have, each a layer; what is left goes
into `OTHERS`, packets whose side has none into `NONE`. Highlights by expressions are tried in
order; packets for which none holds go into `OTHERS`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.errors import ConfigError
from wiretell.expressions.column import Names
from wiretell.expressions.parser import parse, similar
from wiretell.expressions.syntax import Node
from wiretell.plots.cloud import Layers
from wiretell.plots.columns import REVERSE, attribute, columns, names
from wiretell.plots.palette import COLORS, UNASSIGNED, Look, look
from wiretell.plots.sides import Sides

MOST_VALUES = len(COLORS)
"""Values of an attribute with a colour of their own, by default: dots have no marks."""
MOST_LAYERS = 49
"""Looks that differ: colours times marks."""
OTHERS, NONE, ALL = "others", "none", "packets"
_NAMED = re.compile(r"\s*([\w .:/#-]{1,60}?)\s*=(?!=)\s*(.+)", re.DOTALL)
_SHORT = {"syn": "syn_signature", "ttl": "flow_ttl"}
"""Words that highlight by what the flow side showed first."""


@dataclass(frozen=True)
class Layer:
    """Points drawn alike; `label` may hold text off the wire: escape it."""

    label: str
    look: Look


@dataclass(frozen=True)
class Highlight:
    """The layers of a plot and which packet is of which. `by` says what was asked for."""

    by: tuple[str, ...]
    shown: tuple[Layer, ...]
    layers: Layers


def highlight(
    asked: Sequence[str], sides: Sides, *, reverse: bool = False, most: int = MOST_VALUES
) -> Highlight:
    """The layers for what was `asked`: one attribute, or expressions, each as `name=expression`.

    `reverse`: by the attribute of the other side of each flow. None asked: one layer.
    Raises ConfigError (ExpressionError where an expression is wrong).
    """
    word, tests = check(asked, reverse=reverse)
    if word is not None:
        source, is_reverse = word
        values = sides.values(source, reverse=is_reverse)
        return by_values(tuple(asked), values, sides, most=most)
    if tests:
        return _by_tests(tuple(asked), tests, sides)
    of_side = np.zeros(sides.table.height, np.uint8)
    return Highlight((), (Layer(ALL, look(0)),), Layers(of_side))


def check(
    asked: Sequence[str], *, reverse: bool = False
) -> tuple[tuple[str, bool] | None, list[tuple[str, Node]]]:
    """What is asked for: an attribute (its column, whether of the other side), or named tests.

    Raises ConfigError, as `highlight`.
    """
    if len(asked) > MOST_LAYERS - 1:
        raise ConfigError(f"at most {MOST_LAYERS - 1} highlights have colours that differ")
    word = _attribute(asked[0], reverse=reverse) if len(asked) == 1 else None
    if word is not None:
        return word, []
    if len(asked) > 1:
        _refuse_attributes(asked)
    if reverse:
        raise ConfigError(
            "--reverse is for a highlight by one attribute; in expressions write reverse.NAME"
        )
    return None, [_named(text, names()) for text in asked]


def by_values(
    asked: tuple[str, ...], values: pl.Series, sides: Sides, *, most: int = MOST_VALUES
) -> Highlight:
    """A layer for each of the values (one for each row of `Sides`) that most packets have.

    Layers are in order of packets, so that the commonest has the first colour. Machines behind
    an address with several come before others, and stand in order of their names.
    """
    text = values.cast(pl.String)
    counted = (
        pl.DataFrame({"value": text, "n": sides.table["n_packets"].fill_null(0)})
        .filter(pl.col("value").is_not_null() & (pl.col("n") > 0))
        .group_by("value")
        .agg(pl.col("n").sum())
        .sort("n", "value", descending=[True, False])
    )
    is_device = bool(asked) and asked[0].lower().removeprefix(REVERSE) in {"device", "machine"}
    if is_device:
        address = pl.col("value").str.replace(r"#\d+$", "")
        ranked = counted.with_columns(several=pl.len().over(address) > 1)
        counted = ranked.sort("several", descending=True, maintain_order=True)
    first = counted.head(min(most, MOST_LAYERS - 1))
    kept = first["value"].to_list()
    if is_device:
        several = dict(first.select("value", "several").iter_rows())
        kept.sort(key=lambda device: (not several[device], _natural(device)))
    numbers = {value: number for number, value in enumerate(kept)}
    others, none = len(kept), len(kept) + 1
    of_side: NDArray[np.uint8] = (
        text.replace_strict(numbers, default=others, return_dtype=pl.UInt8)
        .to_numpy()
        .astype(np.uint8)
    )
    of_side[text.is_null().to_numpy()] = none
    shown = [Layer(value, look(number)) for number, value in enumerate(kept)]
    shown += [Layer(OTHERS, Look("#737c87", "circle")), Layer(NONE, UNASSIGNED)]
    return Highlight(asked, tuple(shown), Layers(of_side))


def _natural(text: str) -> tuple[object, ...]:
    """A key that puts #2 before #10."""
    parts = re.split(r"(\d+)", text)
    return tuple(int(part) if at % 2 and len(part) < 19 else part for at, part in enumerate(parts))


def _by_tests(asked: tuple[str, ...], tests: Sequence[tuple[str, Node]], sides: Sides) -> Highlight:
    others = len(tests)
    shown = [Layer(name, look(number)) for number, (name, _) in enumerate(tests)]
    shown.append(Layer(OTHERS, UNASSIGNED))
    layers = Layers(
        np.full(sides.table.height, others, np.uint8),
        tuple((node, number) for number, (_, node) in enumerate(tests)),
    )
    return Highlight(asked, tuple(shown), layers)


def _attribute(word: str, *, reverse: bool) -> tuple[str, bool] | None:
    """Where the attribute is; None: `word` is an expression, or a wrong word."""
    word = word.strip()
    base = word.lower().removeprefix(REVERSE)
    word = (REVERSE if word.lower().startswith(REVERSE) else "") + _SHORT.get(base, base)
    found = attribute(word)
    if found is not None:
        column, is_reverse = found
        return column.source, is_reverse != reverse
    if not re.fullmatch(r"[\w.]+", word) or names().find(word) is not None:
        return None
    attributes = Names(each.name for each in columns().values() if each.of == "side")
    near = similar(word, attributes)
    propose = f"; did you mean {' or '.join(near)}?" if near else "."
    every = ", ".join(name.name for name in attributes.all)
    raise ConfigError(f"--highlight: there is no attribute {word!r}{propose} There are: {every}")


def _refuse_attributes(asked: Sequence[str]) -> None:
    """A bare column beside others would be read as "has a value", which is hardly meant."""
    known = names()
    bare = [
        text.strip()
        for text in asked
        if (column := known.find(text.strip())) is not None and column.kind != "flag"
    ]
    if bare:
        raise ConfigError(
            f"--highlight {bare[0]} colours by its values and stands alone; where several are"
            f" given, each is an expression with a name: --highlight 'NAME={bare[0]} = ...'"
        )


def _named(text: str, known: Names) -> tuple[str, Node]:
    """`name=expression`; an expression alone is its own name."""
    matched = _NAMED.fullmatch(text)
    if matched is not None and known.find(matched[1]) is None:
        return matched[1], parse(matched[2], known)
    return text.strip()[:60], parse(text, known)
