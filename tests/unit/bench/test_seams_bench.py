"""The bench of addresses judged in windows: figures of known answers, and a case small enough."""

from __future__ import annotations

import numpy as np
import pytest

from bench.flow_tables import make
from bench.seams.__main__ import judged
from bench.seams.cases import Case
from bench.seams.measure import agreement
from bench.seams.table import table
from wiretell.devices.windows import Cut


def test_purity_and_share_with_their_machine() -> None:
    machine = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert agreement(machine, machine + 5) == (1.0, 1.0)
    # A machine in two pieces: pure, but only one of them is it.
    assert agreement(machine, np.array([0, 0, 0, 3, 1, 1, 1, 1])) == (1.0, 7 / 8)
    assert agreement(machine, np.array([0, 0, 0, 1, 1, 1, 1, 1])) == (7 / 8, 7 / 8)


@pytest.mark.parametrize(("n_machines", "seed"), [(4, 21), (12, 22)])
def test_windows_are_put_together_as_if_judged_at_once(n_machines: int, seed: int) -> None:
    made = make(5000, n_machines, seed=seed)
    cut = Cut(most=1500, window=1500, shared=150)
    case = Case("tables", seed, made.flows, made.observations, made.machine, cut)
    whole, windows = judged(case)
    assert windows.n_true == n_machines
    assert windows.n_found == windows.n_rows == n_machines
    assert windows.covered
    assert windows.right > whole.right - 0.05
    assert windows.unassigned < whole.unassigned + 0.1
    assert abs(windows.said - windows.right) < 0.1
    assert not windows.claims_too_much
    assert "| 1 tables |" in table([whole, windows])
