"""Greedy chains of source ports, and of IP identifications: what wiretell must beat first.

Physics: many stacks count source ports up over all their connections (RFC 6056, algorithm 4 and
older practice), and some count IP identifications over all their packets (RFC 6864 section 4).
Method: every SYN goes to the nearest open chain with a step of at most G, after a silence of at
most TL; chains of three or more SYNs are machines. Identifications likewise, packet by packet,
with steps to 64, silences to 120 s, 20 packets or more. No merging of fragments.
Blind spots: ports drawn at random, NATs that draw them anew, counters that cross.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from lab.baselines.chains import Chain, greedy_chains
from lab.baselines.line import TCP, Baseline, Counted, Line, by_majority

_S = 10**9


def greedy_ports(max_step: int, max_silence_s: int, min_syns: int = 3) -> Baseline:
    """Chains over the source ports of flows that began with a SYN.

    Repeated SYNs are one flow and so count once. Chains with fewer than `min_syns` are dropped,
    and their flows are not assigned. An address that opened a connection has one machine at least.
    """

    def count(line: Line) -> Counted:
        syns = line.flows.filter((pl.col("proto") == TCP) & pl.col("orig_syn").is_not_null())
        chains = greedy_chains(
            syns["first_ns"].to_list(),
            syns["orig_p"].to_list(),
            max_step=max_step,
            max_silence_ns=max_silence_s * _S,
        )
        kept = [chain for chain in chains if len(chain.members) >= min_syns]
        ids = syns["flow_id"].to_list()
        machine = {ids[i]: number for number, chain in enumerate(kept) for i in chain.members}
        return Counted(max(len(kept), int(line.flows.height > 0)), machine)

    return count


def greedy_ip_ids(max_step: int = 64, max_silence_s: int = 120, min_packets: int = 20) -> Baseline:
    """Chains over the identifications of all TCP and UDP packets of the address, IPv4 only."""

    def count(line: Line) -> Counted:
        sent = line.packets.filter(
            (pl.col("ip_version") == 4) & pl.col("ipid").is_not_null()
        ).select("time_ns", "ipid", "flow_id")
        chains = greedy_chains(
            sent["time_ns"].to_list(),
            sent["ipid"].to_list(),
            max_step=max_step,
            max_silence_ns=max_silence_s * _S,
        )
        kept = [chain for chain in chains if len(chain.members) >= min_packets]
        flow_ids: list[int | None] = sent["flow_id"].to_list()
        machine = by_majority(flow_ids, machine_of_packets(sent.height, kept))
        return Counted(max(len(kept), int(line.flows.height > 0)), machine)

    return count


def machine_of_packets(n_packets: int, kept: Sequence[Chain]) -> list[int | None]:
    """Per packet the number of its chain among those kept."""
    machines: list[int | None] = [None] * n_packets
    for number, chain in enumerate(kept):
        for index in chain.members:
            machines[index] = number
    return machines
