"""Head counts and attribution on simulated lines: scenario x seed x bounds, reviewed like code.

A bound is a little weaker than what was measured: a change that breaks one made something worse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated_lines import outcome

from lab.sim import MachineSpec, NatSpec, PathSpec, Scenario
from lab.sim.presets import PRESETS
from lab.sim.stacks import stacks


@dataclass(frozen=True)
class Bound:
    """Machines that the count may be off by, and the least adjusted Rand index."""

    error: int
    ari: float


MACHINES = {
    # Where one line or one counter per machine tells, the count is right.
    "legacy": Bound(0, 0.98),
    "clocks-only": Bound(0, 0.99),
    "lossy": Bound(0, 0.98),
    "suspend": Bound(0, 0.98),
    "reboot": Bound(0, 0.98),
    "relay": Bound(0, 0.98),
    # Random offsets beside it: within one.
    "office": Bound(1, 0.95),
    "modern": Bound(1, 0.95),
    # Counts of several addresses add up, each with alike machines that may hide.
    "cgn": Bound(2, 0.95),
    "counters-only": Bound(1, 0.85),
    # Little is left: few flows, or ports drawn by the NAT.
    "appliances": Bound(1, 0.75),
    "random-ports": Bound(1, 0.75),
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", MACHINES)
def test_several_machines(name: str, seed: int, tmp_path: Path) -> None:
    found = outcome(PRESETS[name], seed, tmp_path)
    assert abs(found.error) <= MACHINES[name].error, found
    assert found.ari >= MACHINES[name].ari, found
    assert found.low - MACHINES[name].error <= found.n_true <= found.high + MACHINES[name].error


@pytest.mark.parametrize("seconds", [60.0, 120.0, 600.0])
@pytest.mark.parametrize("name", ["single-random-offsets", "single-apple", "single-windows"])
def test_one_machine_is_one(name: str, seconds: float, tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        found = outcome(replace(PRESETS[name], seconds=seconds), seed, tmp_path)
        assert (found.n_true, found.n_found, found.ari) == (1, 1, 1.0), seed
        assert found.low == 1


CLIENTS = sorted(name for name in stacks() if not name.startswith("server"))


def single(
    stack: str, seconds: float, ports: str, *, pf: bool = False, pace: float = 1.0, **more: object
) -> Scenario:
    """One machine behind a NAT; `more` are its habit and the path's jitter and loss."""
    path = PathSpec(inner_jitter_s=more.get("jitter_s", 0.002), loss=more.get("loss", 0.002))
    nat = NatSpec(ports=ports, modulates_timestamps=pf, randomizes_ip_id=pf)
    machine = MachineSpec(stack, habit=more.get("habit"))
    return Scenario((machine,), seconds=seconds, nat=nat, path=path, pace=pace)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    stack=st.sampled_from(CLIENTS),
    minutes=st.integers(2, 40),
    ports=st.sampled_from(["keep", "random"]),
    pf=st.booleans(),
    habit=st.sampled_from([None, "office", "idle", "steady", "appliance"]),
    jitter_s=st.sampled_from([0.002, 0.02, 0.2]),
    loss=st.sampled_from([0.002, 0.03]),
    seed=st.integers(0, 10_000),
)
def test_any_single_machine_is_never_more_than_one(
    tmp_path: Path, stack: str, minutes: int, ports: str, pf: bool, seed: int, **more: object
) -> None:
    pace = min(1.0, 10.0 / minutes)
    scenario = single(stack, minutes * 60.0, ports, pf=pf, pace=pace, **more)
    assert outcome(scenario, seed, tmp_path).n_found <= 1


ONCE_SPLIT = [
    # scenario, seed, what parted it
    (single("winxp", 120.0, "keep", pace=2.0), 875, "a pause of 50 s in both counters"),
    (single("win7", 2400.0, "keep", pace=0.5, loss=0.03), 666, "pauses of minutes"),
    (single("ios-old", 2400.0, "keep", pf=True, pace=0.5, loss=0.03), 785, "a pause, ports alone"),
    (single("ios-old", 2400.0, "random", pf=True, pace=0.5), 904, "two random offsets that agreed"),
    (single("ios-new", 2400.0, "keep", pace=0.5, habit="office"), 624, "two that agreed"),
    (single("plc", 2400.0, "keep", pace=0.5, habit="office", jitter_s=0.02), 581, "pauses"),
    (
        single("linux-2.6", 2400.0, "keep", pf=True, pace=0.5, habit="appliance", jitter_s=0.02,
               loss=0.03),
        99,
        "a port counter for each of two destinations",
    ),
    (
        single("linux-5.10", 300.0, "keep", pf=True, pace=0.5, jitter_s=0.02),
        138,
        "two random offsets of fifty that agreed",
    ),
    (single("android-13", 1200.0, "random"), 922497, "two of three hundred that agreed"),
    (single("linux-6.1", 1200.0, "keep", pace=0.5, jitter_s=0.02), 5147, "eight late short flows"),
    (single("linux-3.13", 300.0, "random", pace=0.8, jitter_s=0.2), 900001, "flows held up"),
    (single("android-9", 300.0, "random", pace=0.8, jitter_s=0.2), 900001, "flows held up"),
    (single("ios-old", 300.0, "keep", pace=0.8, jitter_s=0.5), 900004, "flows held up for long"),
]  # fmt: skip


@pytest.mark.parametrize(("scenario", "seed", "why"), ONCE_SPLIT)
def test_what_once_split_a_machine(scenario: Scenario, seed: int, why: str, tmp_path: Path) -> None:
    assert outcome(scenario, seed, tmp_path).n_found == 1, why
