"""Scenario files and the plans drawn from them."""

import re
from pathlib import Path

import pytest

from lab.guests import scenario, traffic
from lab.guests.scenario import ScenarioError, parse

SCENARIOS = sorted((Path(scenario.__file__).parent / "scenarios").glob("*.toml"))
MINIMAL = {
    "duration_s": 60,
    "nat_ip": "203.0.113.9",
    "server": [{"address": "198.51.100.20", "ports": [80]}],
    "machine": [{"name": "a", "stack": "lwip"}],
}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_shipped_scenarios_are_valid(path):
    read = scenario.read(path)
    assert read.machines
    assert len({machine.mac for machine in read.machines}) == len(read.machines)


def test_the_nat_can_be_chosen_apart_from_the_file():
    assert scenario.read(SCENARIOS[0], nat_ports="fully-random").nat_ports == "fully-random"


def test_a_rehearsal_is_the_same_machines_for_a_shorter_time():
    whole = scenario.read(SCENARIOS[0])
    rehearsal = scenario.read(SCENARIOS[0], duration_s=15)
    assert rehearsal.duration_s == 15 != whole.duration_s
    assert rehearsal.machines == whole.machines
    with pytest.raises(ScenarioError, match="at least 10"):
        scenario.read(SCENARIOS[0], duration_s=0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"machine": []}, "at least one"),
        ({"nat_ports": "sideways"}, "nat_ports"),
        ({"nat_ip": "10.77.0.5"}, "inside"),
        ({"nat_ip": "nowhere"}, "nowhere"),
        ({"duration_s": "long"}, "not supported"),
        ({"colour": "red"}, "colour"),
        ({"machine": [{"name": "a", "stack": "cpm"}]}, "stack"),
        ({"machine": [{"name": "../a", "stack": "lwip"}]}, "names are"),
        ({"machine": [{"name": "a", "stack": "namespace", "skew_ppm": 5}]}, "own clock"),
        ({"machine": [{"name": "a", "stack": "lwip", "skew_ppm": 900}]}, "500 ppm"),
        ({"machine": [{"name": "a", "stack": "lwip", "tcp_timestamps": 2}]}, "lwIP has"),
        ({"machine": [{"name": "a", "stack": "lwip", "user_agents": ["x\ny"]}]}, "one line"),
        ({"machine": [{"name": "a", "stack": "lwip", "user_agents": "x"}]}, "list"),
        ({"machine": [{"name": "a", "stack": "lwip"}] * 2}, "one name"),
        ({"machine": [{"name": "a", "stack": "lwip", "servers": ["192.0.2.1"]}]}, "not there"),
        ({"machine": [{"name": "a", "stack": "lwip", "servers": "192.0.2.1"}]}, "list"),
        ({"machine": [{"name": "a", "stack": "lwip", "n_addresses": 2}]}, "only guests"),
        ({"machine": [{"name": "a", "stack": "lwip", "serves": [80]}]}, "only guests"),
        ({"machine": [{"name": "a", "stack": "linux-6.1", "n_addresses": 9}]}, "1 to 8"),
        ({"machine": [{"name": "a", "stack": "linux-6.1", "address_use": "none"}]}, "in turn"),
        ({"machine": [{"name": "a", "stack": "linux-6.1", "resolver": "none"}]}, "resolver is"),
        ({"machine": [{"name": "a", "stack": "lwip", "resolver": "connected"}]}, "lwIP's"),
        (
            {
                "machine": [{"name": f"m{n}", "stack": "linux-6.1"} for n in range(20)]
                + [{"name": "late", "stack": "linux-6.1", "n_addresses": 2}]
            },
            "come first",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(change, reason):
    with pytest.raises(ScenarioError, match=reason):
        parse("broken", {**MINIMAL, **change})


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_plans_keep_to_their_format(path):
    """As machine/plan.h says: known words, in order of time, within the limits."""
    read = scenario.read(path)
    settings = ("agent ", "source ", "resolver connected")
    for machine in read.machines:
        lines = traffic.plan(machine, read).splitlines()
        assert ("resolver connected" in lines) == (machine.resolver == "connected")
        actions = [line.split(" ") for line in lines if not line.startswith(settings)]
        starts = [int(words[1]) for words in actions]
        assert starts == sorted(starts)
        assert 0 < len(actions) <= 4096
        assert starts[-1] < 1000 * read.duration_s
        for words in actions:
            assert words[0] in ("tcp", "dns")
            if words[0] == "tcp":
                assert 1 <= len(words[4:]) <= traffic.MAX_REQUESTS
                assert all(re.fullmatch(r"\d+,\d+,-?\d+", word) for word in words[4:])
        assert max(map(len, lines)) < 1000


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_look_up_is_of_the_server_called_next(path):
    """As a look-up in life is; otherwise what follows one would tell nothing of who asked."""
    read = scenario.read(path)
    addresses = [server.address for server in read.servers]
    for machine in read.machines:
        lines = traffic.plan(machine, read).splitlines()
        actions = [line.split(" ") for line in lines if not line.startswith("source ")]
        asked = [n for n, words in enumerate(actions) if words[0] == "dns"]
        assert asked
        called = 0
        for n in asked:
            # Connections of the visit before may still begin in between.
            soon = [w for w in actions[n + 1 : n + 6] if int(w[1]) - int(actions[n][1]) <= 51]
            site = int(re.search(r"\.site(\d+)\.", actions[n][4])[1])
            called += addresses[site] in [words[2] for words in soon]
        assert called == len(asked)


def test_a_plan_follows_from_the_seed():
    one, same = (parse("s", {**MINIMAL, "seed": 5}) for _ in range(2))
    other = parse("s", {**MINIMAL, "seed": 6})
    plans = [traffic.plan(s.machines[0], s) for s in (one, same, other)]
    assert plans[0] == plans[1] != plans[2]


def test_a_machine_visits_its_own_servers_only():
    servers = [{"address": f"198.51.100.{n}", "ports": [80]} for n in range(20, 25)]
    own = ["198.51.100.24", "198.51.100.22"]
    machine = {"name": "a", "stack": "lwip", "servers": own}
    read = parse("own", {**MINIMAL, "duration_s": 600, "server": servers, "machine": [machine]})
    plan = [line.split(" ") for line in traffic.plan(read.machines[0], read).splitlines()]
    visited = [words[2] for words in plan if words[0] == "tcp"]
    assert set(visited) == set(own)
    assert visited.count(own[0]) > visited.count(own[1])  # the first is the popular one
    asked = {words[4].split(".")[1] for words in plan if words[0] == "dns"}
    assert asked == {"site4", "site2"}


def test_a_machine_calls_from_all_of_its_addresses_or_from_one_after_the_other():
    machines = [
        {"name": "many", "stack": "linux-6.1", "n_addresses": 4},
        {"name": "moves", "stack": "linux-6.1", "n_addresses": 2, "address_use": "in turn"},
    ]
    read = parse("s", {**MINIMAL, "duration_s": 600, "nat_ports": "none", "machine": machines})
    assert read.routed
    assert len({ip for machine in read.machines for ip in machine.ips}) == 6
    many, moves = (_calls(traffic.plan(machine, read)) for machine in read.machines)
    assert {source for source, _ in many} == set(read.machines[0].ips)
    first, second = read.machines[1].ips
    assert {source for source, at_ms in moves if at_ms < 299_000} == {first}
    assert {source for source, at_ms in moves if at_ms > 301_000} == {second}


def _calls(plan):
    """(own address, milliseconds) of each action."""
    calls, source = [], None
    for words in map(str.split, plan.splitlines()):
        if words[0] == "source":
            source = words[1]
        else:
            calls.append((source, int(words[1])))
    return calls
