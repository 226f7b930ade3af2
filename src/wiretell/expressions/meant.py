"""Values that somebody may have meant who asked for one that is nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from wiretell.expressions.completion import written
from wiretell.expressions.syntax import Node, tests_in

MOST_MEANT = 3
"""Proposals for one value."""


def meant(
    node: Node,
    values_of: Callable[[str], pl.Series],
    other_words: Mapping[str, Mapping[str, str]],
) -> tuple[str, ...]:
    """Tests with values that exist, for those of `node` whose text does not: `proto = "tcp"`.

    `values_of` gives a text column, whose commonest values are proposed first; `other_words` says
    for some columns what a value is called elsewhere (6: tcp). A value is meant where it differs
    in small and capital letters alone, is called so elsewhere, or ends in what was written, from
    a sign on (#3). Text may be off the wire.
    """
    found: list[str] = []
    for test in tests_in(node):
        if test.column.kind != "text" or test.operator not in {"=", "in"}:
            continue
        values = _commonest(values_of(test.column.name))
        for asked in test.values:
            if isinstance(asked, str) and asked not in values:
                near = _near(asked, values, other_words.get(test.column.name, {}))
                found += [f"{test.column.name} = {written(each, test.column)}" for each in near]
    return tuple(dict.fromkeys(found))


def _commonest(column: pl.Series) -> list[str]:
    counted = pl.DataFrame({"value": column}).drop_nulls().group_by("value").len()
    return counted.sort("len", "value", descending=[True, False])["value"].to_list()


def _near(asked: str, values: list[str], other_words: Mapping[str, str]) -> list[str]:
    low = asked.strip().lower()
    is_end = len(low) > 1 and not low[0].isalnum()
    word = other_words.get(low)
    return [
        each
        for each in values
        if each.lower() == low or each == word or (is_end and each.lower().endswith(low))
    ][:MOST_MEANT]
