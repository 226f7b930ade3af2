"""Saved reports read again, without the capture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from wiretell.devices.edit_log import EditLog, from_json
from wiretell.devices.edits import apply_edits
from wiretell.errors import ConfigError
from wiretell.model.column import Table
from wiretell.model.points import POINTS_FOLDER
from wiretell.model.report import Report
from wiretell.model.saved import EDITS, MANIFEST, table_file
from wiretell.model.tables import REPORT_TABLES, SCHEMA_VERSION
from wiretell.sources.points import PointFiles

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def is_saved_report(path: Path) -> bool:
    """True for a folder that the Parquet exporter wrote."""
    return (path / MANIFEST).is_file()


def load(path: str | Path) -> Report:
    """Reads the report saved in the folder `path`, as the analyst's edits beside it left it.

    Edits that do not fit are named in `provenance["edits_left_out"]`.

    Raises:
        ConfigError: it is no saved report, a part is missing or does not fit, or it was written
            by a newer or older wiretell, with other tables.
        OSError: it cannot be read.
    """
    edited, problems = apply_edits(load_measured(path), load_edits(path).active)
    if not problems:
        return edited
    return replace(edited, provenance={**edited.provenance, "edits_left_out": list(problems)})


def load_edits(path: str | Path) -> EditLog:
    """The log of edits beside the report in the folder `path`; empty where there is none.

    Raises:
        ConfigError: it is no log of edits.
        OSError: it cannot be read.
    """
    file = Path(path) / EDITS
    if not file.exists():
        return EditLog()
    try:
        return from_json(json.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error


def load_measured(path: str | Path) -> Report:
    """As `load`, without the analyst's edits."""
    folder = Path(path)
    provenance = provenance_of(folder)
    tables = {table.name: _table(folder, table) for table in REPORT_TABLES}
    return Report(**tables, provenance=provenance, points=points_of(folder))


def points_of(folder: Path) -> PointFiles | None:
    """The packets saved with the report; None: none were. Raises ConfigError."""
    packets = folder / POINTS_FOLDER
    return PointFiles(packets) if packets.is_dir() else None


def provenance_of(folder: Path) -> Mapping[str, Any]:
    """Of the report saved in `folder`. Raises ConfigError, OSError as `load` does."""
    if not is_saved_report(folder):
        raise ConfigError(f"{folder}: not a saved report (it has no {MANIFEST})")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        schema, provenance = manifest["schema"], manifest["provenance"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder / MANIFEST}: not a report's manifest: {error!r}") from error
    if not isinstance(schema, int) or not isinstance(provenance, dict):
        raise ConfigError(f"{folder / MANIFEST}: not a report's manifest")
    if schema > SCHEMA_VERSION:
        raise ConfigError(
            f"{folder}: written by a newer wiretell (schema {schema}, this one reads up to"
            f" {SCHEMA_VERSION}); update wiretell"
        )
    if schema < SCHEMA_VERSION:
        raise ConfigError(
            f"{folder}: written by an older wiretell (schema {schema}, this one reads"
            f" {SCHEMA_VERSION}); judge the capture again"
        )
    return provenance


def _table(folder: Path, table: Table) -> pl.DataFrame:
    path = folder / table_file(table.name)
    with _readable(path):
        frame = pl.read_parquet(path, memory_map=False)
    return _fitting(frame, frame.schema, path, table)


def scan(folder: Path, table: Table) -> pl.LazyFrame:
    """The table of a saved report, read when it is collected, by `collected`.

    Raises ConfigError where it is missing or has other columns.
    """
    path = folder / table_file(table.name)
    with _readable(path):
        schema = pl.read_parquet_schema(path)
    return _fitting(pl.scan_parquet(path), pl.Schema(schema), path, table)


def collected(folder: Path, table: Table, rows: pl.LazyFrame) -> pl.DataFrame:
    """What was asked of a table by `scan`. Raises ConfigError where its file cannot be read."""
    with _readable(folder / table_file(table.name)):
        return rows.collect()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """ConfigError where the block cannot read this file."""
    try:
        yield
    except FileNotFoundError as error:
        raise ConfigError(f"{path.parent}: the saved report lacks {path.name}") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ConfigError(f"{path}: not a readable Parquet file: {error}") from error


def _fitting(frame: Frame, schema: pl.Schema, path: Path, table: Table) -> Frame:
    if schema != table.schema:
        raise ConfigError(f"{path}: its columns are not those of the table {table.name}")
    return frame
