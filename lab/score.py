"""Scores a grouping of flows into machines against the truth: ``python -m lab.score``.

TRUTH has one row per flow: ``proto, nat_ip, nat_port, dst_ip, dst_port, device_id`` and, if known,
``first_ts, last_ts`` in seconds. PREDICTION has one row per judged flow side: ``src, sport, dst,
dport, proto, device`` and, if known, ``first_ns`` or ``first_ts``. ``src`` is the side that the
device is on, so a row about a flow's far end says nothing about the machine at its near end and is
left aside. A flow without a device counts as a device of its own.
"""

import argparse
import csv
import json
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_PROTOCOLS = {"1": "icmp", "58": "icmp", "icmpv6": "icmp", "icmp6": "icmp", "6": "tcp", "17": "udp"}
_TRUTH_COLUMNS = {"proto", "nat_ip", "nat_port", "dst_ip", "dst_port", "device_id"}
_PREDICTION_COLUMNS = {"src", "sport", "dst", "dport", "proto", "device"}

Key = tuple[str, str, int, str, int]
"""(protocol, near address, near port, far address, far port)"""


@dataclass(frozen=True)
class Scores:
    """Agreement of two partitions of the same flows, all in [0, 1] but the counts."""

    n_flows: int
    n_true: int
    n_predicted: int
    count_error: int
    exact: bool
    coverage: float
    """Share of the flows that were given to a device."""
    ari: float
    """Adjusted Rand index (Hubert & Arabie 1985): 1 equal, about 0 by chance."""
    homogeneity: float
    completeness: float
    v_measure: float
    """Rosenberg & Hirschberg 2007."""
    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    """Bagga & Baldwin 1998: the mean over flows, so large machines weigh by their flows."""
    pair_precision: float
    pair_recall: float
    pair_f1: float
    n_other_rows: int = 0
    """Rows of the prediction that are no flow of the truth."""
    n_bad_rows: int = 0


@dataclass(frozen=True)
class TrueFlow:
    """One flow of the truth; times in ns, -1 where not known."""

    device: str
    first_ns: int
    last_ns: int


def _harmonic_mean(a: float, b: float) -> float:
    return 2.0 * a * b / (a + b) if a + b else 0.0


def _n_pairs(counts: NDArray[np.int64]) -> int:
    return sum(n * (n - 1) // 2 for n in counts.tolist())


def _entropy(counts: NDArray[np.int64]) -> float:
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum()) if len(counts) > 1 else 0.0


def _numbered(labels: Sequence[Hashable]) -> NDArray[np.int64]:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(x, len(numbers)) for x in labels], dtype=np.int64)


def _adjusted_rand_index(n_both: int, n_true: int, n_predicted: int, n_all: int) -> float:
    """From numbers of pairs: together in both, in the truth, in the prediction; all there are."""
    if n_both == n_true == n_predicted:
        return 1.0
    expected = n_true * n_predicted / n_all
    return (n_both - expected) / ((n_true + n_predicted) / 2 - expected)


