"""The measured table of docs/science/reproduction.md: `.venv/bin/python docs/reproduction.py FILE`.

FILE is what `python -m bench.skew` printed; the block between the marks is renewed with it. Not
run by the tests.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "science" / "reproduction.md"


def main() -> int:
    """Renews the block."""
    table = Path(sys.argv[1]).read_text(encoding="utf-8").strip()
    block = re.compile(r"<!-- skew -->.*<!-- end of skew -->", re.DOTALL)
    page, n = block.subn(
        lambda _: f"<!-- skew -->\n{table}\n<!-- end of skew -->", PAGE.read_text(encoding="utf-8")
    )
    if n != 1 or not table.startswith("|"):
        print("no table, or no place for it", file=sys.stderr)
        return 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
