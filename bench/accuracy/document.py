"""The table as a block of docs/accuracy.md."""

from __future__ import annotations

import re
from pathlib import Path

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
_BLOCK = re.compile(r"<!-- accuracy -->.*<!-- end of accuracy -->", re.S)


def renew(table: str, seeds: range, page: Path = _PAGE) -> None:
    """Put the table, and which draws it is of, between the marks of the page.

    Raises ValueError where the page has no such marks.
    """
    old = page.read_text(encoding="utf-8")
    held_out = f"Seeds {seeds[0]} to {seeds[-1]}."
    block = f"<!-- accuracy -->\n{table}\n{held_out}\n<!-- end of accuracy -->"
    new, n = _BLOCK.subn(lambda _: block, old)
    if n != 1:
        raise ValueError(f"{page.name}: {n} blocks between marks")
    page.write_text(new, encoding="utf-8")
