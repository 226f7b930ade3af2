"""Tables of flows and observations of many machines, made without packets: a million in seconds.

Machines of the usual stacks (`flow_stacks.toml`) open connections in bursts of a page, each with
a look-up before it. What a signal reads follows the rules of the stack: ports, identifications,
clock hulls of three readings, SYN signatures, names. All of it is drawn as arrays.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.model.tables import FLOWS, OBSERVATIONS

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Columns = dict[str, Any]

START_NS = 1_790_000_000_000_000_000
TCP, UDP = 6, 17
LOOKUP_SHARE = 0.3
PAGE_FLOWS = 6
"""Connections of one burst."""
FLOW_EVERY_S = 5.0
"""Mean time between two flows of a machine."""
SERVERS_A_FLOW, LEAST_SERVERS, OWN_SERVERS = 0.01, 50, 0.1
"""Servers there are for each flow, at least so many; share of visits to a machine's own ones."""
PACKETS_BETWEEN = 30
"""A machine's packets between two of its flows, on average: what its counters step by."""
STAMPED_SERVERS = 0.5
SAID_SHARE = 0.2
"""Share of connections whose payload says a User-Agent."""
MODULUS = 2**32


@dataclass(frozen=True)
class Machines:
    """Machine -> its stack (index), the address that it is behind, and its clock."""

    stack: IntArray
    address: IntArray
    hz: FloatArray
    offset: IntArray


def stacks() -> list[dict[str, Any]]:
    """The kinds of machines."""
    told = tomllib.loads(Path(__file__).with_name("flow_stacks.toml").read_text("utf-8"))
    found: list[dict[str, Any]] = told["stack"]
    return found


@dataclass(frozen=True)
class Made:
    """Tables as FLOWS and OBSERVATIONS, and the machine (a number) of every row of `flows`."""

    flows: pl.DataFrame
    observations: pl.DataFrame
    machine: IntArray