def score_labels(truth: Sequence[Hashable], prediction: Sequence[Hashable | None]) -> Scores:
    """Compare two labellings of the same flows; ``None`` is a flow without a device.

    Raises ``ValueError`` if they differ in length or are empty.
    """
    if len(truth) != len(prediction) or not truth:
        raise ValueError(f"{len(truth)} true labels, {len(prediction)} predicted ones")
    n = len(truth)
    own: list[Hashable] = [
        ("alone", i) if x is None else ("device", x) for i, x in enumerate(prediction)
    ]
    a, b = _numbered(truth), _numbered(own)
    sizes_a, sizes_b = np.bincount(a), np.bincount(b)
    cells, counts = np.unique(a * len(sizes_b) + b, return_counts=True)
    in_a, in_b = sizes_a[cells // len(sizes_b)], sizes_b[cells % len(sizes_b)]

    both, pairs_a, pairs_b = _n_pairs(counts), _n_pairs(sizes_a), _n_pairs(sizes_b)
    pair_precision = both / pairs_b if pairs_b else 1.0
    pair_recall = both / pairs_a if pairs_a else 1.0

    entropy_a, entropy_b = _entropy(sizes_a), _entropy(sizes_b)
    shared = max(0.0, entropy_a + entropy_b - _entropy(counts))
    homogeneity = shared / entropy_a if entropy_a else 1.0
    completeness = shared / entropy_b if entropy_b else 1.0

    bcubed_precision = float((counts * counts / in_b).sum() / n)
    bcubed_recall = float((counts * counts / in_a).sum() / n)

    n_assigned = sum(x is not None for x in prediction)
    n_predicted = len({x for x in prediction if x is not None})
    return Scores(
        n_flows=n,
        n_true=len(sizes_a),
        n_predicted=n_predicted,
        count_error=n_predicted - len(sizes_a),
        exact=n_predicted == len(sizes_a),
        coverage=n_assigned / n,
        ari=_adjusted_rand_index(both, pairs_a, pairs_b, n * (n - 1) // 2),
        homogeneity=homogeneity,
        completeness=completeness,
        v_measure=_harmonic_mean(homogeneity, completeness),
        bcubed_precision=bcubed_precision,
        bcubed_recall=bcubed_recall,
        bcubed_f1=_harmonic_mean(bcubed_precision, bcubed_recall),
        pair_precision=pair_precision,
        pair_recall=pair_recall,
        pair_f1=_harmonic_mean(pair_precision, pair_recall),
    )


def _protocol(text: str) -> str:
    word = text.strip().lower()
    return _PROTOCOLS.get(word, word)


def _key(proto: str, near: str, near_port: str, far: str, far_port: str) -> Key:
    def port(text: str) -> int:
        return int(text) if text.strip() else 0

    near, far = str(ip_address(near.strip())), str(ip_address(far.strip()))
    return _protocol(proto), near, port(near_port), far, port(far_port)


def _nanoseconds(seconds: str) -> int:
    """Exact: a float does not hold nanoseconds since 1970."""
    whole, _, fraction = seconds.strip().partition(".")
    return int(whole) * 10**9 + int(fraction[:9].ljust(9, "0"))


def _rows(path: Path, needed: set[str]) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        missing = needed - set(table.fieldnames or ())
        if missing:
            raise ValueError(f"{path}: columns missing: {', '.join(sorted(missing))}")
        return [{key: value or "" for key, value in row.items()} for row in table]


def read_truth(
    path: Path, protocols: frozenset[str] = frozenset({"tcp", "udp", "icmp"})
) -> dict[Key, list[TrueFlow]]:
    """The flows of a truth file. A key has several if the same ends came back later."""
    flows: dict[Key, list[TrueFlow]] = defaultdict(list)
    for row in _rows(path, _TRUTH_COLUMNS):
        if _protocol(row["proto"]) not in protocols:
            continue
        ends = (row[x] for x in ("nat_ip", "nat_port", "dst_ip", "dst_port"))
        first, last = row.get("first_ts", ""), row.get("last_ts", "")
        first_ns = _nanoseconds(first) if first else -1
        last_ns = _nanoseconds(last) if last else first_ns
        flows[_key(row["proto"], *ends)].append(TrueFlow(row["device_id"], first_ns, last_ns))
    return dict(flows)


def _start_ns(row: dict[str, str]) -> int:
    if row.get("first_ns"):
        return int(row["first_ns"])
    return _nanoseconds(row["first_ts"]) if row.get("first_ts") else -1


def _matching(flows: list[TrueFlow], start_ns: int) -> list[int]:
    """Indices of the flows that a row speaks of: the nearest in time, all if there is no time."""
    if len(flows) <= 1 or start_ns < 0 or any(flow.first_ns < 0 for flow in flows):
        return list(range(len(flows)))
    distances = [max(flow.first_ns - start_ns, start_ns - flow.last_ns, 0) for flow in flows]
    return [distances.index(min(distances))]


def score(
    truth: Path, prediction: Path, protocols: frozenset[str] = frozenset({"tcp", "udp", "icmp"})
) -> Scores:
    """Score a prediction file against a truth file.

    Of several rows about one flow the device named most often counts. Raises ``ValueError`` if a
    column is missing or the truth has no flow of ``protocols``.
    """
    flows = read_truth(truth, protocols)
    if not flows:
        raise ValueError(f"{truth}: no flows of {', '.join(sorted(protocols))}")
    votes: dict[tuple[Key, int], Counter[str]] = defaultdict(Counter)
    n_other = n_bad = 0
    for row in _rows(prediction, _PREDICTION_COLUMNS):
        try:
            key = _key(row["proto"], row["src"], row["sport"], row["dst"], row["dport"])
            start_ns = _start_ns(row)
        except ValueError:
            n_bad += 1
            continue
        n_other += key not in flows
        device = row["device"].strip()
        for i in _matching(flows.get(key, []), start_ns) if device else ():
            votes[key, i][device] += 1
    true_labels = [flow.device for key in flows for flow in flows[key]]
    predicted = [
        votes[key, i].most_common(1)[0][0] if (key, i) in votes else None
        for key in flows
        for i in range(len(flows[key]))
    ]
    scores = asdict(score_labels(true_labels, predicted))
    return Scores(**{**scores, "n_other_rows": n_other, "n_bad_rows": n_bad})


def main(words: list[str] | None = None) -> int:
    """Print the scores, one a line or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m lab.score", description=__doc__)
    parser.add_argument("truth", type=Path)
    parser.add_argument("prediction", type=Path)
    parser.add_argument("--proto", default="tcp,udp,icmp", help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(words)
    protocols = frozenset(_protocol(x) for x in arguments.proto.split(","))
    try:
        scores = asdict(score(arguments.truth, arguments.prediction, protocols))
    except ValueError as error:
        parser.error(str(error))
    if arguments.json:
        print(json.dumps(scores))
        return 0
    for name, value in scores.items():
        shown = f"{value:.4f}" if isinstance(value, float) and math.isfinite(value) else value
        print(f"{name:17s} {shown}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
