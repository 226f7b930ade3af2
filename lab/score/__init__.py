"""Scores a grouping of flows into machines against the truth: ``python -m lab.score``.

TRUTH has one row per flow: ``proto, nat_ip, nat_port, dst_ip, dst_port, device_id`` and, if known,
``first_ts, last_ts`` in seconds. PREDICTION has one row per judged flow side: ``src, sport, dst,
dport, proto, device`` and, if known, ``first_ns`` or ``first_ts``. ``src`` is the side that the
device is on, so a row about a flow's far end says nothing about the machine at its near end and is
left aside. A flow without a device counts as a device of its own.
"""

from lab.score.calibration import (
    Reliability,
    coverage_by_lot,
    interval_coverage,
    nothing_said,
    reliability,
)
from lab.score.count import CountScores, score_counts
from lab.score.flows import TrueFlow, TrueFlows, read_truth
from lab.score.labels import Scores, score_labels
from lab.score.prediction import score

__all__ = [
    "CountScores",
    "Reliability",
    "Scores",
    "TrueFlow",
    "TrueFlows",
    "coverage_by_lot",
    "interval_coverage",
    "nothing_said",
    "read_truth",
    "reliability",
    "score",
    "score_counts",
    "score_labels",
]