def flow_tables(
    n_flows: int, n_machines: int, n_addresses: int = 1, seed: int = 1
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """FLOWS and OBSERVATIONS of `n_flows`; machines are spread evenly over the addresses."""
    made = make(n_flows, n_machines, n_addresses, seed)
    return made.flows, made.observations


def make(n_flows: int, n_machines: int, n_addresses: int = 1, seed: int = 1) -> Made:
    """The same tables, with the truth."""
    rng = np.random.default_rng(seed)
    kinds = stacks()
    share = np.array([kind["share"] for kind in kinds])
    machines = Machines(
        stack=rng.choice(len(kinds), n_machines, p=share / share.sum()),
        address=np.arange(n_machines) % n_addresses,
        hz=1000.0 * (1.0 + rng.normal(0.0, 20e-6, n_machines)),
        offset=rng.integers(0, MODULUS, n_machines),
    )
    machine, start_s = _moments(rng, n_flows, n_machines)
    lookup = rng.random(n_flows) < LOOKUP_SHARE
    server = _servers(rng, machine, n_flows)
    server[lookup] = 0
    length_s = np.where(lookup, 0.03, np.minimum(rng.lognormal(1.5, 1.2, n_flows), 300.0))
    flows = _flows(rng, kinds, machines, machine, start_s, length_s, lookup, server)
    return Made(flows, _observations(rng, kinds, machines, machine, flows, lookup), machine)


def _moments(rng: np.random.Generator, n: int, n_machines: int) -> tuple[IntArray, FloatArray]:
    """(machine, start) of every flow in order of time: bursts at random moments."""
    n_pages = -(-n // PAGE_FLOWS)
    owner = rng.integers(0, n_machines, n_pages)
    span_s = max(n * FLOW_EVERY_S / n_machines, 60.0)
    machine = np.repeat(owner, PAGE_FLOWS)[:n]
    start_s = np.repeat(rng.random(n_pages) * span_s, PAGE_FLOWS)[:n]
    start_s = start_s + rng.exponential(0.8, n)
    order = np.argsort(start_s, kind="stable")
    return machine[order], start_s[order]


def _servers(rng: np.random.Generator, machine: IntArray, n: int) -> IntArray:
    """Server of every flow, 0 the resolver: few are visited by many, some by one machine only."""
    n_servers = max(int(n * SERVERS_A_FLOW), LEAST_SERVERS)
    popular = (n_servers ** rng.random(n)).astype(np.int64)
    own = n_servers + machine * 4 + rng.integers(0, 4, n)
    return np.where(rng.random(n) < OWN_SERVERS, own, popular)


def _nth(key: IntArray) -> IntArray:
    """How many earlier rows have the same key."""
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    first = np.flatnonzero(np.diff(ranked, prepend=-1))
    run = np.arange(len(key)) - np.repeat(first, np.diff(np.append(first, len(key))))
    nth = np.empty(len(key), dtype=np.int64)
    nth[order] = run
    return nth


def _per(kinds: list[dict[str, Any]], stack: IntArray, name: str) -> NDArray[Any]:
    return np.array([kind[name] for kind in kinds])[stack]


def _hash(*keys: IntArray) -> IntArray:
    """A fixed number below 2**32 for each combination of keys.

    Mixed as SplitMix64 does (Steele, Lea & Flood 2014): with one multiplication the offsets of
    consecutive connections would be an arithmetic series, and make clock lines that no stack has.
    """
    mixed = np.full(len(keys[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for key in keys:
        mixed ^= key.astype(np.uint64)
        mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(32)).astype(np.int64)


def _ports(
    rng: np.random.Generator, kinds: list[dict[str, Any]], stack: IntArray, machine: IntArray
) -> IntArray:
    low, high = _per(kinds, stack, "low"), _per(kinds, stack, "high")
    rule, size = _per(kinds, stack, "ports"), high - low + 1
    drawn = rng.integers(0, 1 << 30, len(machine)) % size
    counted = (_hash(machine) + _nth(machine)) % size
    port = low + np.where(rule == "sequential", counted, drawn)
    even: IntArray = np.where(rule == "even", port & ~1, port).astype(np.int64)
    return even


def _identifications(
    rng: np.random.Generator,
    kinds: list[dict[str, Any]],
    stack: IntArray,
    machine: IntArray,
    server: IntArray,
    n_packets: IntArray,
) -> IntArray:
    """First identification of every flow."""
    rule = _per(kinds, stack, "ids")
    between = rng.poisson(PACKETS_BETWEEN, len(machine))
    all_of = _sums(between + n_packets, machine) + _hash(machine)
    goal = machine * (int(server.max()) + 1) + server
    each = _sums(n_packets, goal) + _hash(machine, server)
    drawn = rng.integers(0, 65536, len(machine))
    first = np.where(rule == "global", all_of, np.where(rule == "destination", each, drawn))
    return np.where(rule == "zero", 0, first % 65536)


def _sums(values: IntArray, key: IntArray) -> IntArray:
    """Sum of the values of earlier rows with the same key."""
    order = np.argsort(key, kind="stable")
    before = np.cumsum(values[order]) - values[order]
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    runs = np.diff(np.append(first, len(key)))
    sums = np.empty(len(key), dtype=np.int64)
    sums[order] = before - np.repeat(before[first], runs)
    return sums


def _clock(
    rng: np.random.Generator, start_s: FloatArray, length_s: FloatArray, has: NDArray[np.bool_],
    hz: FloatArray, offset: IntArray,
) -> Columns:  # fmt: skip
    """Columns of the timestamp clock of flows with three readings each."""
    at = start_s[:, None] + length_s[:, None] * np.array([0.0, 0.45, 1.0])
    late = rng.exponential(0.004, at.shape)
    ticks = np.floor(at * hz[:, None]).astype(np.int64)
    seen = at + late
    seen = np.maximum.accumulate(seen, axis=1)
    x, v = seen - seen[:, :1], (ticks - ticks[:, :1]).astype(np.float64)
    span = np.maximum(x[:, 2], 1e-9)
    above = (v[:, 1] * span > v[:, 2] * x[:, 1]) & (x[:, 1] > 0.0)
    single = x[:, 2] <= 0.0

    def hull(values: FloatArray) -> pl.Series:
        middle = np.where(above & has, values[:, 1], np.nan)
        last = np.where(single | ~has, np.nan, values[:, 2])
        first = np.where(has, values[:, 0], np.nan)
        frame = pl.DataFrame({"a": first, "b": middle, "c": last}).fill_nan(None)
        return frame.select(pl.concat_list("a", "b", "c").list.drop_nulls())["a"]

    count = has.astype(np.int64)
    value = (ticks + offset[:, None]) % MODULUS
    when = START_NS + np.round(seen * 1e9).astype(np.int64)
    found: Columns = {
        "ts_n": 3 * count,
        "ts_zero": 0 * count,
        "ts_apart": np.where(length_s > 0.3, 3, 1) * count,
        "ts_back": 0 * count,
        "ts_hull_x": hull(x),
        "ts_hull_v": hull(v),
        "ts_hull_dropped": 0 * count,
    }
    for name, product in (("x", x), ("v", v), ("xx", x * x), ("xv", x * v), ("vv", v * v)):
        found[f"ts_sum_{name}"] = np.where(has, product.sum(axis=1), 0.0)
    for name, k in (("first", 0), ("last", 2)):
        found[f"ts_{name}"] = _where(has, value[:, k])
        found[f"ts_{name}_ns"] = _where(has, when[:, k])
    return found


def _where(has: NDArray[np.bool_], values: NDArray[Any]) -> pl.Series:
    """Values, null where there are none."""
    frame = pl.DataFrame({"has": has, "value": values})
    return frame.select(pl.when("has").then("value"))["value"]


def _flows(
    rng: np.random.Generator,
    kinds: list[dict[str, Any]],
    machines: Machines,
    machine: IntArray,
    start_s: FloatArray,
    length_s: FloatArray,
    lookup: NDArray[np.bool_],
    server: IntArray,
) -> pl.DataFrame:
    n = len(machine)
    stack = machines.stack[machine]
    none = np.zeros(n, dtype=np.int64)
    n_packets = np.where(lookup, 1, rng.integers(5, 40, n))
    regime = _per(kinds, stack, "clock")
    connection = np.arange(n)
    offset = np.where(
        regime == "host",
        machines.offset[machine],
        np.where(regime == "destination", _hash(machine, server), _hash(connection)),
    )
    stamped = (regime != "none") & ~lookup
    ttl = _per(kinds, stack, "ttl") - 1
    # Look-ups draw their ports: their counter of identifications goes on all the same.
    port = np.where(lookup, rng.integers(1024, 65536, n), 0)
    port[~lookup] = _ports(rng, kinds, stack[~lookup], machine[~lookup])
    syn = pl.DataFrame({"stack": stack, "lookup": lookup}).select(
        pl.when(~pl.col("lookup")).then(
            pl.col("stack").replace_strict(
                {i: f"4:{k['ttl'] - 1}+1:0:{k['syn']}:0" for i, k in enumerate(kinds)}
            )
        )
    )
    first = _identifications(rng, kinds, stack, machine, server, n_packets)
    zero = _per(kinds, stack, "ids") == "zero"
    own: Columns = {
        "pkts": n_packets,
        "bytes": n_packets * 200,
        "ip_bytes": n_packets * 260,
        "ttl": ttl,
        "ttl_min": ttl,
        "ttl_max": ttl,
        "syn": syn.to_series(),
        "n_syn": (~lookup).astype(np.int64),
        "ipid_n": n_packets,
        "ipid_first": first,
        "ipid_last": np.where(zero, 0, (first + n_packets - 1) % 65536),
        "ipid_zero": np.where(zero, n_packets, 0),
        "ipid_same": np.where(zero, n_packets - 1, 0),
        "ipid_one": np.where(zero, 0, n_packets - 1),
        "ts_syn": _where(~lookup, stamped),
    } | _clock(rng, start_s, length_s, stamped, machines.hz[machine], offset)
    answers = (_hash(server) % 1000 < STAMPED_SERVERS * 1000) & ~lookup
    other: Columns = {
        "pkts": n_packets,
        "bytes": n_packets * 900,
        "ip_bytes": n_packets * 960,
        "ttl": 50 + _hash(server) % 12,
        "n_syn": (~lookup).astype(np.int64),
        "ts_syn": _where(~lookup, answers),
    } | _clock(rng, start_s + 0.02, length_s, answers, np.full(n, 1000.0), _hash(server))
    end_ns = START_NS + np.round((start_s + length_s + 0.05) * 1e9).astype(np.int64)
    begin_ns = START_NS + np.round(start_s * 1e9).astype(np.int64)
    for side in (own, other):
        side |= {"first_ns": begin_ns, "last_ns": end_ns, "retransmitted": none}
    both = {f"orig_{k}": v for k, v in own.items()} | {f"resp_{k}": v for k, v in other.items()}
    columns: Columns = {
        "flow_id": connection,
        "first_packet": connection + 1,
        "proto": np.where(lookup, UDP, TCP),
        "orig_h": _named(machines.address[machine], "100.64"),
        "orig_p": port,
        "resp_h": _named(server, "198.18"),
        "resp_p": np.where(lookup, 53, np.where(_hash(server) % 5 == 0, 80, 443)),
        "first_ns": begin_ns,
        "last_ns": end_ns,
    } | both
    frame = pl.DataFrame(columns).with_columns(conn_state=pl.lit("SF"), end_reason=pl.lit("closed"))
    gone = [c for c in FLOWS.columns if c.name not in frame.columns]
    counts = ("ipid_", "n_syn", "retransmitted")
    return frame.with_columns(
        pl.lit(0 if c.name.partition("_")[2].startswith(counts) else None).alias(c.name)
        for c in gone
    ).select(pl.col(c.name).cast(c.dtype) for c in FLOWS.columns)


def _named(numbers: IntArray, net: str) -> pl.Series:
    """Numbers below 2**24 as addresses: the third number of `net` counts what does not fit."""
    known, at = np.unique(numbers, return_inverse=True)
    first, second = (int(x) for x in net.split("."))
    texts = [f"{first}.{second + (k >> 16)}.{k >> 8 & 255}.{k & 255}" for k in known.tolist()]
    return pl.Series(texts)[at]


def _observations(
    rng: np.random.Generator,
    kinds: list[dict[str, Any]],
    machines: Machines,
    machine: IntArray,
    flows: pl.DataFrame,
    lookup: NDArray[np.bool_],
) -> pl.DataFrame:
    """User-Agents of some connections, a host name of each, and answers of look-ups."""
    stack = machines.stack[machine]
    version = 100 + _hash(machine) % 40
    agents = _per(kinds, stack, "agent").astype(object) + version.astype(str).astype(object)
    told = flows.select(
        "flow_id",
        time_ns="orig_first_ns",
        address="orig_h",
        peer="resp_h",
        agent=pl.Series(agents.tolist()),
        system=pl.Series(_per(kinds, stack, "system").tolist()),
        lookup=pl.Series(lookup),
        says=pl.Series(rng.random(len(machine)) < SAID_SHARE) & ~pl.Series(lookup),
    )
    # A look-up is answered with where the next flow of the table goes.
    name = pl.format("{}.example", "peer")
    parts = [
        ("user_agent", "user_agent", pl.col("says"), pl.col("agent")),
        ("user_agent", "user_agent_os", pl.col("says"), pl.col("system")),
        ("tls_hello", "sni", ~pl.col("says") & ~pl.col("lookup"), name),
        ("names", "dns_answer", pl.col("lookup"),
         pl.format("{}.example {}", pl.col("peer").shift(-1), pl.col("peer").shift(-1))),
    ]  # fmt: skip
    tables = [
        told.with_columns(text=text)
        .filter(wanted)
        .select(
            pl.lit(signal).alias("signal"),
            "address",
            "flow_id",
            pl.lit(0, pl.UInt8).alias("side"),
            pl.lit(quantity).alias("quantity"),
            pl.lit(None, pl.Float64).alias("value"),
            "text",
            pl.lit(None, pl.String).alias("unit"),
            pl.lit(None, pl.Float64).alias("error"),
            "time_ns",
        )
        for signal, quantity, wanted, text in parts
    ]
    return pl.concat(tables).cast(OBSERVATIONS.schema).sort("flow_id", maintain_order=True)
