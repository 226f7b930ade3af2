"""Names of the files of a saved report."""

from __future__ import annotations

MANIFEST = "report.json"
"""Schema version and provenance; a folder that holds it is a saved report."""

EDITS = "edits.json"
"""What an analyst changed, beside what was measured."""


def table_file(table: str) -> str:
    """The file of the table of that name."""
    return f"{table}.parquet"
