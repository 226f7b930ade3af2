"""Each checksum that the core verifies is right or wrong as tshark says.

Only what both verify is compared: tshark also judges packets that the capture does not hold whole
but claims to (`ip_beyond_frame`), and calls one left to the card wrong.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import polars as pl

from lab.oracle.scenarios import scenarios
from lab.oracle.write import write_frames
from lab.superpose.frames import Frame
from wiretell import _core
from wiretell.model.packets import CHECKSUMS

PREFERENCES = (
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "ip.check_checksum:TRUE",
    "tcp.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
)
OF_TRANSPORT = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}
BAD, GOOD = "0", "1"


def told_by_tshark(program: str, path: Path) -> dict[int, dict[str, str]]:
    """Packet number -> status by protocol, of the first header of each."""
    command = [program, "-n", "-r", os.fspath(path), "-T", "fields", "-E", "occurrence=f"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    names = ("ip", *OF_TRANSPORT.values())
    for field in ("frame.number", *(f"{name}.checksum.status" for name in names)):
        command += ["-e", field]
    text = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    rows = (line.split("\t") for line in text.splitlines())
    return {int(number): dict(zip(names, told, strict=True)) for number, *told in rows}


def told_by_us(path: Path) -> pl.DataFrame:
    reader = _core.Reader([path], checksums=True)
    parts = []
    while (batch := reader.packets(100_000)) is not None:
        parts.append(pl.DataFrame(batch))
    return pl.concat(parts).filter(pl.col("tunnel_depth") == 0)


def compared(program: str, path: Path) -> Counter[tuple[str, str]]:
    """How often which word of ours met which of tshark's; asserts that they agree."""
    theirs = told_by_tshark(program, path)
    met: Counter[tuple[str, str]] = Counter()
    for row in told_by_us(path).iter_rows(named=True):
        told = theirs.get(row["number"])
        if told is None:
            continue
        layers = {"ip_checksum": "ip", "checksum": OF_TRANSPORT.get(row["proto"], "")}
        for column in CHECKSUMS:
            ours, status = row[column.name], told.get(layers[column.name], "")
            if ours is None or status not in (BAD, GOOD):
                continue
            assert (ours == "good") == (status == GOOD), (path.name, row["number"], column.name)
            met[ours, status] += 1
    return met


def test_real_captures(
    captures: Path,
    require_program: Callable[[str], str],
    record_property: Callable[[str, object], None],
) -> None:
    program = require_program("tshark")
    paths = sorted((captures / "sessions").glob("*.pcap"))
    met = sum((compared(program, path) for path in paths), Counter())
    record_property("summary", f"checksums beside tshark's, {len(paths)} captures: {dict(met)}")
    assert met["good", GOOD] > 2_000 and met["partial", BAD] > 100


def spoiled(frame: Frame, rng: Random) -> Frame:
    """One bit of the packet turned, or the packet as it was."""
    if rng.random() < 0.5:
        return frame
    data = bytearray(frame.data)
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return replace(frame, data=bytes(data))


def test_a_made_capture_with_damage(
    tmp_path: Path,
    require_program: Callable[[str], str],
    record_property: Callable[[str, object], None],
) -> None:
    """TCP, UDP, ICMP and ICMPv6 of the lab's scenarios, every other packet with one wrong bit."""
    program = require_program("tshark")
    rng = Random(5)
    met: Counter[tuple[str, str]] = Counter()
    for n, scenario in enumerate(list(scenarios(1))[::40]):
        path = tmp_path / f"{n}.pcap"
        write_frames(path, [spoiled(frame, rng) for frame in scenario.frames])
        met += compared(program, path)
    record_property("summary", f"checksums beside tshark's, made and damaged: {dict(met)}")
    assert met["good", GOOD] > 500 and met["bad", BAD] > 500
