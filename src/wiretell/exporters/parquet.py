"""A saved report: a folder with one Parquet file per table and `report.json`.

`wiretell.sources.saved.load` reads it again. The whole report is saved, whatever was chosen
to be shown.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from wiretell.errors import ConfigError
from wiretell.exporter import Options, Target
from wiretell.model.points import POINTS_FOLDER
from wiretell.model.report import Report
from wiretell.model.saved import MANIFEST, table_file
from wiretell.model.tables import SCHEMA_VERSION

name = "parquet"


def write(report: Report, target: Target, options: Options) -> None:
    """Writes the folder; an earlier saved report there is replaced, any other content is not.

    Raises:
        ConfigError: `target` is no path, or something that is not a saved report.
    """
    if not isinstance(target, Path):
        raise ConfigError("a saved report is a folder; it cannot go to standard output")
    is_report = (target / MANIFEST).is_file()
    if target.exists() and not is_report and not (target.is_dir() and not any(target.iterdir())):
        raise ConfigError(f"{target}: exists and is not a saved report; nothing was written")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.mkdir()
    try:
        _write_files(report, partial)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_files(report: Report, folder: Path) -> None:
    for table, frame in report.tables().items():
        frame.write_parquet(folder / table_file(table), compression="zstd")
    if report.points is not None:
        report.points.save(folder / POINTS_FOLDER)
    manifest = {"schema": SCHEMA_VERSION, "provenance": dict(report.provenance)}
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
