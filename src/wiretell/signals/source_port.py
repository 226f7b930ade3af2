"""Source ports of the connections a machine opens: a counter that most NATs let through.

Physics (RFC 6056 names the algorithms): Windows and Apple hand out ports from one counter for
all destinations (+1, seldom more); Linux before 4.2 adds a counter to a hash of the destination;
Linux from 5.12 steps by +2..+16 on even ports towards one destination within ten seconds.
Which of these holds is measured here on each kind of stack before any step is believed: a
stack whose ports step no more often than chance gives no evidence.
Blind spots: NATs that draw ports at random; machines with random ports (Android, BSD).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.signal import (
    Counter,
    LabelRule,
    Labels,
    Link,
    Marks,
    MarksBySide,
    Scores,
    Signal,
    Steps,
)
from wiretell.stats.assignment import coded, codes, renumbered
from wiretell.stats.chain_fit import (
    NONE,
    PLAIN_SHARE,
    SURE_BITS,
    Chains,
    Directions,
    Share,
    fit_chains,
    reach,
)
from wiretell.stats.counter_chains import Items, Moments, Rule, Weights
from wiretell.stats.step_model import StepModel

NAME = "source_port"
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

LEAST_FLOWS = 3
MAX_BITS, LEAST_BITS = 13.0, 0.5
"""Links are told between these: no counter alone says more, less is nothing."""
WINDOW_BITS, HOPS_BITS, MSS_BITS = 7.0, 4.0, 2.0
"""What it costs a step that the two SYNs differ in window or scale, in TTL, in MSS."""
MOST_INSIDE = 0.95
"""Share of ports that the range is made for: routers draw others where two machines collide."""
NEIGHBOURS = 32
"""Ports to each side that tell how crowded the place of a port is."""
SOCKET_BITS, SOCKET_SILENCE_S = 11.0, 600.0
"""Two machines behind one NAT seldom hold the same outside UDP port; NATs keep it for its owner."""
MIN_SHARE = 0.15
"""Least share of believable steps, above chance and its doubt, for the counter to be used."""


@dataclass(frozen=True)
class Stepping:
    """One way to read ports as a counter: what may step, how far, after what silences."""

    regime: str
    per_destination: bool
    rule: Rule
    steps: StepModel
    hazard_s: float
    lead: float
    """How much more than the readings above it must explain to be believed instead."""
    words: str


@dataclass(frozen=True)
class Found:
    """What one kind of stack showed."""

    links: Sequence[Link] = ()
    regimes: Mapping[int, str] = field(default_factory=dict)
    counter: Counter | None = None
    steps: Steps | None = None


RANGES = (("below 10000", 10_000), ("below 32768", 32_768), ("above", 65_536))
ENOUGH = 8
"""Fewer ports say nothing of a whole range."""
UNLIKE = 10.0
"""Chi square (2 degrees of freedom) that ports drawn from everywhere reach once in 150 times."""
RULES = (LabelRule("port range", 0.5, -4.0, "range of source ports", 2),)

DENSE_SHARE = 0.6
"""Share of believable steps from which every flow is taken to step the counter."""

STEPPINGS = (
    Stepping(
        "sequential",
        False,
        Rule(512, 3600.0),
        StepModel(0.6, 0.03),
        60.0,
        0.0,
        "next source port of one counter",
    ),
    Stepping(
        "per destination",
        True,
        Rule(512, 900.0),
        StepModel(2.5, 0.1),
        60.0,
        0.1,
        "next source port towards one destination",
    ),
    Stepping(
        "even, per destination",
        True,
        Rule(16, 10.0, every=2, uniform=True),
        StepModel(2.5, 0.0),
        5.0,
        -0.05,
        "next even source port towards one destination",
    ),
)


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Links between successive connections on one port counter, per kind of stack."""
    del observations
    clients = sides.filter(pl.col("initiator"))
    tcp = clients.filter((pl.col("proto") == 6) & pl.col("syn").is_not_null())
    syns = tcp["syn"].to_list()
    layouts = {syn: _kind(syn) for syn in dict.fromkeys(syns)}
    tcp = tcp.with_columns(kind=pl.Series([*map(layouts.__getitem__, syns)], dtype=pl.String))
    udp = clients.filter((pl.col("proto") == 17) & (pl.col("port") >= 1024)).unique(
        "port", keep="first", maintain_order=True
    )
    far = pl.when(pl.col("ttl") > 128).then(pl.lit("UDP, TTL 255"))
    start = far.when(pl.col("ttl") > 64).then(pl.lit("UDP, TTL 128")).otherwise(pl.lit("UDP"))
    # Old Windows counts from 1025, newer ones draw above 49151: not one kind of stack.
    part = pl.when(pl.col("port") < 10_000).then(pl.lit(", low ports")).otherwise(pl.lit(""))
    opened = pl.concat([tcp, udp.with_columns(kind=start + part)], how="diagonal").with_columns(
        goal=pl.struct("peer", "peer_port").rank("dense")
    )
    links = _sockets(sides)
    regimes: dict[int, str] = {}
    counters: list[Counter] = []
    steps: list[Steps] = []
    for (_kind_name,), group in opened.group_by(["kind"], maintain_order=True):
        found = _score_kind(group)
        links += found.links
        regimes |= found.regimes
        if found.counter is not None:
            counters.append(found.counter)
        if found.steps is not None:
            steps.append(found.steps)
    labels = _ranges(sides)
    return Scores(
        links=links, labels=labels, rules=RULES, counters=counters, regimes=regimes, steps=steps
    )


