"""A report as a terminal table, JSON, CSV, Parquet, HTML. One module each, imported when used."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from wiretell.exporter import Exporter

ALL = ("table", "json", "csv", "parquet", "html")
"""Names of the exporters, which are those of their modules."""


def exporter(name: str) -> Exporter:
    """The exporter of that name; `ValueError` where there is none."""
    if name not in ALL:
        raise ValueError(f"no exporter {name!r}; there are {', '.join(ALL)}")
    return cast(Exporter, import_module(f"wiretell.exporters.{name}"))
