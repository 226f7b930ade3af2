"""Strings of IP identifications: Bellovin's count of hosts behind a NAT.

Physics: a stack with one identification counter for all its packets leaves a string of numbers that
grow by little; the strings of several hosts interleave (RFC 6864 section 4 ends the duty to count).
Source: Bellovin: A technique for counting NATted hosts (IMW 2002). The paper's structure; limits
where it leaves them open are ours and stated below.
Procedure, for identifications as sent and with their bytes swapped: (1) strings by steps of 1 to
64, or a little back for overtaken packets, within 5 s; (2) strings that do not overlap in time are
joined where both limits, widened by constant factors, allow; (3) strings under 50 packets are
dropped. A packet that both byte orders claim goes to the longer string. Identification 0 is in no
string. The count is the most strings alive at once.
Blind spots: Linux counts per socket, Apple and OpenBSD draw at random or send 0, Windows 8 and
newer count per destination; busy hosts skip; pf rewrites.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.baselines.chains import MODULUS, Chain, greedy_chains
from lab.baselines.line import Counted, Line, by_majority

_S = 10**9
_MAX_STEP, _MAX_STEP_BACK, _MAX_SILENCE_NS = 64, 3, 5 * _S
_STEP_FACTOR, _SILENCE_FACTOR = 5, 60
MIN_PACKETS = 50


def bellovin(line: Line, min_packets: int = MIN_PACKETS) -> Counted:
    """Hosts by strings over all TCP and UDP packets of the address, IPv4 only.

    An address that sent anything has one machine at least. `count` can be lower than the number of
    strings with flows: strings that follow one another in time count once.
    """
    sent = line.packets.filter(
        (pl.col("ip_version") == 4) & pl.col("ipid").is_not_null() & (pl.col("ipid") != 0)
    ).select("time_ns", "ipid", "flow_id")
    times: list[int] = sent["time_ns"].to_list()
    strings = best_strings(times, sent["ipid"].to_list(), min_packets)
    machines: list[int | None] = [None] * len(times)
    for number, members in enumerate(strings):
        for index in members:
            machines[index] = number
    flow_ids: list[int | None] = sent["flow_id"].to_list()
    alive = most_alive([(times[x[0]], times[x[-1]]) for x in strings])
    return Counted(max(alive, int(line.flows.height > 0)), by_majority(flow_ids, machines))


def best_strings(
    times_ns: Sequence[int], ids: Sequence[int], min_packets: int = MIN_PACKETS
) -> list[list[int]]:
    """Strings of at least `min_packets`, of both byte orders, as indices; by first packet."""
    readings = [list(ids), [(x >> 8) | (x & 0xFF) << 8 for x in ids]]
    claims = [string for reading in readings for string in strings_of(times_ns, reading)]
    claims = [x for x in claims if len(x) >= min_packets]
    claims.sort(key=lambda members: (-len(members), members[0]))
    taken: set[int] = set()
    kept: list[list[int]] = []
    for members in claims:
        free = [index for index in members if index not in taken]
        if len(free) >= min_packets:
            kept.append(free)
            taken.update(free)
    return sorted(kept)


def strings_of(times_ns: Sequence[int], ids: Sequence[int]) -> list[list[int]]:
    """Strings of one reading after the tight and the relaxed pass, as indices."""
    tight = greedy_chains(
        times_ns,
        ids,
        max_step=_MAX_STEP,
        max_silence_ns=_MAX_SILENCE_NS,
        max_step_back=_MAX_STEP_BACK,
    )
    return [
        sorted(index for part in parts for index in tight[part].members)
        for parts in relaxed_joins(tight)
    ]


def relaxed_joins(strings: Sequence[Chain]) -> list[list[int]]:
    """Which strings continue which: lists of indices into `strings`, each in order of time.

    Strings come in order of their first packets; each is put behind the string that ended before,
    and whose end is the smallest relaxed step below; of equals, the one that ended last.
    """
    n = len(strings)
    ends_value: NDArray[np.int64] = np.zeros(n, np.int64)
    ends_ns: NDArray[np.int64] = np.zeros(n, np.int64)
    lists: list[list[int]] = []
    for i, string in enumerate(strings):
        m = len(lists)
        step = (string.first_value - ends_value[:m]) % MODULUS
        silence = string.first_ns - ends_ns[:m]
        fits = (
            (step > 0)
            & (step <= _MAX_STEP * _STEP_FACTOR)
            & (silence >= 0)
            & (silence <= _MAX_SILENCE_NS * _SILENCE_FACTOR)
        )
        candidates = np.flatnonzero(fits)
        if len(candidates):
            to = int(candidates[np.lexsort((silence[candidates], step[candidates]))[0]])
            lists[to].append(i)
        else:
            to = m
            lists.append([i])
        ends_value[to], ends_ns[to] = string.value, string.time_ns
    return lists


def most_alive(spans_ns: Sequence[tuple[int, int]]) -> int:
    """The greatest number of spans (first, last) that share an instant."""
    edges = sorted([(a, -1) for a, _ in spans_ns] + [(b, 1) for _, b in spans_ns])
    alive = most = 0
    for _, edge in edges:
        alive -= edge
        most = max(most, alive)
    return most