def _ranges(sides: pl.DataFrame) -> Labels:
    """Which part of the port space a client's ports come from (`net.ipv4.ip_local_port_range`)."""
    clients = sides.filter(
        pl.col("initiator") & pl.col("proto").is_in([6, 17]) & (pl.col("port") >= 1024)
    )
    ports = clients["port"].to_numpy()
    place = np.searchsorted([end for _, end in RANGES], ports, side="right")
    texts, syn = coded(clients["syn"].to_list())
    layout = codes(_kind(text or "") for text in texts)[syn]
    kind = renumbered(layout * 256 + clients["proto"].to_numpy())
    counts = np.zeros((int(kind.max(initial=-1)) + 1, len(RANGES)), dtype=np.int64)
    np.add.at(counts, (kind, place), 1)
    drawn = np.array([_all_over(of_kind) for of_kind in counts], dtype=bool)
    # In order of kinds, as they were met.
    told = np.argsort(kind, kind="stable")
    told = told[~drawn[kind[told]]]
    numbers = clients["number"].to_numpy()[told].astype(np.int64)
    return Labels(numbers, place[told], [("port range", words) for words, _ in RANGES])


def _all_over(counts: IntArray) -> bool:
    """Do so many ports of each range come from the whole alike, as a router draws them?"""
    n = int(counts.sum())
    ends = np.array([1024, *(end for _, end in RANGES)])
    expected = n * np.diff(ends) / (ends[-1] - ends[0])
    unlike = float(np.sum((counts - expected) ** 2 / expected))
    return n >= ENOUGH and bool(np.count_nonzero(counts) > 1) and unlike < UNLIKE


def _sockets(sides: pl.DataFrame) -> list[Link]:
    """Flows from one port to several peers are one socket: UDP, listening TCP, or a scanner's."""
    links: list[Link] = []
    client_tcp = (pl.col("proto") == 6) & pl.col("initiator")
    held = sides.filter(pl.col("proto").is_in([6, 17])).with_columns(scanning=client_tcp)
    # A connection that is used has a port of its own; a scanner's have no payload. Ports that a
    # protocol prescribes to its clients (NTP's 123) are every machine's.
    prescribed = (pl.col("port") < 1024) & pl.col("initiator")
    held = held.filter(pl.when("scanning").then(pl.col("bytes") == 0).otherwise(~prescribed))
    # Ports that many flows draw, or that alike machines count through, meet by chance: more than
    # that is one socket.
    chance = _crowding(held["port"].to_numpy().astype(np.int64))
    shared = held.with_columns(chance=pl.Series(chance)).filter(
        pl.struct("peer", "peer_port").n_unique().over("scanning", "port")
        >= 3.0 * pl.col("chance") + pl.when("scanning").then(3).otherwise(2)
    )
    for (scanning, port), group in shared.group_by(["scanning", "port"], maintain_order=True):
        if not scanning and not (group["proto"] == 17).any():
            continue
        numbers, times = group["number"].to_list(), group["start_s"].to_list()
        reason = f"one socket: port {port} towards several destinations"
        links += [
            Link(NAME, a, b, SOCKET_BITS, reason)
            for (a, t), (b, u) in pairwise(zip(numbers, times, strict=True))
            if u - t <= SOCKET_SILENCE_S
        ]
    return links


def _crowding(ports: IntArray) -> FloatArray:
    """Flows per port in the neighbourhood of each port, the port itself aside."""
    per_port = np.bincount(ports, minlength=65_536 + NEIGHBOURS)
    until = np.concatenate([[0], np.cumsum(per_port)])
    low, high = np.maximum(ports - NEIGHBOURS, 0), ports + NEIGHBOURS + 1
    around = until[np.minimum(high, 65_536)] - until[low] - per_port[ports]
    crowding: FloatArray = around / (2.0 * NEIGHBOURS)
    return crowding


def _kind(syn: str) -> str:
    """Option layout of a p0f signature: what one stack keeps, over any distance."""
    fields = syn.split(":")
    return fields[5] if len(fields) > 5 else syn


