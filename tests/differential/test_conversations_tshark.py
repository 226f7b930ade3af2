"""Packets and payload bytes per TCP connection equal tshark's, both ways.

tshark numbers TCP streams; ours is a new flow in more cases (after silence, after a close), so
flows are summed by their ends, and so are its packets.
"""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tracked_flows import track

CAPTURES = ("nat/phones_a.pcap", "nat/mixed_a.pcap", "nat/iot_a.pcap", "lab/vm6short.pcap")
FIELDS = ("ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "tcp.len")
KEYS = ["src", "sport", "dst", "dport"]


@pytest.mark.parametrize("name", CAPTURES)
def test_equal_tshark(name: str, captures: Path, require_program: Callable[[str], str]) -> None:
    program = require_program("tshark")
    # Segments that an ICMP error quotes, fragments and tunnels have several values in a field.
    only = "tcp and ip and not icmp and not ipv6 and ip.flags.mf == 0 and ip.frag_offset == 0"
    command = [program, "-n", "-r", os.fspath(captures / name), "-Y", only, "-T", "fields"]
    for field in FIELDS:
        command += ["-e", field]
    text = subprocess.run(command, check=True, capture_output=True).stdout
    dtypes = [pl.String, pl.UInt16, pl.String, pl.UInt16, pl.UInt64]
    columns = dict(zip([*KEYS, "bytes"], dtypes, strict=True))
    packets = pl.read_csv(io.BytesIO(text), separator="\t", has_header=False, schema=columns)
    theirs = packets.group_by(KEYS).agg(
        pl.len().cast(pl.UInt64).alias("pkts"), pl.col("bytes").sum()
    )

    flows, _ = track([captures / name])
    tcp = flows.filter((pl.col("proto") == 6) & ~pl.col("orig_h").str.contains(":"))
    sides = [
        tcp.select(
            pl.col(f"{own}_h").alias("src"),
            pl.col(f"{own}_p").alias("sport"),
            pl.col(f"{peer}_h").alias("dst"),
            pl.col(f"{peer}_p").alias("dport"),
            pl.col(f"{own}_pkts").alias("pkts"),
            pl.col(f"{own}_bytes").alias("bytes"),
        ).filter(pl.col("pkts") > 0)
        for own, peer in (("orig", "resp"), ("resp", "orig"))
    ]
    ours = pl.concat(sides).group_by(KEYS).agg(pl.col("pkts").sum(), pl.col("bytes").sum())
    assert theirs.height > 50
    assert_frame_equal(ours.sort(KEYS), theirs.sort(KEYS))
