"""Source ports of the connections a machine opens: a counter that most NATs let through.

Physics (RFC 6056 names the algorithms): Windows and Apple hand out ports from one counter for
all destinations (+1, seldom more); Linux before 4.2 adds a counter to a hash of the destination;
Linux from 5.12 steps by +2..+16 on even ports towards one destination within ten seconds.
Which of these holds is measured here on each kind of stack before any step is believed: a
stack whose ports step no more often than chance gives no evidence.
Blind spots: NATs that draw ports at random; machines with random ports (Android, BSD).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.signal import Counter, Label, LabelRule, Link, Scores, Signal
from wiretell.stats.assignment import codes, path_cover

NAME = "source_port"
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

MAX_STEP = 64
"""Longest step believed: more connections of the machine may go where we cannot see."""
N_AHEAD = 48
"""Later flows looked at as successors of one flow."""
SOCKET_BITS, SOCKET_SILENCE_S = 11.0, 600.0
"""Two machines behind one NAT seldom hold the same outside UDP port; NATs keep it for its owner."""
MIN_SHARE = 0.15
"""Least share of believable steps, above chance and its doubt, for the counter to be used."""


@dataclass(frozen=True)
class Stepping:
    """One way to read ports as a counter."""

    regime: str
    per_destination: bool
    even: bool
    silence_s: float
    decay: float
    words: str


RULES = (LabelRule("port range", 0.5, -4.0, "range of source ports", 2),)

DENSE_SHARE = 0.6
"""Share of believable steps from which every flow is taken to step the counter."""

STEPPINGS = (
    Stepping("sequential", False, False, 3600.0, 0.55, "next source port of one counter"),
    Stepping(
        "per destination", True, False, 600.0, 0.25, "next source port towards one destination"
    ),
    Stepping(
        "even, per destination",
        True,
        True,
        10.0,
        0.3,
        "next even source port towards one destination",
    ),
)


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Links between successive connections on one port counter, per kind of stack."""
    del observations
    clients = sides.filter(pl.col("initiator"))
    tcp = clients.filter((pl.col("proto") == 6) & pl.col("syn").is_not_null()).with_columns(
        kind=pl.col("syn").map_elements(_kind, return_dtype=pl.String)
    )
    udp = clients.filter((pl.col("proto") == 17) & (pl.col("port") >= 1024)).unique(
        "port", keep="first", maintain_order=True
    )
    far = pl.when(pl.col("ttl") > 128).then(pl.lit("UDP, TTL 255"))
    start = far.when(pl.col("ttl") > 64).then(pl.lit("UDP, TTL 128")).otherwise(pl.lit("UDP"))
    opened = pl.concat([tcp, udp.with_columns(kind=start)], how="diagonal")
    links = _sockets(sides)
    regimes: dict[int, str] = {}
    counters: list[Counter] = []
    for (_kind_name,), group in opened.group_by(["kind"], maintain_order=True):
        found, names = _score_kind(group)
        links += found
        regimes |= names
        if any(link.counter for link in found):
            on = {side for link in found for side in (link.a, link.b)}
            counters.append(_counter(group.filter(pl.col("number").is_in(on))))
    labels = _ranges(sides)
    return Scores(links=links, labels=labels, rules=RULES, counters=counters, regimes=regimes)


def _counter(group: pl.DataFrame) -> Counter:
    """The port counter of one kind of stack, where its sides met it."""
    rows = group.select("number", "start_s", "port").rows()
    marks = {number: ((start_s, port), (start_s, port)) for number, start_s, port in rows}
    ports = group["port"].to_numpy().astype(np.int64)
    return Counter(NAME, _port_span(ports), 32, 10.0, marks)


def _ranges(sides: pl.DataFrame) -> list[Label]:
    """Which part of the port space a client's ports come from (`net.ipv4.ip_local_port_range`)."""
    clients = sides.filter(
        pl.col("initiator") & pl.col("proto").is_in([6, 17]) & (pl.col("port") >= 1024)
    )
    return [
        Label(
            n,
            "port range",
            "below 10000" if port < 10000 else "below 32768" if port < 32768 else "above",
        )
        for n, port in clients.select("number", "port").iter_rows()
    ]


def _sockets(sides: pl.DataFrame) -> list[Link]:
    """Flows from one port to several peers are one socket: UDP, listening TCP, or a scanner's."""
    links: list[Link] = []
    client_tcp = (pl.col("proto") == 6) & pl.col("initiator")
    goals = pl.struct("peer", "peer_port").n_unique()
    for scanning, held in ((False, sides.filter(~client_tcp)), (True, sides.filter(client_tcp))):
        shared = held.filter(pl.col("proto").is_in([6, 17])).filter(
            goals.over("port") >= (3 if scanning else 2)
        )
        for (port,), group in shared.group_by(["port"], maintain_order=True):
            if not scanning and not (group["proto"] == 17).any():
                continue
            numbers, times = group["number"].to_list(), group["start_s"].to_list()
            for a, b, t, u in zip(numbers, numbers[1:], times, times[1:], strict=False):
                if u - t <= SOCKET_SILENCE_S:
                    reason = f"one socket: port {port} towards several destinations"
                    links.append(Link(NAME, a, b, SOCKET_BITS, reason))
    return links


def _kind(syn: str) -> str:
    """Option layout of a p0f signature: what one stack keeps, over any distance."""
    fields = syn.split(":")
    return fields[5] if len(fields) > 5 else syn


