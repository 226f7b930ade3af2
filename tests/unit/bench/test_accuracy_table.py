"""Records, figures with their intervals, the table and the lists made from it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.accuracy import records
from bench.accuracy.captures import SUPERPOSED
from bench.accuracy.compare import compared, difference
from bench.accuracy.document import renew
from bench.accuracy.records import Record
from bench.accuracy.rows import Row, Target, all_rows, rows
from bench.accuracy.table import METRICS, figure, table
from bench.accuracy.worst import worst
from lab.score import reliability
from lab.sim.draws import rows as drawn_rows


def record(seed: int, n_found: int = 3, ari: float = 0.9, **more: object) -> Record:
    return Record(
        "T1",
        seed,
        **{"method": "wiretell", "made_with": "x", **more},
        n_flows=100,
        n_assigned=95,
        n_true=3,
        n_found=n_found,
        low=n_found,
        high=n_found,
        n_addresses=1,
        n_covered=int(n_found == 3),
        ari=ari,
    )


def test_records_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "T1.csv"
    said = reliability([0.1, 0.85, 1 / 3], [False, True, True])
    first = replace(record(1, ari=1 / 3), members=said, verdicts='a "b", c')
    records.write(path, [record(2), first])
    again = replace(record(2), error="ValueError: no", method="Bellovin")
    records.append(path, again)
    found = records.read(path)
    assert found.keys() == {("T1", 1, "wiretell"), ("T1", 2, "wiretell"), ("T1", 2, "Bellovin")}
    read = found["T1", 1, "wiretell"]
    assert (read.ari, read.verdicts) == (1 / 3, 'a "b", c')
    assert read.members.ece() == said.ece()
    assert found["T1", 2, "Bellovin"].error == "ValueError: no"


def test_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "T1.csv"
    records.write(path, [record(1), record(2)])
    path.write_text(path.read_text()[:-40])
    assert [key[1] for key in records.read(path)] == [1]
    assert records.read(tmp_path / "none.csv") == {}


def test_figures_by_hand() -> None:
    three = [record(1), record(2, n_found=5, ari=0.3), record(3, n_found=2, ari=0.6)]
    values = {name: figure(METRICS[name], three).value for name in METRICS}
    assert values["mae"] == pytest.approx(1.0)
    assert values["bias"] == pytest.approx(1 / 3)
    assert values["exact"] == pytest.approx(1 / 3)
    assert values["within_one"] == pytest.approx(2 / 3)
    assert values["interval"] == pytest.approx(1 / 3)
    assert values["ari"] == pytest.approx(0.6)
    assert values["coverage"] == pytest.approx(0.95)
    assert math.isnan(values["rate"])


def test_calibration_is_of_all_draws_together() -> None:
    # Each draw for itself is off by a half; together three of six at one half are so.
    draws = [
        replace(record(seed), members=reliability([0.5, 0.5, 0.5], [so] * 3))
        for seed, so in ((1, True), (2, False))
    ]
    assert figure(METRICS["member_ece"], draws[:1]).value == pytest.approx(0.5)
    assert figure(METRICS["member_ece"], draws).value == pytest.approx(0.0)


def test_the_bootstrap_interval_is_that_of_a_share() -> None:
    draws = [record(seed, n_found=3 if seed % 4 else 9) for seed in range(400)]
    found = figure(METRICS["exact"], draws)
    error = math.sqrt(0.75 * 0.25 / 400)
    assert found.value == 0.75
    assert found.low == pytest.approx(0.75 - 1.96 * error, abs=0.01)
    assert found.high == pytest.approx(0.75 + 1.96 * error, abs=0.01)
    assert figure(METRICS["exact"], draws) == found, "seeded"


def test_the_table_says_which_targets_are_met_and_what_failed() -> None:
    bounds = {"exact": Target(at_least=0.5), "mae": Target(at_most=0.1)}
    row = Row("T1", "legacy", bounds)
    both = [record(1), record(2), record(3, n_found=4)]
    both += [replace(record(1), method="Bellovin"), Record("T1", 2, "Bellovin", "x", "no")]
    lines = table(both, {"T1": row}).splitlines()
    assert lines[0] == "| scenario | metric | target | wiretell | Bellovin |"
    told = {line.split(" | ")[1]: line for line in lines[2:]}
    assert "| 3 draws | 2 draws, **1 failed** |" in lines[2]
    assert ">= 0.500 | 0.667 (0.000-1.000) met |" in told["count exact"]
    assert "**not met**" in told["count: mean absolute error"]
    assert told["90 % interval holds the truth"].endswith("|  |"), "a baseline has no interval"


def test_a_row_of_all_rows_together_asks_what_it_is_told_to() -> None:
    bounds = {"over_claims": Target(at_least=0.1, at_most=0.3)}
    kinds = {name: Row(name, "", {}) for name in ("T1", "T2")}
    kinds["together"] = Row("together", "all", bounds, ("over_claims",))
    draws = [replace(record(1), n_addresses=1, n_over_claims=n) for n in (0, 1)]
    draws = [draws[0], *[replace(r, row="T2", seed=n) for n, r in enumerate([*draws, draws[0]])]]
    lines = table(draws, kinds).splitlines()
    assert "| **together** | all | | 4 draws |" in lines[-2]
    assert "| 0.100-0.300 | 0.250 (0.000-0.750) met |" in lines[-1]


def test_the_worst_draws_come_first_and_failures_before_them() -> None:
    some = [record(1), record(2, n_found=9, ari=0.5), record(3, ari=0.2)]
    some.append(Record("T1", 4, "wiretell", "x", "ValueError: no"))
    by_ari = [line.split()[1] for line in worst(some, 3, "ari").splitlines()[1:]]
    by_count = [line.split()[1] for line in worst(some, 2, "count").splitlines()[1:]]
    assert (by_ari, by_count) == (["4", "3", "2"], ["4", "2"])


def test_a_change_is_compared_draw_by_draw() -> None:
    rng = np.random.default_rng(3)
    before = [record(seed, ari=float(x)) for seed, x in enumerate(rng.random(60))]
    after = [replace(r, ari=r.ari + 0.01) for r in before]
    found = difference(METRICS["ari"], before, after)
    # The draws differ far more than by this: only as pairs do they show it.
    assert (found.low, found.value, found.high) == pytest.approx((0.01, 0.01, 0.01))
    text = compared(before, after)
    assert "60 draws, 60 of them judged otherwise" in text
    assert text.splitlines()[2].endswith("+0.010 (+0.010 to +0.010)  *")
    assert "no draws in common" in compared([], after)
    others = [replace(r, n_flows=r.n_flows + 1) for r in before[:7]]
    assert "7 draws are other captures now" in compared([*others, *before[7:]], after)


def test_a_page_gets_its_table(tmp_path: Path) -> None:
    page = tmp_path / "accuracy.md"
    page.write_text("a\n<!-- accuracy -->\nold\n<!-- end of accuracy -->\nb\n")
    renew("| new \\1 |\n", range(10_000, 10_300), page)
    text = page.read_text()
    assert "| new \\1 |" in text
    assert "Seeds 10000 to 10299." in text
    assert "old" not in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="0 blocks"):
        renew("", range(1, 3), page)


def test_every_row_is_drawn_and_every_target_is_of_a_metric() -> None:
    for name in rows():
        assert name in drawn_rows() or name == SUPERPOSED
    for row in all_rows().values():
        assert row.targets.keys() <= METRICS.keys()
        assert set(row.metrics) <= METRICS.keys()
