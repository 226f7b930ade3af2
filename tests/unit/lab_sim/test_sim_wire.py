"""The capture as a whole: right on the wire, consistent as TCP, the same for the same seed."""

import hashlib
import itertools
import shutil
import struct
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import lab_packets as wire
import pytest

from lab.sim import Capture, MachineSpec, Scenario, simulate, write_pcapng
from lab.sim.hello import client_hello
from lab.sim.presets import PRESETS
from lab.sim.stacks import stacks

_ROOT = Path(__file__).parents[3]


@cache
def _lossy() -> tuple[Capture, list[wire.Seen]]:
    """A bad line; the window of a printer is soon full."""
    scenario = PRESETS["lossy"]
    machines = (*scenario.machines, MachineSpec("printer", habit="office"))
    capture = simulate(Scenario(machines, 200.0, path=scenario.path), seed=3)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "capture.pcapng"
        write_pcapng(path, capture.packets)
        return capture, wire.read(path)


def _conversations(packets: list[wire.Seen]) -> dict[tuple[str, int, str, int], list[wire.Seen]]:
    out: dict[tuple[str, int, str, int], list[wire.Seen]] = {}
    for p in packets:
        if p.proto == wire.TCP:
            ends = (p.src, p.sport, p.dst, p.dport)
            key = ends if p.src == wire.NAT_IP else (p.dst, p.dport, p.src, p.sport)
            out.setdefault(key, []).append(p)
    return out


def test_times_never_go_back_and_checksums_are_right():
    _, packets = _lossy()
    assert len(packets) > 2000
    assert all(a.time_ns <= b.time_ns for a, b in itertools.pairwise(packets))
    assert all(p.checksums_right for p in packets)
    assert min(p.n_bytes for p in packets) >= 60
    assert max(p.n_bytes for p in packets) <= 1514


def _end_of(p: wire.Seen) -> int:
    return p.seq + len(p.payload) + bool(p.flags & wire.SYN) + bool(p.flags & wire.FIN)


def test_nothing_is_acknowledged_that_did_not_pass_and_no_window_is_overrun():
    """Holds at the tap in spite of loss: each packet passes it before the far end hears of it."""
    _, packets = _lossy()
    n_checked = n_blocks = 0
    for conversation in _conversations(packets).values():
        if not conversation[0].is_first_syn:
            continue
        zero = {p.src: p.seq for p in reversed(conversation) if p.flags & wire.SYN}
        if len(zero) != 2:
            continue
        scaled = all(p.option(3) for p in conversation if p.flags & wire.SYN)
        shift = {p.src: p.option(3)[0] if scaled else 0 for p in conversation if p.flags & wire.SYN}
        reached = dict.fromkeys(zero, 0)
        limit: dict[str, int] = {}
        for p in conversation:
            end = (_end_of(p) - zero[p.src]) % 2**32
            if p.flags & wire.RST:
                continue
            if p.flags & wire.ACK:
                acked = (p.ack - zero[p.dst]) % 2**32
                assert acked <= reached[p.dst]
                if block := p.option(5):
                    left, right = ((x - zero[p.dst]) % 2**32 for x in struct.unpack("!2I", block))
                    assert acked < left < right <= reached[p.dst]
                    n_blocks += 1
                window = p.window << (0 if p.flags & wire.SYN else shift[p.src])
                limit[p.src] = max(limit.get(p.src, 0), acked + window)
            if p.dst in limit:
                assert end <= limit[p.dst] + 1  # a FIN may stand on the edge
            reached[p.src] = max(reached[p.src], end)
            n_checked += 1
    assert n_checked > 2000
    assert n_blocks > 20


def test_what_is_sent_again_is_the_same():
    _, packets = _lossy()
    said: dict[tuple[str, int, str, int, int], bytes] = {}
    n_again = 0
    for conversation in _conversations(packets).values():
        said.clear()
        for p in conversation:
            key = (p.src, p.sport, p.dst, p.dport, p.seq)
            if not p.payload:
                continue
            before = said.setdefault(key, p.payload)
            n_again += before is not p.payload
            shorter = min(len(before), len(p.payload))
            assert before[:shorter] == p.payload[:shorter]
    assert n_again > 20


