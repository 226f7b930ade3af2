"""Each mark that the tracker puts on TCP segments is tshark's, on real and generated captures.

A packet agrees on a mark if both give it or neither does. Since most packets have no mark, the
share among those that either marks is printed beside it at the end of the run. What differs, and
why, is in `docs/conntrack.md`.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from lab.oracle.scenarios import scenarios
from lab.oracle.write import write_frames
from wiretell.model.segments import ANALYSIS_MARKS
from wiretell.sources.segments import SegmentStream

Record = Callable[[str, object], None]
Marked = dict[int, frozenset[str]]
"""Packet number -> its marks."""

SEED = 1
EVERY_SO_MANYTH = 8
LEAST_EQUAL = 0.99
# Of the packets that either marks, where there are enough of them to tell.
LEAST_ALIKE = {
    "retransmission": 0.9,
    "spurious_retransmission": 0.85,
    "out_of_order": 0.9,
    "lost_segment": 0.9,
    "ack_lost_segment": 0.8,
    "duplicate_ack": 0.98,
    "zero_window": 0.98,
    "window_full": 0.95,
    "keep_alive": 0.95,
    "keep_alive_ack": 0.95,
    "reused_ports": 0.95,
}
ENOUGH = 50
# Segments that ICMP errors quote, and those in tunnels, have several values in a field; fragments
# are put together by tshark.
ONLY = "tcp and not icmp and not icmpv6 and not gre and ip.flags.mf != 1 and not ip.frag_offset > 0"


@dataclass
class Agreement:
    """What came of any number of captures."""

    n_packets: int = 0
    differ: Counter[str] = field(default_factory=Counter)
    """By mark: packets that only one of both gives it."""
    marked: Counter[str] = field(default_factory=Counter)
    """By mark: packets that either gives it."""

    def add(self, theirs: Marked, ours: Marked) -> None:
        for number in theirs.keys() & ours.keys():
            self.n_packets += 1
            self.marked.update(theirs[number] | ours[number])
            self.differ.update(theirs[number] ^ ours[number])

    def equal(self, mark: str) -> float:
        return 1 - self.differ[mark] / max(1, self.n_packets)

    def alike(self, mark: str) -> float:
        return 1 - self.differ[mark] / max(1, self.marked[mark])

    def lines(self) -> Iterator[str]:
        for mark in ANALYSIS_MARKS:
            yield (
                f"  {mark:24} {self.equal(mark):9.3%} of packets; of {self.marked[mark]:5}"
                f" that either marks {self.alike(mark):7.2%}"
            )


def marked_by_tshark(program: str, path: Path) -> Marked:
    command = [program, "-n", "-r", os.fspath(path), "-Y", ONLY, "-T", "fields"]
    for name in ("frame.number", *(f"tcp.analysis.{mark}" for mark in ANALYSIS_MARKS)):
        command += ["-e", name]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = (line.split("\t") for line in text.splitlines())
    return {
        int(number): frozenset(
            mark for mark, value in zip(ANALYSIS_MARKS, values, strict=True) if value
        )
        for number, *values in rows
    }


def marked_by_us(path: Path) -> Marked:
    tables = [batch.segments for batch in SegmentStream([os.fspath(path)]).segments_and_flows()]
    rows = pl.concat(tables).filter(pl.col("analysis").is_not_null())
    return {
        number: frozenset(marks) for number, marks in rows.select("packet", "analysis").iter_rows()
    }


def compared(program: str, paths: Iterable[Path]) -> Agreement:
    agreement = Agreement()
    for path in paths:
        agreement.add(marked_by_tshark(program, path), marked_by_us(path))
    return agreement


def check(what: str, agreement: Agreement, n_told: int, record_property: Record) -> None:
    record_property(
        "summary", f"TCP analysis beside tshark's, {what}: {agreement.n_packets} packets"
    )
    for line in agreement.lines():
        record_property("summary", line)
    for mark in ANALYSIS_MARKS:
        assert agreement.equal(mark) >= LEAST_EQUAL, mark
    told = [mark for mark in LEAST_ALIKE if agreement.marked[mark] >= ENOUGH]
    assert len(told) >= n_told
    for mark in told:
        assert agreement.alike(mark) >= LEAST_ALIKE[mark], mark


def test_real_captures(
    captures: Path, require_program: Callable[[str], str], record_property: Record
) -> None:
    program = require_program("tshark")
    folders = [captures / "tcp-state", captures / "sessions"]
    paths = sorted(path for folder in folders for path in folder.glob("*.pcap"))
    assert len(paths) > 40
    agreement = compared(program, paths)
    assert agreement.n_packets > 2_000
    check(f"{len(paths)} captures", agreement, 2, record_property)


def test_generated_scenarios(
    tmp_path: Path, require_program: Callable[[str], str], record_property: Record
) -> None:
    program = require_program("tshark")
    paths = []
    for scenario in list(scenarios(SEED))[::EVERY_SO_MANYTH]:
        paths.append(tmp_path / f"{scenario.name}.pcap")
        write_frames(paths[-1], scenario.frames)
    agreement = compared(program, paths)
    assert agreement.n_packets > 5_000
    check(f"{len(paths)} scenarios", agreement, len(LEAST_ALIKE), record_property)
