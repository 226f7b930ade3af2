"""Random scenarios keep to the distributions that their row states."""

from collections import Counter
from pathlib import Path

import pytest

from lab.sim import simulate
from lab.sim.__main__ import main
from lab.sim.draws import HELD_OUT_FROM, draw, rows
from lab.sim.packets import TCP
from lab.sim.stacks import stack, stacks

_SEEDS = range(150)


def test_there_is_a_row_for_each_target_of_head_counting():
    assert {"T1", "T2", "T3", "T4", "pool", "single", "regimes"} <= set(rows())
    assert HELD_OUT_FROM == 10_000


def test_row_and_seed_decide_everything():
    for row in rows():
        assert draw(row, 3) == draw(row, 3)
        assert len({draw(row, seed) for seed in range(20)}) == 20
    assert draw("T3", 3).machines != draw("T4", 3).machines


@pytest.mark.parametrize("row", list(rows()))
def test_numbers_stay_within_what_is_stated(row: str):
    told = rows()[row]
    for scenario in (draw(row, seed) for seed in _SEEDS):
        assert told["machines"][0] <= len(scenario.machines) <= told["machines"][1]
        assert told["seconds"][0] <= scenario.seconds <= told["seconds"][1] + 1e-6
        assert told["jitter_s"][0] <= scenario.path.inner_jitter_s <= told["jitter_s"][1]
        assert told["loss"][0] <= scenario.path.loss <= told["loss"][1]
        for machine in scenario.machines:
            stack(machine.stack)
            assert 0.0 <= machine.starts_at_s <= 60.0
            assert machine.leaves_at_s is None or machine.leaves_at_s <= scenario.seconds
            assert machine.pace > 0.0


@pytest.mark.parametrize("row", ["T1", "T3", "T4"])
def test_every_number_of_machines_and_every_kind_comes_up(row: str):
    low, high = rows()[row]["machines"]
    drawn = [draw(row, seed) for seed in range(400)]
    assert {len(x.machines) for x in drawn} == set(range(low, high + 1))
    kinds = Counter(machine.stack for x in drawn for machine in x.machines)
    weights = rows()[row]["stacks"]
    assert set(kinds) == set(weights)
    for name, weight in weights.items():
        share = weight / sum(weights.values())
        assert kinds[name] / kinds.total() == pytest.approx(share, rel=0.25)


def test_superposed_hosts_are_drawn_without_replacement():
    pool = rows()["T2"]["hosts"]
    assert sum(pool.values()) == 36
    assert sum(rows()["T2-windows-10"]["hosts"].values()) == 31
    assert sum(rows()["T2-all-10"]["hosts"].values()) == 46
    for seed in _SEEDS:
        kinds = Counter(machine.stack for machine in draw("T2", seed).machines)
        assert all(n <= pool[name] for name, n in kinds.items())


def test_superposed_hosts_begin_at_ports_close_together():
    machines = [machine for seed in _SEEDS for machine in draw("T2-windows-10", seed).machines]
    begun = [
        machine.first_port - stack(machine.stack).tcp_ports.low
        for machine in machines
        if machine.first_port is not None
    ]
    assert len(begun) / len(machines) == pytest.approx(0.8, abs=0.05)
    assert (min(begun), max(begun)) == (3, 200)


def test_a_machine_begins_at_the_port_that_was_drawn():
    scenario = draw("T2-windows-10", 1)
    first: dict[int, int] = {}
    for flow in simulate(scenario, 1).truth.flows:
        if flow.proto == TCP:
            first.setdefault(flow.machine, flow.orig_port)
    own_counter = [  # on XP look-ups take ports of it too
        (first[i], machine.first_port)
        for i, machine in enumerate(scenario.machines)
        if machine.first_port is not None and machine.stack in ("win7", "win10", "win11")
    ]
    assert len(own_counter) >= 4
    assert all(port == drawn for port, drawn in own_counter)


def test_superposed_hosts_have_the_connections_that_the_real_ones_had():
    """The real ones have 15 SYNs or more; a drawn pace leaves few below that."""
    n_connections = Counter(
        (seed, flow.machine)
        for seed in range(5)
        for flow in simulate(draw("T2-windows-10", seed), seed).truth.flows
        if flow.proto == TCP
    )
    assert len(n_connections) == 50
    assert sum(n >= 15 for n in n_connections.values()) >= 45


def test_single_machines_are_of_all_kinds_behind_all_routers():
    drawn = [draw("single", seed) for seed in range(500)]
    clients = {name for name in stacks() if not name.startswith("server-")}
    assert {x.machines[0].stack for x in drawn} == clients
    nats = {(x.nat.ports, x.nat.modulates_timestamps, x.nat.sets_ttl) for x in drawn}
    assert nats == {
        ("keep", False, None),
        ("random", False, None),
        ("keep", False, 64),
        ("random", True, None),
    }
    assert min(x.seconds for x in drawn) < 70.0
    assert max(x.seconds for x in drawn) > 3300.0


def test_lengths_of_single_captures_are_about_as_meant():
    n_flows = [len(simulate(draw("single", seed), seed).truth.flows) for seed in range(12)]
    assert all(3 <= n <= 4000 for n in n_flows)
    assert max(n_flows) > 5 * min(n_flows)


def test_regimes_have_machines_of_one_kind():
    for seed in _SEEDS:
        scenario = draw("regimes", seed)
        assert len({machine.stack for machine in scenario.machines}) == 1
        assert not scenario.nat.modulates_timestamps


def test_a_row_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="no row 'T99'; there are: T1, "):
        draw("T99", 1)


def test_the_command_draws_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "drawn.pcapng"
    assert main(["--row", "T2-windows-2", "--seconds", "60", "--seed", "5", "-o", str(out)]) == 0
    assert "2 machines" in capsys.readouterr().out
    devices = (tmp_path / "drawn.devices.csv").read_text().splitlines()
    expected = [machine.stack for machine in draw("T2-windows-2", 5).machines]
    assert [line.split(",")[1] for line in devices[1:]] == expected