def _score_kind(group: pl.DataFrame) -> Found:
    numbers = group["number"].to_numpy().astype(np.int64)
    n = len(numbers)
    if n < LEAST_FLOWS:
        return Found(regimes=dict.fromkeys(numbers.tolist(), "unknown"))
    ports = group["port"].to_numpy().astype(np.int64)
    low, size = _range(ports)
    inside = (ports >= low) & (ports < low + size)
    regimes = dict.fromkeys(numbers[~inside].tolist(), "unknown")
    if not inside.all():
        group, numbers, ports = group.filter(pl.Series(inside)), numbers[inside], ports[inside]
    if len(numbers) < LEAST_FLOWS:
        return Found(regimes=regimes | dict.fromkeys(numbers.tolist(), "unknown"))
    all_even = _random(ports) == "random, even"
    best: tuple[Share, Stepping, Items, Weights] | None = None
    met = _met(group, ports - low, size)
    for stepping in STEPPINGS:
        if all_even and not stepping.per_destination:
            continue  # no machine counts in twos towards all destinations
        items = replace(met, goal=met.look[:, -1]) if stepping.per_destination else met
        weights = Weights(stepping.rule, stepping.steps, stepping.hazard_s, 0.0)
        directions = Directions(items, weights)
        needed = best[0].n_least + stepping.lead * len(items) if best else 0.0
        share = directions.share(least=MIN_SHARE, n_least=needed)
        if share.least <= MIN_SHARE or share.n_least < needed:
            continue
        if not stepping.per_destination and directions.share(abroad=True) == NONE:
            continue  # it counts towards each destination alone
        best = (share, stepping, items, weights)
    if best is None:
        return Found(regimes=regimes | dict.fromkeys(numbers.tolist(), _random(ports)))
    share, stepping, items, weights = best
    items = replace(items, on=np.full(len(items), share.guess))
    chains = fit_chains(items, weights)
    goals = items.look[:, -1]
    # Steps towards one destination prove no counter for all of them.
    n_abroad = np.count_nonzero(goals[chains.tail] != goals[chains.head])
    dense = (
        not stepping.per_destination
        and share.guess > DENSE_SHARE
        and 2 * n_abroad > len(chains.tail)
    )
    name = f"ports of {group['kind'][0]}" if dense else ""
    told = chains.bits >= LEAST_BITS
    tail, head = chains.tail[told], chains.head[told]
    links = [
        Link(
            NAME,
            a,
            b,
            bits,
            f"{stepping.words}: {port} then {following} after {dt_s:.1f} s",
            name,
        )
        for a, b, port, following, bits, dt_s in zip(
            numbers[tail].tolist(),
            numbers[head].tolist(),
            ports[tail].tolist(),
            ports[head].tolist(),
            np.minimum(chains.bits[told], MAX_BITS).tolist(),
            np.maximum(chains.dt_s[told], 0.0).tolist(),
            strict=True,
        )
    ]
    regimes |= dict.fromkeys(numbers.tolist(), stepping.regime)
    if not dense:
        return Found(links, regimes)
    rivals = chains.rivals

    def words(i: int) -> str:
        a, b, dt_s = int(rivals.tail[i]), int(rivals.head[i]), max(float(rivals.dt_s[i]), 0.0)
        return f"{stepping.words}: {ports[a]} then {ports[b]} after {dt_s:.1f} s"

    steps = Steps(NAME, name, numbers[rivals.tail], numbers[rivals.head], rivals.gain, words)
    return Found(links, regimes, _counter(numbers, ports, size, items, chains, name), steps)


def _met(group: pl.DataFrame, values: IntArray, size: int) -> Items:
    """The connections of one kind of stack as meetings with one counter for all destinations."""
    start_s = group["start_s"].to_numpy().astype(np.float64)
    goal = renumbered(group["goal"].to_numpy())
    texts, syn = coded(group["syn"].to_list())
    fields = [(text or "").split(":") for text in texts]
    window, mss = (codes(of[k] if len(of) > k else "" for of in fields)[syn] for k in (4, 3))
    hops = group["ttl"].to_numpy().astype(np.int64)
    return Items(
        start_s=start_s,
        end_s=start_s,
        first=values,
        last=values,
        goal=np.zeros_like(goal),
        modulus=size,
        on=np.full(len(values), PLAIN_SHARE),
        look=np.stack([window, hops, mss, goal], axis=1),
        look_bits=np.array([WINDOW_BITS, HOPS_BITS, MSS_BITS, 0.0]),
        moments=Moments.of(start_s, start_s),
    )


def _counter(
    numbers: IntArray, ports: IntArray, size: int, items: Items, chains: Chains, name: str
) -> Counter:
    """The port counter of one kind of stack, where the connections on it met it."""
    sure = chains.bits >= SURE_BITS
    on = np.unique(np.concatenate([chains.tail[sure], chains.head[sure]]))
    slack, per_second = reach(chains)
    met = (items.start_s[on], ports[on])
    marks = MarksBySide(Marks(numbers[on], *met, *met))
    return Counter(NAME, size, slack, per_second, marks, name)


def _range(ports: IntArray) -> tuple[int, int]:
    """(lowest port, number of ports) of the range that nearly all come from."""
    least, most = np.quantile(ports, [1.0 - MOST_INSIDE, MOST_INSIDE])
    if least >= 49152:
        return 49152, 16384
    if most <= 5000:
        return 1025, 3976
    if least >= 32768 and most < 61000:
        return 32768, 28232
    return 0, 65536


def _random(ports: IntArray) -> str:
    return "random, even" if len(ports) >= 8 and np.all(ports % 2 == 0) else "random"


SIGNAL = Signal(NAME, score=score)
