"""`--points`: packets kept beside a saved report, for plots."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from wiretell.cli.output import Outputs


@contextmanager
def kept_points(outputs: Outputs, *, wanted: bool) -> Iterator[Path | None]:
    """A place for the packets while the block runs; None where they are not wanted.

    It is beside the saved report, which takes them over without copying.
    Raises click.UsageError where no report is saved.
    """
    if not wanted:
        yield None
        return
    saved = next((place for name, place in outputs.files if name == "parquet"), None)
    if saved is None:
        raise click.UsageError("--points belongs to --save DIR, where the packets are kept")
    parent = Path(saved).parent
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".wiretell-points-", dir=parent))
    try:
        yield folder / "points"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
