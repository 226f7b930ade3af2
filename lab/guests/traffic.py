"""Plans: what one machine does, drawn from a seed. The format is in machine/plan.h.

People and programs use the network in visits with pauses between them. A visit often begins with
a look-up of its server's name and opens one to five connections within half a second; some
connections are kept alive for minutes with a request now and then, and one, as push channels do,
for nearly the whole time.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator

from lab.guests.scenario import Machine, Scenario

MAX_REQUESTS = 32  # PLAN_MAX_REQUESTS
NAMES = ("www", "api", "img", "cdn", "mail", "updates", "time", "search")
VISIT_MS = 500
"""Actions that follow one another so closely are of one visit, made from one address."""
LAST_START_S = 8.0
"""No connection begins in this last part of the recording, so that most of them end in it."""


@dataclasses.dataclass(frozen=True)
class Action:
    """One line of a plan."""

    start_ms: int
    line: str


def plan(machine: Machine, scenario: Scenario) -> str:
    """The plan of one machine: same scenario, same plan."""
    rng = random.Random(machine.seed)
    actions = sorted(_actions(rng, machine, scenario), key=lambda action: action.start_ms)
    agents = [f"agent {agent}" for agent in machine.user_agents]
    resolver = ["resolver connected"] if machine.resolver == "connected" else []
    lines = [*agents, *resolver, *_from_addresses(actions, machine, scenario), ""]
    return "\n".join(lines)


def _from_addresses(actions: list[Action], machine: Machine, scenario: Scenario) -> Iterator[str]:
    """The actions' lines, and before some the address from which those that follow are made."""
    if machine.n_addresses == 1:
        yield from (action.line for action in actions)
        return
    rng = random.Random(f"{machine.seed} addresses")
    source, visit_ends_ms = "", 0
    for action in actions:
        if action.start_ms > visit_ends_ms:
            turn = int(action.start_ms / 1000 / scenario.duration_s * machine.n_addresses)
            chosen = (
                machine.ips[turn] if machine.address_use == "in turn" else rng.choice(machine.ips)
            )
            if chosen != source:
                yield f"source {chosen}"
            source = chosen
        visit_ends_ms = action.start_ms + VISIT_MS
        yield action.line


def _actions(rng: random.Random, machine: Machine, scenario: Scenario) -> Iterator[Action]:
    end_s = scenario.duration_s - LAST_START_S
    begins_s = rng.uniform(0.5, 3)
    if machine.address_use == "in turn":
        turn_s = scenario.duration_s / machine.n_addresses
        for n in range(machine.n_addresses):
            server = _server(rng, machine, scenario)
            yield _kept_alive(rng, machine, n * turn_s + begins_s, 0.85 * turn_s, server)
    else:
        yield _kept_alive(rng, machine, begins_s, 0.85 * end_s, _server(rng, machine, scenario))
    now_s = rng.uniform(0.2, 2)
    while now_s < end_s:
        home = _server(rng, machine, scenario)
        if rng.random() < 0.6:
            yield _dns(rng, scenario, now_s, home)  # the machine calls when it has the answer
        if rng.random() < 0.08 and end_s - now_s > 60:
            length_s = rng.uniform(60, min(150, end_s - now_s))
            yield _kept_alive(rng, machine, now_s, length_s, home)
        else:
            yield from _visit(rng, machine, scenario, now_s, home)
        now_s += _pause_s(rng) / machine.pace


def _pause_s(rng: random.Random) -> float:
    return rng.uniform(8, 25) if rng.random() < 0.12 else min(rng.lognormvariate(1.0, 0.8), 25)


def _visit(
    rng: random.Random,
    machine: Machine,
    scenario: Scenario,
    now_s: float,
    home: tuple[str, int],
) -> Iterator[Action]:
    agent = _agent(rng, machine)
    for i in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
        server = home if i == 0 or rng.random() < 0.4 else _server(rng, machine, scenario)
        requests = [
            (0 if j == 0 else rng.randrange(5, 120), _size(rng), agent)
            for j in range(rng.choice((1, 1, 1, 2, 3)))
        ]
        yield _tcp(now_s, server, requests)
        now_s += rng.expovariate(8)


def _kept_alive(
    rng: random.Random, machine: Machine, now_s: float, length_s: float, server: tuple[str, int]
) -> Action:
    n_requests = max(2, min(MAX_REQUESTS, round(length_s / rng.uniform(5, 12))))
    gap_s = length_s / n_requests
    agent = _agent(rng, machine)
    requests = [(0, _size(rng), agent)] + [
        (int(1000 * gap_s * rng.uniform(0.6, 1.4)), min(_size(rng), 6000), agent)
        for _ in range(n_requests - 1)
    ]
    return _tcp(now_s, server, requests)


def _server(rng: random.Random, machine: Machine, scenario: Scenario) -> tuple[str, int]:
    """The first servers are the popular ones."""
    known = {server.address: server for server in scenario.servers}
    visited = [known[address] for address in machine.servers or known]
    weights = [1 / rank for rank in range(1, len(visited) + 1)]
    server = rng.choices(visited, weights)[0]
    return server.address, rng.choice(server.ports)


def _agent(rng: random.Random, machine: Machine) -> int:
    if not machine.user_agents:
        return -1
    return 0 if rng.random() < 0.6 else rng.randrange(len(machine.user_agents))


def _size(rng: random.Random) -> int:
    return max(120, min(90_000, round(rng.lognormvariate(7.8, 1.3))))


def _tcp(now_s: float, server: tuple[str, int], requests: list[tuple[int, int, int]]) -> Action:
    start_ms = int(1000 * now_s)
    words = " ".join(f"{wait_ms},{n_bytes},{agent}" for wait_ms, n_bytes, agent in requests)
    return Action(start_ms, f"tcp {start_ms} {server[0]} {server[1]} {words}")


def _dns(rng: random.Random, scenario: Scenario, now_s: float, home: tuple[str, int]) -> Action:
    """Asks for a name of the server that is visited next (`servers.resolve` knows them)."""
    start_ms = int(1000 * now_s)
    site = [server.address for server in scenario.servers].index(home[0])
    name = f"{rng.choice(NAMES)}.site{site}.example"
    return Action(start_ms, f"dns {start_ms} {scenario.servers[0].address} 53 {name}")
