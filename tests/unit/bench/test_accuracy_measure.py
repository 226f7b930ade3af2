"""Answers against the truth: counts, attribution, calibration, rates and regimes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from bench.accuracy import fingerprint, regimes, superposed
from bench.accuracy.answers import Answer, Count, Material, material
from bench.accuracy.captures import Drawn, TrueMachine, drawn
from bench.accuracy.measure import measured
from bench.accuracy.methods import METHODS, wiretell_answer
from bench.accuracy.pairs import pair_probabilities
from bench.accuracy.records import Record
from bench.accuracy.run import Task, judge, run
from lab.score import TrueFlow, TrueFlows
from wiretell.devices.together import fit

HERE, THERE = "203.0.113.7", "203.0.113.8"
BLANK = Record("T1", 1, "wiretell", "x")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A drawn capture of one kind of machine, analysed."""
    with drawn("regimes", 2, tmp_path_factory.mktemp("cache")) as capture:
        return material(capture)


def line(devices: list[str | None], addresses: list[str], owners: list[str]) -> Material:
    flows = [
        TrueFlow(("tcp", address, 1000 + i, "192.0.2.1", 443), owner, i, i + 1)
        for i, (address, owner) in enumerate(zip(addresses, owners, strict=True))
    ]
    capture = Drawn(Path("x"), TrueFlows(flows), {}, False)
    assert len(devices) == len(flows)
    return Material(capture, None, pl.DataFrame(), 0.0)  # type: ignore[arg-type]


def test_counts_are_judged_by_address() -> None:
    of = line(["a", "a", "b", None], [HERE, HERE, HERE, THERE], ["x", "x", "y", "x"])
    counts = {HERE: Count(2, 2, 3, "separated"), THERE: Count(2, 2, 2, "single")}
    got = measured(BLANK, Answer(counts, ["a", "a", "b", None], [1.0] * 3 + [0.0], 1.5), of)
    # x is seen at both addresses: three machines in all, as their addresses show them
    assert (got.n_true, got.n_found, got.low, got.high) == (3, 4, 4, 5)
    assert (got.n_addresses, got.n_covered, got.n_over_claims) == (2, 1, 1)
    assert (got.n_flows, got.n_assigned, got.ari, got.seconds) == (4, 3, 1.0, 1.5)


def test_a_flow_counts_as_right_where_its_device_is_its_machine() -> None:
    owners = ["x", "x", "x", "x", "y", "y", "y"]
    devices = ["a", "a", "a", "c", "b", "b", "a"]  # c: x once more; the last: y taken for x
    of = line(devices, [HERE] * 7, owners)
    sure = [0.95, 0.95, 0.95, 0.55, 0.85, 0.85, 0.95]
    got = measured(BLANK, Answer({HERE: Count(3, 2, 3)}, devices, sure, 0.0), of).members
    assert got.n.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 2, 4]
    assert got.so.tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 2, 3]


def test_a_perfect_answer_is_measured_as_one(one: Material) -> None:
    owners = [flow.device for flow in one.drawn.flows.flows]
    n = len(set(owners))
    answer = Answer({HERE: Count(n, n, n, "separated")}, owners, [1.0] * len(owners), 0.0)
    got = measured(BLANK, answer, one)
    assert (got.n_true, got.n_found, got.ari, got.n_over_claims) == (n, n, 1.0, 0)
    assert got.members.ece() == 0.0


def test_every_flow_side_of_the_public_address_has_its_place(one: Material) -> None:
    assert one.places["place"].n_unique() == len(one.drawn.flows.flows)
    answer = wiretell_answer(one)
    assert len(answer.devices) == len(answer.confidences) == len(one.drawn.flows.flows)
    assert answer.counts.keys() == {HERE}


def test_rates_and_regimes_follow_the_truth(one: Material) -> None:
    answer = wiretell_answer(one)
    assert answer.rates.n > 0
    assert answer.regimes.n > 0
    # The same report against another truth: every rate is wrong, and every regime
    machines = {
        name: TrueMachine(name, "absent", (x.hz or 1000.0) * 1.5)
        for name, x in one.drawn.machines.items()
    }
    wrong = replace(one, drawn=replace(one.drawn, machines=machines))
    assert regimes.rates(wrong, answer.devices) == replace(answer.rates, n_right=0)
    assert regimes.regimes(wrong, answer.devices).n_right == 0
    rewritten = replace(one, drawn=replace(one.drawn, rewritten=True))
    assert regimes.rates(rewritten, answer.devices).n == 0


def test_pairs_of_one_device_are_as_sure_as_the_device_says(one: Material) -> None:
    own = one.report.members.filter(pl.col("device") == f"{HERE}#1")
    surest = own.filter(pl.col("confidence") == pl.col("confidence").max())
    a, b = surest.unique("chain", maintain_order=True).head(2).rows(named=True)
    pair = ((a["flow_id"], a["side"]), (b["flow_id"], b["side"]))
    (found,) = pair_probabilities(one.report, HERE, [pair])
    said = one.report.devices.filter(pl.col("device") == f"{HERE}#1")["pair_confidence"][0]
    assert found == pytest.approx(min(said, fit().tied))


def test_a_cached_capture_is_not_simulated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with drawn("regimes", 2, tmp_path) as first:
        before = first.path.read_bytes()
    monkeypatch.setattr("bench.accuracy.captures.simulate", None)
    with drawn("regimes", 2, tmp_path) as second:
        assert second.path.read_bytes() == before
        assert [x.key for x in second.flows.flows] == [x.key for x in first.flows.flows]
    monkeypatch.setattr(fingerprint, "simulator", lambda: "another")
    with pytest.raises(TypeError), drawn("regimes", 2, tmp_path):
        pass


def test_any_number_of_processes_gives_the_same_records() -> None:
    methods = ("wiretell", "timestamp lines")
    tasks = [
        Task("single", seed, tuple(Record("single", seed, m, "x") for m in methods), None)
        for seed in (1, 2)
    ]
    alone = [replace(r, seconds=0.0) for made in run(tasks, 1) for r in made]
    several = [replace(r, seconds=0.0) for made in run(tasks, 2) for r in made]
    assert [r.method for r in alone] == [*methods, *methods]
    assert {str(r) for r in alone} == {str(r) for r in several}


def test_what_fails_is_a_record_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    (lost,) = judge(Task("no such row", 1, (BLANK,), None))
    assert lost.error.startswith("ValueError: no row 'no such row'")

    def broken(_: Material) -> Answer:
        raise RuntimeError("of this\nmethod")

    monkeypatch.setitem(METHODS, "wiretell", broken)
    blanks = (BLANK, replace(BLANK, method="timestamp lines"))
    first, second = judge(Task("single", 1, blanks, None))
    assert (first.error, second.error) == ("RuntimeError: of this method", "")


def test_real_machines_are_drawn_from_shared_captures(captures: Path) -> None:
    if superposed.folder() is None:
        pytest.skip(f"{captures.name} holds no captures of one machine each")
    with drawn("shared", 2, None) as one_time, drawn("shared", 2, None) as again:
        assert one_time.path.read_bytes() == again.path.read_bytes()
        n_machines = len({flow.device for flow in one_time.flows.flows})
        found = wiretell_answer(material(one_time))
    assert 2 <= n_machines <= 10
    assert found.regimes.n == 0, "of real machines the truth is not known"