def test_a_syn_is_repeated_from_the_same_port():
    _, packets = _lossy()
    syns = [p for p in wire.sent(packets) if p.is_first_syn]
    keys = Counter((p.sport, p.dst, p.dport, p.seq) for p in syns)
    assert max(keys.values()) > 1


@pytest.mark.parametrize("name", ["office", "legacy"])
def test_same_seed_same_bytes(name: str):
    scenario = PRESETS[name]
    short = Scenario(scenario.machines, seconds=60.0)
    first, second, other = (simulate(short, seed) for seed in (1, 1, 2))
    assert first.packets == second.packets
    assert first.truth == second.truth
    assert first.packets != other.packets


def test_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path):
    digests = set()
    for hash_seed in ("0", "1"):
        out = tmp_path / hash_seed / "o.pcapng"
        out.parent.mkdir()
        words = ["--machines", "win10,linux-6.18", "--seconds", "40", "--seed", "9", "-o", str(out)]
        subprocess.run(
            [sys.executable, "-m", "lab.sim", *words],
            check=True,
            cwd=_ROOT,
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
            stdout=subprocess.DEVNULL,
        )
        files = [x.read_bytes() for x in sorted(out.parent.iterdir())]
        assert len(files) == 3
        digests.add(hashlib.sha256(b"".join(files)).hexdigest())
    assert len(digests) == 1


def test_snaplen_cuts_frames_and_keeps_their_length():
    whole = simulate(Scenario((MachineSpec("win10"),), 30.0), seed=1)
    cut = simulate(Scenario((MachineSpec("win10"),), 30.0, snaplen=96), seed=1)
    assert [p.n_wire_bytes for p in cut.packets] == [len(p.data) for p in whole.packets]
    assert [p.data for p in cut.packets] == [p.data[:96] for p in whole.packets]


def _tshark(path: Path, *words: str) -> list[str]:
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed: no second opinion on the packets")
    done = subprocess.run(
        [tshark, "-r", str(path), *words], check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def test_tshark_reads_every_packet_and_finds_no_wrong_checksum(tmp_path: Path):
    scenario = PRESETS["office"]
    capture = simulate(Scenario(scenario.machines, 120.0), seed=2)
    path = tmp_path / "office.pcapng"
    write_pcapng(path, capture.packets)
    checks = [f"-o{x}.check_checksum:TRUE" for x in ("ip", "tcp", "udp")]
    status = [f"-e{x}.checksum.status" for x in ("ip", "tcp", "udp")]
    rows = _tshark(path, *checks, "-Tfields", "-eframe.time_epoch", *status)
    assert len(rows) == len(capture.packets)
    assert {tuple(sorted(row.split("\t")[1:])) for row in rows} == {("", "1", "1")}
    shown = [row.split("\t")[0].replace(".", "") for row in rows]
    assert shown == [str(p.time_ns) for p in capture.packets]


def test_tshark_understands_every_client_hello_dns_message_and_request(tmp_path: Path):
    names = [name for name in stacks() if not name.startswith("server-")]
    machines = tuple(MachineSpec(name, habit="office") for name in names)
    capture = simulate(Scenario(machines, 60.0), seed=2)
    path = tmp_path / "all.pcapng"
    write_pcapng(path, capture.packets)
    hellos = _tshark(path, "-Ytls.handshake.type==1", "-Tfields", "-etls.handshake.ciphersuite")
    assert len(hellos) > 50
    assert not _tshark(path, "-Y_ws.malformed && (tls || dns) && !tcp.analysis.flags")
    answers = _tshark(path, "-Ydns.flags.response==1", "-Tfields", "-edns.qry.name", "-edns.a")
    assert answers
    assert all(len(row.split("\t")) == 2 and all(row.split("\t")) for row in answers)
    agents = set(_tshark(path, "-Yhttp.request", "-Tfields", "-ehttp.user_agent")) - {""}
    assert agents <= {agent for x in stacks().values() for agent in x.user_agents}
    assert len(agents) > 5


def test_a_client_hello_says_its_lengths_right():
    from random import Random

    for x in stacks().values():
        record = client_hello(x.tls, "www.example", Random(1))
        assert record[0] == 22
        assert int.from_bytes(record[3:5], "big") == len(record) - 5
        assert record[5] == 1
        assert int.from_bytes(record[6:9], "big") == len(record) - 9
        assert (b"www.example" in record) == (x.tls != "schannel-xp")
