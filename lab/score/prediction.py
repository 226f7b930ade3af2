"""A prediction file against a truth file."""

from dataclasses import asdict
from pathlib import Path

from lab.score.flows import (
    ALL_PROTOCOLS,
    flow_key,
    most_named,
    nanoseconds,
    read_rows,
    read_truth,
)
from lab.score.labels import Scores, score_labels

_COLUMNS = {"src", "sport", "dst", "dport", "proto", "device"}


def score(truth: Path, prediction: Path, protocols: frozenset[str] = ALL_PROTOCOLS) -> Scores:
    """Score a prediction file against a truth file.

    Of several rows about one flow the device named most often counts. Raises ``ValueError`` if a
    column is missing or the truth has no flow of ``protocols``.
    """
    true = read_truth(truth, protocols)
    votes: list[tuple[int, str]] = []
    n_other = n_bad = 0
    for row in read_rows(prediction, _COLUMNS):
        try:
            key = flow_key(row["proto"], row["src"], row["sport"], row["dst"], row["dport"])
            start_ns = _start_ns(row)
        except ValueError:
            n_bad += 1
            continue
        n_other += key not in true
        if device := row["device"].strip():
            votes += [(place, device) for place in true.places(key, start_ns)]
    predicted = most_named(len(true.flows), votes)
    scores = asdict(score_labels([flow.device for flow in true.flows], predicted))
    return Scores(**{**scores, "n_other_rows": n_other, "n_bad_rows": n_bad})


def _start_ns(row: dict[str, str]) -> int:
    if row.get("first_ns"):
        return int(row["first_ns"])
    return nanoseconds(row["first_ts"]) if row.get("first_ts") else -1
