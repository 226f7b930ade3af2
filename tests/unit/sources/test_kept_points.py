"""Packets kept after a capture was measured are those that are kept meanwhile."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from wiretell.model.points import POINTS
from wiretell.pipeline import measure
from wiretell.sources.kept_points import Kept, keep

EXAMPLE = Path(__file__).parents[3] / "examples" / "single.pcap.zst"


@pytest.mark.parametrize("filter", [None, "tcp"])
def test_they_are_the_same_rows(filter: str | None, tmp_path: Path) -> None:
    at_once = measure(EXAMPLE, filter=filter, points=tmp_path / "at_once")
    counters = keep(Kept((str(EXAMPLE),), filter, tmp_path / "later"))
    names = sorted(path.name for path in (tmp_path / "at_once").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "later").iterdir())
    rows = [pl.read_parquet(tmp_path / place / names[0]) for place in ("at_once", "later")]
    assert rows[0].height > 100
    assert dict(rows[0].schema) == dict(POINTS.schema)
    assert rows[0].equals(rows[1])
    assert counters.items() <= at_once.provenance["counters"].items()
