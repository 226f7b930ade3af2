"""The scorer, by hand and against scikit-learn."""

import csv
import random
from pathlib import Path

import pytest

from lab.score import score, score_labels
from lab.score.__main__ import main

TRUTH_HEADER = [
    "proto",
    "nat_ip",
    "nat_port",
    "dst_ip",
    "dst_port",
    "device_id",
    "first_ts",
    "last_ts",
]
PREDICTION_HEADER = ["src", "sport", "dst", "dport", "proto", "device", "first_ns"]
NAT, WEB = "203.0.113.7", "192.0.2.1"


def _write(path: Path, header: list[str], rows: list[tuple[object, ...]]) -> Path:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)
    return path


def test_equal_partitions_score_one_whatever_their_labels():
    got = score_labels(["a", "a", "b"], [7, 7, 1])
    assert (got.ari, got.v_measure, got.bcubed_f1, got.pair_f1) == (1.0, 1.0, 1.0, 1.0)
    assert got.exact and got.count_error == 0 and got.coverage == 1.0


def test_all_in_one():
    got = score_labels(["a", "a", "b", "b"], ["x"] * 4)
    assert got.ari == 0.0
    assert (got.homogeneity, got.completeness, got.v_measure) == (0.0, 1.0, 0.0)
    assert (got.pair_precision, got.pair_recall) == (2 / 6, 1.0)
    assert (got.bcubed_precision, got.bcubed_recall) == (0.5, 1.0)
    assert got.count_error == -1 and not got.exact


def test_one_flow_astray():
    # pairs: truth 3 + 1, prediction 1 + 3, together in both 1 + 1
    got = score_labels(list("aaabb"), list("xxyyy"))
    assert (got.pair_precision, got.pair_recall) == (2 / 4, 2 / 4)
    expected = 4 * 4 / 10
    assert got.ari == pytest.approx((2 - expected) / (4 - expected))
    # per flow: a a in x (2/2), a in y (1/3), b b in y (2/3)
    assert got.bcubed_precision == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5)
    assert got.bcubed_recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)


def test_a_flow_without_a_device_is_a_device_of_its_own_but_not_counted():
    got = score_labels(["a", "a", "a"], ["x", None, None])
    assert got.n_predicted == 1 and got.exact
    assert got.coverage == pytest.approx(1 / 3)
    assert (got.pair_precision, got.pair_recall) == (1.0, 0.0)


def test_no_labels_is_an_error():
    with pytest.raises(ValueError, match="0 true labels"):
        score_labels([], [])


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_scikit_learn(seed: int):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = random.Random(seed)
    n = rng.randrange(2, 200)
    a = [rng.randrange(rng.randrange(1, 9)) for _ in range(n)]
    b = [x if rng.random() < 0.7 else rng.randrange(9) for x in a]
    got = score_labels(a, b)
    assert got.ari == pytest.approx(metrics.adjusted_rand_score(a, b))
    homogeneity, completeness, v_measure = metrics.homogeneity_completeness_v_measure(a, b)
    assert (got.homogeneity, got.completeness) == pytest.approx((homogeneity, completeness))
    assert got.v_measure == pytest.approx(v_measure)


def test_the_same_ends_used_by_two_machines_are_told_apart_by_time(tmp_path: Path):
    truth = _write(
        tmp_path / "truth.csv",
        TRUTH_HEADER,
        [
            ("tcp", NAT, 5000, WEB, 80, "dev01", "100.000000001", "110.0"),
            ("tcp", NAT, 5000, WEB, 80, "dev02", "300.0", "310.0"),
        ],
    )
    rows = [
        (NAT, 5000, WEB, 80, "tcp", "A", 300 * 10**9),
        (NAT, 5000, WEB, 80, "6", "B", 100 * 10**9 + 1),
    ]
    prediction = _write(tmp_path / "prediction.csv", PREDICTION_HEADER, rows)
    got = score(truth, prediction)
    assert (got.n_flows, got.n_true, got.n_predicted, got.ari) == (2, 2, 2, 1.0)


def test_rows_about_the_far_end_are_left_aside(tmp_path: Path):
    truth = _write(
        tmp_path / "truth.csv",
        TRUTH_HEADER,
        [("tcp", NAT, port, WEB, 80, "dev01", "", "") for port in (1, 2)],
    )
    near = [(NAT, port, WEB, 80, "tcp", "A", "") for port in (1, 2)]
    far = [(WEB, 80, NAT, port, "tcp", f"server-{port}", "") for port in (1, 2)]
    bad = [("no address", 1, WEB, 80, "tcp", "A", "")]
    prediction = _write(tmp_path / "prediction.csv", PREDICTION_HEADER, far + near + bad)
    got = score(truth, prediction)
    assert (got.ari, got.n_predicted, got.n_other_rows, got.n_bad_rows) == (1.0, 1, 2, 1)


def test_rows_with_times_about_unknown_flows_are_left_aside(tmp_path: Path):
    flow = ("tcp", NAT, 1, WEB, 80, "dev01", "100.0", "110.0")
    truth = _write(tmp_path / "truth.csv", TRUTH_HEADER, [flow])
    rows = [(NAT, port, WEB, 80, "tcp", "A", 100 * 10**9) for port in (1, 2)]
    got = score(truth, _write(tmp_path / "prediction.csv", PREDICTION_HEADER, rows))
    assert (got.n_flows, got.coverage, got.n_other_rows) == (1, 1.0, 1)


def test_missing_columns_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    truth = _write(tmp_path / "truth.csv", TRUTH_HEADER, [("tcp", NAT, 1, WEB, 80, "d", "", "")])
    prediction = _write(tmp_path / "prediction.csv", ["src", "sport"], [])
    with pytest.raises(SystemExit):
        main([str(truth), str(prediction)])
    assert "columns missing: device, dport, dst, proto" in capsys.readouterr().err
