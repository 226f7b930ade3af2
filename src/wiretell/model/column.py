"""What a column of a table is: name, type, unit, meaning, reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Column:
    """One column of a table; `unit` and `reference` are empty where there is none."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    unit: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Table:
    """A named table: what one row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pl.Schema:
        """Polars schema, columns in order."""
        return pl.Schema({c.name: c.dtype for c in self.columns})

    def empty(self) -> pl.DataFrame:
        """A table without rows."""
        return pl.DataFrame(schema=self.schema)

    def frame(self, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
        """A table from row dictionaries; missing keys become null."""
        if not rows:
            return self.empty()
        names = [c.name for c in self.columns]
        data = {n: [r.get(n) for r in rows] for n in names}
        return pl.DataFrame(data, schema=self.schema, strict=False)
