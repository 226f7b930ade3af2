"""One address, judged whole or in windows, against the truth: a record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from bench.seams.cases import Case
from lab.score import coverage_by_lot, score_labels
from wiretell.devices.engine import Findings

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

SURE = frozenset({"single", "separated"})
"""Verdicts that leave no doubt."""
ENOUGH_RIGHT = 0.9
"""Where a smaller share of the placed flows is with its machine, such a verdict claims too much."""


@dataclass(frozen=True)
class Record:
    """Figures of one judgement. `purity` and `right` are shares of the placed flows.

    `purity`: of the machine that most of its device's flows are of. `right`: the same where each
    machine is at one device only (the best such assignment). `said` is the mean confidence.
    """

    kind: str
    seed: int
    way: str
    n_flows: int
    n_true: int
    n_found: int
    low: int
    high: int
    held_by_lot: float
    verdict: str
    n_rows: int
    ari: float
    purity: float
    right: float
    said: float
    unassigned: float
    cpu_s: float

    @property
    def covered(self) -> bool:
        """Does the interval hold the true count?"""
        return self.low <= self.n_true <= self.high

    @property
    def claims_too_much(self) -> bool:
        """A verdict that leaves no doubt, with another count or flows at other machines."""
        wrong = self.n_found != self.n_true or self.right < ENOUGH_RIGHT
        return self.verdict in SURE and wrong


def record(case: Case, way: str, found: Findings, cpu_s: float) -> Record:
    """The figures of what was found of this address."""
    address = case.address
    (row,) = found.addresses.filter(pl.col("address") == address).to_dicts()
    own = pl.DataFrame({"flow_id": case.flows["flow_id"], "machine": case.machine}).filter(
        (case.flows["orig_h"] == address) & (pl.col("machine") >= 0)
    )
    members = found.members.filter((pl.col("address") == address) & (pl.col("side") == 0))
    told = own.join(members, on="flow_id", how="left", maintain_order="left")
    placed = told.drop_nulls("device")
    n_true = own["machine"].n_unique()
    scores = score_labels(told["machine"].to_list(), told["device"].to_list())
    purity, right = agreement(
        placed["machine"].to_numpy(), placed["device"].cast(pl.Categorical).to_physical().to_numpy()
    )
    return Record(
        kind=case.kind,
        seed=case.seed,
        way=way,
        n_flows=own.height,
        n_true=n_true,
        n_found=row["n_devices"],
        low=row["low"],
        high=row["high"],
        held_by_lot=coverage_by_lot(row["count_probabilities"], n_true),
        verdict=row["verdict"],
        n_rows=found.devices.filter(pl.col("address") == address).height,
        ari=scores.ari,
        purity=purity,
        right=right,
        said=float(placed["confidence"].mean() or 0.0),  # type: ignore[arg-type]
        unassigned=1.0 - scores.coverage,
        cpu_s=cpu_s,
    )


def agreement(machine: IntArray, device: IntArray) -> tuple[float, float]:
    """Shares of flows of their device's main machine, and of its own: see `Record`."""
    if not len(machine):
        return 1.0, 1.0
    _, i = np.unique(machine, return_inverse=True)
    _, j = np.unique(device, return_inverse=True)
    table = np.zeros((i.max() + 1, j.max() + 1))
    np.add.at(table, (i, j), 1)
    pairs = linear_sum_assignment(-table)
    return float(table.max(axis=0).sum() / len(machine)), float(table[pairs].sum() / len(machine))
