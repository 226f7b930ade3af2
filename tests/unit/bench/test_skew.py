"""The bench of skews: published figures are whole, one cell is as published, trials are seeded."""

from __future__ import annotations

import tomllib

from bench.skew import PUBLISHED, cell, markdown


def test_every_cell_has_its_published_figures() -> None:
    table = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert all(len(row["sd_ppm"]) == len(table["spans"]) == 5 for row in table["rows"])
    assert len(table["rows"]) == 6


def test_a_cell_is_as_published_and_the_same_again() -> None:
    span = ("60 s", 60.0, 600)
    one = cell(1000.0, 10.0, span, [7.5, 23.0], 80, 1)
    assert one == cell(1000.0, 10.0, span, [7.5, 23.0], 80, 1)
    low, high = one.interval
    assert low < 7.5 * 1.1
    assert high > 7.5 * 0.7
    assert one.program_ppm < one.robust_ppm < one.squares_ppm
    assert one.both_ppm < 1.05 * one.program_ppm
    assert "| 1000 | 10 ms | 60 s |" in markdown([one], (0.5, 0.6), 20)
