"""What an exporter is: a module or object that writes a report in one form.

Implementations live in `exporters/`; a new one is one file there and one name in its `ALL`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from wiretell.model.report import Report

Target = Path | TextIO
"""A file or folder to be written, or an open text stream."""


@dataclass(frozen=True)
class Options:
    """What to show of a report, and how; every exporter heeds what applies to it."""

    addresses: tuple[str, ...] = ()
    """Only these addresses, in this order; empty: all."""
    top: int | None = None
    """Only the first addresses, those that open the most flows first."""
    all_addresses: bool = False
    """Single-machine servers one by one too, where they would only be summed up."""
    verbose: bool = False
    """Every reason, not only the two strongest."""
    color: bool = False
    width: int = 120
    """Columns of a line of text."""


class Exporter(Protocol):
    """Writes reports in one form."""

    @property
    def name(self) -> str:
        """Its name: table, json, csv, ..."""

    def write(self, report: Report, target: Target, options: Options) -> None:
        """Writes `report`; the same report gives the same bytes.

        Raises:
            OSError: the target cannot be written.
            ConfigError: the target is no place for this form.
        """


@contextmanager
def text_stream(target: Target) -> Iterator[TextIO]:
    """The stream to write text to; a file appears only when it is whole."""
    if not isinstance(target, Path):
        yield target
        return
    if target.exists() and not target.is_file():  # a pipe or a terminal: nothing to replace
        with target.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        return
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
