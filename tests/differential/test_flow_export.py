"""NetFlow and IPFIX against those who know them: nfcapd and nfdump, tshark, softflowd."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import socket
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from flow_tables import flow, flows, mixture
from raw_ip import RAW, udp_frame

from wiretell.exporters.export_target import parse_target
from wiretell.exporters.flow_export import FlowExport, codec
from wiretell.exporters.quantity import NS_PER_S
from wiretell.protocols.biflows import flows_of
from wiretell.protocols.flow_messages import MessageReader
from wiretell.protocols.flow_records import read_sets
from wiretell.sources.tracked import TrackedCaptures

MAX_PADDING_BYTES = 18
SOFTFLOWD_S = 120
SLICE_ROWS = 250
"""Some twenty messages: a socket's usual buffer holds them while its reader waits for a core."""
FORMATS = ("v5", "v9", "ipfix", "ipfix-uniflow")
Key = tuple[int, str, int, str, int]
Told = tuple[Key, int, int]
"""Key, packets, bytes of one direction."""


def many_flows() -> pl.DataFrame:
    """Enough for several dozen messages, and one of each kind."""
    return pl.concat([mixture(), flows(*(flow(i) for i in range(100, 3000)))])


def directions(table: pl.DataFrame) -> Counter[Told]:
    """What each side of each flow sent; ports of ICMP are left out, nfdump shows them its way."""
    told: Counter[Told] = Counter()
    for row in table.iter_rows(named=True):
        has_ports = row["proto"] in (6, 17)
        ends = [(row[f"{s}_h"], row[f"{s}_p"] if has_ports else 0) for s in ("orig", "resp")]
        for (own, other), side in ((ends, "orig"), (ends[::-1], "resp")):
            if row[f"{side}_pkts"]:
                key = (row["proto"], *own, *other)
                told[key, row[f"{side}_pkts"], row[f"{side}_ip_bytes"]] += 1
    return told


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def nfcapd(program: str, folder: Path, port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [program, "-w", str(folder), "-p", str(port), "-b", "127.0.0.1", "-t", "3600"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(400):
            if f":{port:04X} " in Path("/proc/net/udp").read_text():
                break
            time.sleep(0.05)
        else:
            pytest.skip("nfcapd did not start to listen here")
        yield
        _wait_until_read(port)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()


def _wait_until_read(port: int) -> None:
    """Until the socket's queue is empty; its drops must be none."""
    for _ in range(400):
        line = next(
            line
            for line in Path("/proc/net/udp").read_text().splitlines()
            if f":{port:04X} " in line
        )
        words = line.split()
        if words[4].endswith(":00000000"):
            assert words[-1] == "0", "datagrams were dropped on the way to the collector"
            return
        time.sleep(0.02)
    pytest.fail("the collector does not read what it was sent")


def nfdump_rows(program: str, folder: Path) -> list[dict[str, object]]:
    done = subprocess.run(
        [program, "-R", str(folder), "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": "UTC"},
    )
    rows: list[dict[str, object]] = json.loads(done.stdout)
    return rows


def told_by_nfdump(rows: list[dict[str, object]]) -> Counter[Told]:
    told: Counter[Told] = Counter()
    for row in rows:
        src, dst = (
            str(ipaddress.ip_address(str(row.get(f"{end}4_addr") or row[f"{end}6_addr"])))
            for end in ("src", "dst")
        )
        proto = int(str(row["proto"]))
        ports = [int(str(row.get(f"{end}_port", 0))) for end in ("src", "dst")]
        sport, dport = ports if proto in (6, 17) else (0, 0)
        for way, key in (
            ("in", (proto, src, sport, dst, dport)),
            ("out", (proto, dst, dport, src, sport)),
        ):
            n = int(str(row.get(f"{way}_packets", 0)))
            if n:
                told[key, n, int(str(row[f"{way}_bytes"]))] += 1
    return told


@pytest.mark.parametrize("form", FORMATS)
def test_nfdump_tells_what_we_told_nfcapd(
    form: str, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    collector, reader = require_program("nfcapd"), require_program("nfdump")
    table, port = many_flows(), free_port()
    with nfcapd(collector, tmp_path, port):
        export = FlowExport(parse_target(f"{form}://127.0.0.1:{port}"))
        for part in table.iter_slices(SLICE_ROWS):
            export.write(part)
            _wait_until_read(port)
        export.close()
    rows = nfdump_rows(reader, tmp_path)
    shown = table.filter(~pl.col("orig_h").str.contains(":")) if form == "v5" else table
    assert told_by_nfdump(rows) == directions(shown)
    if form == "ipfix":
        assert len(rows) == table.height
    starts = Counter(str(row["first"]) for row in rows)
    wanted = shown.filter(pl.col("orig_pkts") > 0)["orig_first_ns"]
    for time_ns in wanted.head(200):
        milli = time_ns // 1_000_000 % 1000
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_ns // NS_PER_S))
        assert starts[f"{text}.{milli:03}"] > 0


@pytest.mark.parametrize("form", FORMATS)
def test_tshark_dissects_every_message(
    form: str, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    tshark = require_program("tshark")
    table = many_flows()
    messages = list(codec(form, to_file=False).messages(table))
    path = tmp_path / "export.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW))
        for i, message in enumerate(messages):
            frame = udp_frame(dport=9995, payload=message)
            file.write(struct.pack("<IIII", 1_760_000_000 + i, 0, len(frame), len(frame)) + frame)
    done = subprocess.run(
        [tshark, "-n", "-r", str(path), "-d", "udp.port==9995,cflow", "-V"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Malformed" not in done.stdout
    assert "No template found" not in done.stdout
    assert done.stdout.count("Cisco NetFlow/IPFIX") >= len(messages)
    octets = [
        int(line.split()[1])
        for line in done.stdout.splitlines()
        if line.strip().startswith("Octets:")
    ]
    shown = table.filter(~pl.col("orig_h").str.contains(":")) if form == "v5" else table
    assert sum(octets) == shown["orig_ip_bytes"].sum() + shown["resp_ip_bytes"].sum()


def softflowd_messages(program: str, capture: Path, version: int, folder: Path) -> list[bytes]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(1)
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [
                *(program, "-d", "-r", str(capture), "-v", str(version), "-m", "100000"),
                *("-n", f"127.0.0.1:{port}", "-p", str(folder / "pid"), "-c", "none"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        messages = []
        until = time.monotonic() + SOFTFLOWD_S
        try:
            while time.monotonic() < until:
                try:
                    messages.append(listening.recv(65535))
                except TimeoutError:
                    if process.poll() is not None:
                        return messages
            pytest.fail("softflowd did not end")
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("version", [5, 9, 10])
def test_softflowd_is_understood(
    version: int, captures: Path, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    """The same packets per address and port as ours; its times on files are wrong.

    It counts what the frame holds behind its link header: IP bytes, and the padding that makes
    a short frame of Ethernet 60 bytes long.
    """
    program = require_program("softflowd")
    capture = captures / "nat" / "single_a.pcap"
    messages = softflowd_messages(program, capture, version, tmp_path)
    reader = MessageReader()
    for message in messages:
        assert reader.push(message, "softflowd")
    records, n_unread = read_sets(reader.take(), reader.numbers())
    assert n_unread == 0
    assert reader.counters["sets_without_template"] == reader.counters["bad_sets"] == 0
    ours = pl.concat(TrackedCaptures([str(capture)], filter="ip").batches())
    theirs, own = summed(flows_of(records)), summed(ours)
    assert {key: n for key, (n, _) in theirs.items()} == {key: n for key, (n, _) in own.items()}
    for key, (n_packets, n_bytes) in own.items():
        assert 0 <= theirs[key][1] - n_bytes <= MAX_PADDING_BYTES * n_packets
    assert sum(theirs[key][1] == n_bytes for key, (_, n_bytes) in own.items()) > len(own) / 2


def summed(table: pl.DataFrame) -> dict[Key, tuple[int, int]]:
    """Packets and bytes of each direction between two ends, over all its flows."""
    sums: dict[Key, tuple[int, int]] = {}
    for (key, n_packets, n_bytes), n in directions(table).items():
        before = sums.get(key, (0, 0))
        sums[key] = (before[0] + n * n_packets, before[1] + n * n_bytes)
    return sums
