"""Random scenarios by row of the accuracy bench: ``draw(row, seed)``.

``rows.toml`` states the distributions. The draw depends on the row's name and the seed alone, and
``simulate(draw(row, seed), seed)`` gives the same bytes each time.

Seeds below ``HELD_OUT_FROM`` are for development and for fitting weights and calibrations. Those
from it upwards give the figures that are published, and are looked at for nothing else.
"""

import math
import tomllib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from lab.sim.scenario import Habit, MachineSpec, NatSpec, PathSpec, Scenario, Unseen
from lab.sim.stacks import stack, stacks

HELD_OUT_FROM = 10_000

_ROWS = Path(__file__).with_name("rows.toml")
_FLOWS_PER_S: dict[Habit, float] = {"office": 0.21, "idle": 0.02, "appliance": 0.05}
"""Flows a second of a machine at pace 1, look-ups included."""
_CONNECTIONS_PER_S: dict[Habit, float] = {"office": 0.15, "idle": 0.012, "appliance": 0.036}
"""TCP connections a second, as above: measured over 600 s."""
_SHORTEST_S = 120.0
"""Machines of a shorter capture all start with it."""
_PACES = 0.02, 80.0
_FIRST_START_NS, _LAST_START_NS = 1_650_000_000, 1_770_000_000
"""The tap is opened at a whole second between these."""

Row = dict[str, Any]


@cache
def rows() -> dict[str, Row]:
    """Every row by name, with what it takes over from others filled in."""
    with _ROWS.open("rb") as file:
        told = tomllib.load(file)
    defaults = told.pop("defaults")

    def filled(row: Row) -> Row:
        return {**(filled(told[row["like"]]) if "like" in row else defaults), **row}

    return {name: filled(row) for name, row in told.items()}


def _quantity(rng: Random, ends: list[float]) -> float:
    low, high = ends
    if low <= 0.0 or low == high:
        return rng.uniform(low, high)
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _one_of(rng: Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _kinds(rng: Random, row: Row, n: int) -> list[str]:
    if "hosts" in row:
        pool = [name for name, n_hosts in row["hosts"].items() for _ in range(n_hosts)]
        return rng.sample(pool, n)
    weights = row["stacks"]
    if weights == "clients":
        weights = {name: 1.0 for name in stacks() if not name.startswith("server-")}
    if row.get("alike"):
        return [_one_of(rng, weights)] * n
    return [_one_of(rng, weights) for _ in range(n)]


def _habit(rng: Random, row: Row, kind: str) -> Habit:
    own = stack(kind).habit
    if own != "office":
        return own
    habit: Habit = "idle" if _one_of(rng, row["habits"]) == "idle" else "office"
    return habit


def _first_port(rng: Random, row: Row, kind: str) -> int | None:
    """Machines switched on alike begin a few ports above the lowest."""
    if "first_port" not in row or rng.random() >= row["first_port"]["share"]:
        return None
    return stack(kind).tcp_ports.low + rng.randint(*row["first_port"]["above_low"])


def _unseen(rng: Random, row: Row) -> Unseen | None:
    if "unseen" not in row:
        return None
    return Unseen(**{name: _quantity(rng, ends) for name, ends in row["unseen"].items()})


def _nat(rng: Random, row: Row) -> NatSpec:
    choices = row["nats"]
    chosen = dict(rng.choices(choices, [x["weight"] for x in choices])[0])
    del chosen["weight"]
    n_addresses = rng.randint(*chosen.pop("public_ips", [1, 1]))
    public_ips = tuple(f"203.0.113.{7 + i}" for i in range(n_addresses))
    return NatSpec(**chosen, public_ips=public_ips)


def _path(rng: Random, row: Row) -> PathSpec:
    return PathSpec(
        inner_delay_s=_quantity(rng, row["delay_s"]),
        inner_jitter_s=_quantity(rng, row["jitter_s"]),
        loss=_quantity(rng, row["loss"]),
        reordering=_quantity(rng, row["reordering"]),
    )


def _machine(rng: Random, row: Row, kind: str, seconds: float) -> MachineSpec:
    starts_at_s = rng.uniform(*row["starts_s"]) if seconds > _SHORTEST_S else 0.0
    stay_s = seconds - starts_at_s
    if "stays_s" in row:
        stay_s = min(stay_s, _quantity(rng, row["stays_s"]))
    habit, pace = _habit(rng, row, kind), _quantity(rng, row["own_pace"])
    if "connections" in row:
        pace = _quantity(rng, row["connections"]) / (stay_s * _CONNECTIONS_PER_S[habit])
    return MachineSpec(
        kind,
        habit=habit,
        starts_at_s=starts_at_s,
        leaves_at_s=starts_at_s + stay_s if "stays_s" in row else None,
        pace=pace,
        first_port=_first_port(rng, row, kind),
        unseen=_unseen(rng, row),
    )


def draw(row: str, seed: int) -> Scenario:
    """The scenario of ``row`` that belongs to ``seed``.

    Raises ``ValueError`` if there is no such row.
    """
    try:
        told = rows()[row]
    except KeyError:
        raise ValueError(f"no row {row!r}; there are: {', '.join(rows())}") from None
    rng = Random(f"{row}/{seed}")
    seconds = _quantity(rng, told["seconds"])
    n_machines = rng.randint(*told["machines"])
    machines = tuple(_machine(rng, told, kind, seconds) for kind in _kinds(rng, told, n_machines))
    pace = _quantity(rng, told["pace"])
    if "flows" in told:
        meant = _quantity(rng, told["flows"])
        per_s = sum(_FLOWS_PER_S[x.habit or "office"] * x.pace for x in machines)
        pace = min(max(meant / (seconds * per_s), _PACES[0]), _PACES[1])
    return Scenario(
        machines,
        seconds=seconds,
        nat=_nat(rng, told),
        path=_path(rng, told),
        name=f"{row}-{seed}",
        start_ns=rng.randrange(_FIRST_START_NS, _LAST_START_NS) * 10**9,
        n_servers=rng.randint(*told["n_servers"]),
        pace=pace,
    )
