"""All columns of all flows as a folder of Parquet files: `polars.scan_parquet(DIR)` reads it.

The files hold the flows in order of their ends; `flows.json` says where they came from.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from wiretell.errors import ConfigError
from wiretell.model.tables import SCHEMA_VERSION
from wiretell.model.tracked import TRACKED_FLOWS

MANIFEST = "flows.json"
ROWS_PER_FILE = 250_000


class FlowParquet:
    """Writes the folder, which appears when it is whole.

    Raises `ConfigError` where something other than such a folder is there already.
    """

    def __init__(self, folder: Path) -> None:
        is_ours = (folder / MANIFEST).is_file()
        if folder.exists() and not is_ours and not (folder.is_dir() and not any(folder.iterdir())):
            raise ConfigError(f"{folder}: exists and holds no flows; nothing was written")
        self._folder = folder
        self._partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        self._partial.mkdir(parents=True)
        self._waiting = [TRACKED_FLOWS.empty()]
        self._n_files = 0

    def write(self, flows: pl.DataFrame) -> None:
        """Takes these flows."""
        self._waiting.append(flows)
        if sum(batch.height for batch in self._waiting) >= ROWS_PER_FILE:
            self._write_file()

    def close(self, provenance: Mapping[str, Any]) -> None:
        """Writes what is left and gives the folder its name."""
        if self._n_files == 0 or len(self._waiting) > 1:
            self._write_file()
        manifest = {"schema": SCHEMA_VERSION, "provenance": dict(provenance)}
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=True)
        (self._partial / MANIFEST).write_text(text + "\n", encoding="utf-8")
        if self._folder.exists():
            shutil.rmtree(self._folder)
        self._partial.rename(self._folder)

    def abandon(self) -> None:
        """Removes what was written."""
        shutil.rmtree(self._partial, ignore_errors=True)

    def _write_file(self) -> None:
        path = self._partial / f"flows-{self._n_files:05}.parquet"
        pl.concat(self._waiting).write_parquet(path, compression="zstd")
        self._waiting = [TRACKED_FLOWS.empty()]
        self._n_files += 1
