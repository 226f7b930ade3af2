"""Filters and highlights typed on the page: tests of the columns of the side table."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.explore.sides import COLUMNS, source_of
from wiretell.expressions.column import Kind, Name, Names
from wiretell.expressions.completion import complete
from wiretell.expressions.error import ExpressionError
from wiretell.expressions.evaluate import expression
from wiretell.expressions.meant import meant
from wiretell.expressions.parser import parse
from wiretell.plots.sides import PROTOCOL_WORDS

_KINDS: dict[str, Kind] = {
    "device": "text", "dst": "address", "syn_signature": "text",
    "proto": "text", "conn_state": "text", "user_agent": "text",
    "ja4": "text", "sni": "text", "says": "text",
}  # fmt: skip
_ALIASES = {
    "flow_id": ("flow",),
    "ttl": ("flow_ttl",),
    "syn_signature": ("signature", "stack"),
}
_VALUES_OF = (
    *("device", "proto", "user_agent", "ja4", "sni", "syn_signature", "ttl"),
    *("conn_state", "dst", "dst_port"),
)
MOST_VALUES = 40


def names_of(sides: pl.DataFrame) -> Names:
    """What an expression may name here; the commonest values are offered."""
    return Names(
        Name(
            name,
            _KINDS.get(name, "number"),
            meaning,
            aliases=_ALIASES.get(name, ()),
            values=_commonest(sides[source_of(name)]) if name in _VALUES_OF else (),
        )
        for name, meaning in COLUMNS.items()
    )


def holds(text: str, sides: pl.DataFrame, names: Names) -> NDArray[np.bool_]:
    """For each row of the side table whether the expression holds; an empty one always does.

    Raises ExpressionError, which points at the place.
    """
    if not text.strip():
        return np.ones(sides.height, np.bool_)
    node = parse(text, names)
    stands: dict[str, Any] = {name: pl.col(source_of(name)) for name in COLUMNS}
    found = sides.select(expression(node, stands).alias("holds"))["holds"]
    return found.fill_null(value=False).to_numpy()


def meant_by(text: str, sides: pl.DataFrame, names: Names) -> tuple[str, ...]:
    """Tests that could hold where none of this expression's does; text may be off the wire."""

    if not text.strip():
        return ()
    return meant(parse(text, names), lambda name: sides[source_of(name)], {"proto": PROTOCOL_WORDS})


def completions(text: str, names: Names) -> list[str]:
    """Whole texts that go on from this one."""
    if _is_whole(text, names):
        return []  # a box takes the first that is offered when Enter is pressed
    start, words = complete(text, len(text), names)
    return [text[:start] + word for word in words]


def _is_whole(text: str, names: Names) -> bool:
    try:
        parse(text, names)
    except ExpressionError:
        return False
    return True


def _commonest(values: pl.Series) -> tuple[str, ...]:
    counts = values.drop_nulls().cast(pl.String).value_counts(sort=True)
    return tuple(counts[values.name].head(MOST_VALUES).to_list())
