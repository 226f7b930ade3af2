"""`wiretell probe` between two namespaces: what it promises to send is what a capture shows."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.guests.needs import network_lacks
from lab.guests.processes import Processes, run

NEAR, FAR = "192.0.2.1", "192.0.2.2"
PORT = 8080
CLOSER = f"""
import socket, time
s = socket.create_server(("{FAR}", {PORT}))
print("ready", flush=True)
while True:
    c, _ = s.accept()
    time.sleep(5.5)
    c.close()
"""
RESETTER = f"""
import socket, struct, time
s = socket.create_server(("{FAR}", {PORT}))
print("ready", flush=True)
while True:
    c, _ = s.accept()
    time.sleep(1)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
"""
LISTENER = f"""
import socket, time
s = socket.create_server(("{FAR}", {PORT}))
print("ready", flush=True)
while True:
    c, _ = s.accept()
    c.sendall(b"hello\\r\\n")
    while c.recv(100):
        pass
    c.close()
"""


@pytest.fixture(scope="module")
def pair():
    """Two namespaces, a wire between them."""
    lacks = network_lacks()
    if lacks:
        pytest.skip(f"needs {', '.join(lacks)}")
    near, far = (f"probe{os.getpid()}{side}" for side in "nf")
    try:
        for name in (near, far):
            run("ip", "netns", "add", name)
        run("ip", "-n", near, "link", "add", "wire", "type", "veth", "peer", "name", "wire",
            "netns", far)  # fmt: skip
        for name, address in ((near, NEAR), (far, FAR)):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "wire")
            run("ip", "-n", name, "link", "set", "wire", "up")
        yield near, far
    finally:
        for name in (near, far):
            if Path("/run/netns", name).exists():
                run("ip", "netns", "del", name)


@pytest.fixture
def probe(pair, tmp_path):
    """Runs the command in the one namespace while tcpdump looks on; (code, JSON, packets)."""
    near, far = pair
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def inside(namespace: str, *words: str) -> list[str]:
        return ["ip", "netns", "exec", namespace, *words]

    def probed(*words: str, interrupt_bytes: int = 0, service: str | None = None):
        capture = tmp_path / "seen.pcap"
        with Processes(tmp_path) as processes:
            if service:
                listener = inside(far, sys.executable, "-c", service)
                processes.start("listener", listener, environment)
                processes.wait_for("listener", "ready")
            watch = ["tcpdump", "-i", "wire", "-w", str(capture), "-U", "-n", "-Z", "root",
                     "--immediate-mode", "--time-stamp-precision=nano", "ip"]  # fmt: skip
            processes.start("tcpdump", inside(far, *watch))
            processes.wait_for("tcpdump", "listening on")
            command = [sys.executable, "-m", "wiretell", "probe", "--i-may-probe", *words]
            ran = subprocess.Popen(
                inside(near, *command), env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            if interrupt_bytes:
                _wait_for_bytes(capture, interrupt_bytes)
                ran.send_signal(signal.SIGINT)
            out, err = ran.communicate(timeout=60)
            ended_ns = time.time_ns()
            time.sleep(1.0)  # nothing more may come
            processes.stop("tcpdump")
        assert out, err
        return ran.returncode, json.loads(out), _sent(capture, ended_ns)

    return probed


def _wait_for_bytes(capture: Path, n_bytes: int) -> None:
    until = time.monotonic() + 30.0
    while capture.stat().st_size < n_bytes:
        assert time.monotonic() < until, "nothing was sent"
        time.sleep(0.05)


def _sent(capture: Path, ended_ns: int) -> list[tuple[int, int, int]]:
    """(time in ns, protocol, TCP's source port) of the prober's IPv4; none came after the end."""
    data = capture.read_bytes()
    at, found = 24, []
    while at + 16 <= len(data):
        seconds, nanoseconds, n_captured = (
            int.from_bytes(data[at + k : at + k + 4], "little") for k in (0, 4, 8)
        )
        frame = data[at + 16 : at + 16 + n_captured]
        at += 16 + n_captured
        if frame[26:30] == socket.inet_aton(NEAR):
            port = int.from_bytes(frame[34:36], "big")
            found.append((seconds * 10**9 + nanoseconds, frame[23], port))
    assert all(time_ns <= ended_ns for time_ns, *_ in found)
    return found


def test_by_icmp_it_sends_what_it_counts_no_faster_than_told_and_stops(probe):
    code, told, sent = probe(FAR, "--json", "--for", "4", "--rate", "10")
    (row,) = told["probes"]
    assert code in (0, 1)  # four seconds may be too short for a rate
    assert row["stopped"] == "the time allowed is over"
    assert row["n_requests"] == row["n_packets_sent"] == len(sent)
    assert 8 < row["n_answered"] <= len(sent) <= 40
    assert {protocol for _, protocol, _ in sent} == {1}
    # A busy computer may hold a packet back after its time was taken, but not most of them.
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(sent)]
    assert statistics.median(gaps) >= 0.1e9
    assert sent[-1][0] - sent[0][0] <= 4.1e9


def test_by_tcp_it_keeps_one_connection_and_ends_it(probe):
    code, told, sent = probe(
        FAR, "--json", "--for", "4", "--rate", "10", "--method", "tcp", "--port", str(PORT),
        service=LISTENER,
    )  # fmt: skip
    (row,), (clock,) = told["probes"], told["clocks"]
    assert code in (0, 1)
    assert (row["port"], row["n_connections"], row["n_lines"]) == (PORT, 1, 1)
    assert row["n_answered"] > 8
    assert row["n_packets_sent"] == len(sent)
    assert clock["source"] == "tcp_timestamp"
    assert clock.get("nominal_hz", 1000.0) == 1000.0


def test_a_service_that_resets_is_called_again_and_all_is_counted(probe):
    code, told, sent = probe(
        FAR, "--json", "--for", "7", "--method", "tcp", "--port", str(PORT), service=RESETTER
    )
    (row,) = told["probes"]
    assert code == 1
    assert (row["n_connections"], row["stopped"]) == (2, "the time allowed is over")
    assert len({port for *_, port in sent}) == 1
    assert row["n_packets_sent"] == len(sent) > 4


def test_a_connection_that_ends_late_is_called_again_from_its_own_port(probe):
    _, told, sent = probe(
        FAR, "--json", "--for", "9", "--rate", "20", "--method", "tcp", "--port", str(PORT),
        service=CLOSER,
    )  # fmt: skip
    (row,) = told["probes"]
    assert row["n_connections"] == 2
    assert row["n_packets_sent"] == len(sent)
    assert len({port for *_, port in sent}) == 1


def test_a_service_without_timestamps_is_left_at_once(probe, pair):
    run("ip", "netns", "exec", pair[1], "sysctl", "-qw", "net.ipv4.tcp_timestamps=0")
    try:
        code, told, sent = probe(
            FAR, "--json", "--method", "tcp", "--port", str(PORT), service=LISTENER
        )
    finally:
        run("ip", "netns", "exec", pair[1], "sysctl", "-qw", "net.ipv4.tcp_timestamps=1")
    (row,), (clock,) = told["probes"], told["clocks"]
    assert code == 1
    assert row["stopped"] == "it does not use TCP timestamps"
    assert clock["countermeasure"] == "off"
    assert row["n_packets_sent"] == len(sent) <= 6


def test_where_packets_are_dropped_the_syns_are_counted(probe, pair):
    inside = ("ip", "netns", "exec", pair[1])
    chain = "type filter hook input priority 0"
    rules = f"table ip t {{\n chain c {{\n {chain}\n tcp dport {PORT} drop\n }}\n}}\n"
    run(*inside, "nft", "-f", "-", stdin=rules)
    try:
        code, told, sent = probe(
            FAR, "--json", "--for", "3", "--method", "tcp", "--port", str(PORT), service=LISTENER
        )
    finally:
        run(*inside, "nft", "delete", "table", "ip", "t")
    (row,) = told["probes"]
    assert (code, row["n_requests"]) == (1, 0)
    assert 2 <= row["n_packets_sent"] == len(sent) <= 4


def test_where_nobody_listens_it_soon_stops(probe):
    code, told, sent = probe(FAR, "--json", "--for", "30", "--method", "tcp", "--port", "9")
    (row,) = told["probes"]
    assert code == 1
    assert row["stopped"] == "it refuses connections"
    assert row["n_packets_sent"] == len(sent) == 3


def test_interrupted_it_ends_at_once_with_what_it_has(probe):
    code, told, sent = probe(FAR, "--json", "--for", "60", "--rate", "10", interrupt_bytes=1500)
    (row,) = told["probes"]
    assert code == 130
    assert row["stopped"] == "interrupted"
    assert row["n_packets_sent"] == len(sent) > 5
    assert sent[-1][0] - sent[0][0] < 20e9