def _score_kind(group: pl.DataFrame) -> tuple[list[Link], dict[int, str]]:
    numbers = group["number"].to_numpy().astype(np.int64)
    ports = group["port"].to_numpy().astype(np.int64)
    times = group["start_s"].to_numpy().astype(np.float64)
    goals = codes(zip(group["peer"].to_list(), group["peer_port"].to_list(), strict=True))
    if len(numbers) < 3:
        return [], dict.fromkeys(numbers.tolist(), "unknown")
    span = _port_span(ports)
    best: tuple[float, Stepping, IntArray, IntArray, IntArray] | None = None
    all_even = _random(ports) == "random, even"
    for counter in STEPPINGS:
        if all_even and not counter.even:
            continue  # half the ports are never used: only the even reading is calibrated
        tail, head, step = _steps(ports, times, goals, counter)
        share = _share(len(numbers), tail, head, step, goals, counter, span)
        if share > MIN_SHARE and (best is None or share > best[0] + 0.1):
            best = (share, counter, tail, head, step)
    if best is None:
        return [], dict.fromkeys(numbers.tolist(), _random(ports))
    share, counter, tail, head, step = best
    gain = _bits(step, share, counter, span) - 0.5 * np.log2(
        1.0 + (times[head] - times[tail]) / 10.0
    )
    taken = path_cover(len(numbers), tail, head, gain)
    # Steps towards one destination prove no counter for all of them.
    abroad = np.count_nonzero(goals[tail[taken]] != goals[head[taken]])
    dense = not counter.per_destination and share > DENSE_SHARE and 2 * abroad > len(taken)
    links = [
        Link(
            NAME,
            int(numbers[tail[e]]),
            int(numbers[head[e]]),
            float(gain[e]),
            f"{counter.words}: {ports[tail[e]]} then {ports[head[e]]} "
            f"after {times[head[e]] - times[tail[e]]:.1f} s",
            counter=f"ports of {group['kind'][0]}" if dense else "",
        )
        for e in taken
    ]
    return links, dict.fromkeys(numbers.tolist(), counter.regime)


def _port_span(ports: IntArray) -> int:
    """Size of the range the ports come from: the believable ones, by what is seen."""
    low = int(ports.min())
    if low >= 49152:
        return 16384
    if low >= 32768:
        return 28232
    return 3976 if int(ports.max()) <= 5000 else 64512


def _random(ports: IntArray) -> str:
    return "random, even" if len(ports) >= 8 and np.all(ports % 2 == 0) else "random"


def _steps(
    ports: IntArray, times: FloatArray, goals: IntArray, counter: Stepping
) -> tuple[IntArray, IntArray, IntArray]:
    """All pairs (earlier, later) whose ports are one believable step apart."""
    tails, heads, steps = [], [], []
    wrap = int(ports.max()) - int(ports.min()) + 1 if len(ports) else 1
    order = (
        np.lexsort((np.arange(len(ports)), goals))
        if counter.per_destination
        else np.arange(len(ports))
    )
    for ahead in range(1, min(N_AHEAD, len(ports) - 1) + 1):
        tail, head = order[:-ahead], order[ahead:]
        step = ports[head] - ports[tail]
        if wrap > 4096:
            step = np.where(step < -wrap + MAX_STEP, step + wrap, step)
        good = (step >= 1) & (step <= MAX_STEP) & (times[head] - times[tail] <= counter.silence_s)
        if counter.per_destination:
            good &= goals[head] == goals[tail]
        if counter.even:
            good &= (step % 2 == 0) & (step <= 16) & (ports[tail] % 2 == 0)
        tails.append(tail[good])
        heads.append(head[good])
        steps.append(step[good])
    if not tails:
        empty = np.empty(0, dtype=np.int64)
        return empty, empty, empty
    return np.concatenate(tails), np.concatenate(heads), np.concatenate(steps)


def _share(
    n: int,
    tail: IntArray,
    head: IntArray,
    step: IntArray,
    goals: IntArray,
    counter: Stepping,
    span: int,
) -> float:
    """Lower bound of the share of flows with a close predecessor, above chance.

    Chance: with k earlier flows in reach, about k * w / span of w-wide steps meet by accident.
    """
    width = 8 if not counter.per_destination else 16
    close = np.unique(head[step <= width])
    if counter.per_destination:
        position = np.empty(n)
        seen: dict[int, int] = {}
        for i, goal in enumerate(goals):
            position[i] = seen.get(int(goal), 0)
            seen[int(goal)] = int(position[i]) + 1
        reach = np.minimum(position, N_AHEAD)
    else:
        reach = np.minimum(np.arange(n), N_AHEAD)
    able = int(np.count_nonzero(reach))
    if able < 3:
        return 0.0
    choices = width / 2 if counter.even else width
    chance = float(np.sum(1.0 - (1.0 - choices / (span / (2 if counter.even else 1))) ** reach))
    excess = len(close) - chance
    return (excess - 2.0 * math.sqrt(max(len(close), 1))) / able if excess > 2 else 0.0


def _bits(step: IntArray, share: float, counter: Stepping, span: int) -> FloatArray:
    """log2 of (share * geometric(step) + rest) against a uniform port."""
    size = step / 2 if counter.even else step
    ports = span / 2 if counter.even else span
    near = counter.decay * (1.0 - counter.decay) ** (size - 1.0)
    result: FloatArray = np.log2(share * near * ports + (1.0 - share))
    return result


SIGNAL = Signal(NAME, score=score)
