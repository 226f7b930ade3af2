"""Running round trips of each flow side are those of tshark's `tcp.analysis.ack_rtt`.

tshark times every segment whose end is acknowledged, also what was sent again or waited behind a
hole; we leave those out (Karn). Compared are therefore sides whose peer's stream came in order
and whole: shortest and longest. A SYN's round trip is the handshake's with us; a reset measures
nothing; tshark does not tell round trips of 0.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import polars as pl

from wiretell.sources.tracked import Timeouts, TrackedCaptures

Side = tuple[str, int, str, int]
"""Address and port of who acknowledges, and of the other end."""
LEAST_EQUAL = 0.99
FIELDS = (
    *(
        "frame.number",
        "tcp.flags.syn",
        "tcp.flags.reset",
        "tcp.analysis.acks_frame",
        "tcp.analysis.ack_rtt",
    ),
    *("ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport"),
    *("tcp.analysis.lost_segment", "tcp.analysis.retransmission", "tcp.analysis.out_of_order"),
)


def timed_by_tshark(program: str, path: Path) -> tuple[dict[Side, list[int]], set[Side]]:
    """Round trips in ns; the sides whose stream was disturbed."""
    command = [program, "-n", "-r", os.fspath(path), "-Y", "tcp and not icmp", "-T", "fields"]
    for field in FIELDS:
        command += ["-e", field]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in text.splitlines()]
    syns = {row[0] for row in rows if row[1] in ("1", "True")}
    trips: dict[Side, list[int]] = defaultdict(list)
    disturbed: set[Side] = set()
    for row in rows:
        _, _, reset, acked, rtt, src, src6, sport, dst, dst6, dport, *marks = row
        side = (src or src6, int(sport), dst or dst6, int(dport))
        if any(marks):
            disturbed.add(side)
        if rtt and acked not in syns and reset not in ("1", "True"):
            trips[side].append(round(float(rtt) * 1e9))
    return trips, disturbed


def timed_by_us(path: Path) -> dict[Side, tuple[int, int | None, int | None]]:
    # A connection that pauses is one to tshark.
    source = TrackedCaptures([os.fspath(path)], timeouts=Timeouts(10**6, 0), analysis=True)
    flows = pl.concat(list(source.batches()), how="diagonal").filter(pl.col("proto") == 6)
    told = {}
    for row in flows.iter_rows(named=True):
        for own, other in (("orig", "resp"), ("resp", "orig")):
            side = (row[f"{own}_h"], row[f"{own}_p"], row[f"{other}_h"], row[f"{other}_p"])
            n, least, most = (row[f"{own}_ack_rtt_{what}"] for what in ("n", "min_ns", "max_ns"))
            told[side] = (n, least, most)
    return told


def test_real_captures(
    captures: Path,
    require_program: Callable[[str], str],
    record_property: Callable[[str, object], None],
) -> None:
    program = require_program("tshark")
    n_sides = n_equal = n_trips = 0
    for path in sorted((captures / "NAT-source").glob("n*.pcap")):
        theirs, disturbed = timed_by_tshark(program, path)
        ours = timed_by_us(path)
        for side, trips in theirs.items():
            peer = (side[2], side[3], side[0], side[1])
            if peer in disturbed or side not in ours:
                continue
            n_sides += 1
            n_trips += len(trips)
            n, least, most = ours[side]
            n_equal += most == max(trips) and (least == 0 or (n, least) == (len(trips), min(trips)))
    told = f"{n_equal} of {n_sides} sides equal, {n_trips} round trips"
    record_property("summary", f"round trips beside tshark's: {told}")
    assert n_sides > 100 and n_equal >= LEAST_EQUAL * n_sides, told
