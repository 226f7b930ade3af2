"""Superposition: whose packets come out, when, with what truth; nothing else changes."""

import csv
import itertools
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import lab_packets as wire
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.score import score
from lab.sim import MachineSpec, NatSpec, Scenario, simulate, write_pcapng
from lab.sim.address import number
from lab.sim.packets import ACK, PSH, SYN, TCP, UDP, Packet, frame
from lab.sim.write import CapturedPacket, write_capture
from lab.superpose import Source, Superposition, superpose, write_truth
from lab.superpose.__main__ import main
from lab.superpose.hosts import Selector
from lab.superpose.superpose import START_NS, chosen

_STACKS = ("win10", "macos-new", "linux-4.9", "printer")
_PUBLIC = Selector(ip=number(wire.NAT_IP))


@cache
def _folder() -> Path:
    """Captures of single machines, begun at different times, NATed by themselves."""
    folder = Path(mkdtemp())
    for i, name in enumerate(_STACKS):
        scenario = Scenario(
            (MachineSpec(name),),
            seconds=100.0,
            start_ns=(1_500_000_000 + 777_777 * i) * 10**9,
            nat=NatSpec(ports="random" if name == "printer" else "keep"),
        )
        write_pcapng(folder / f"{name}.pcapng", simulate(scenario, seed=i).packets)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _cleared():
    yield
    shutil.rmtree(_folder())


def _source(name: str) -> Source:
    return Source(_folder() / f"{name}.pcapng", _PUBLIC)


def _written(made: Superposition, folder: Path) -> tuple[list[wire.Seen], list[dict[str, str]]]:
    path = folder / "made.pcapng"
    write_capture(path, made.packets)
    flows, _ = write_truth(path, made)
    with flows.open(newline="") as file:
        return wire.read(path), list(csv.DictReader(file))


def _content(p: wire.Seen) -> tuple[object, ...]:
    """What a NAT leaves as it was."""
    return p.proto, p.ip_id, p.df, p.flags, p.seq, p.ack, p.window, str(p.options), p.payload


def _owner(p: wire.Seen, device_of: dict[tuple[object, ...], str]) -> str:
    out = p.src == wire.NAT_IP
    near, far = (p.sport, (p.dst, p.dport)) if out else (p.dport, (p.src, p.sport))
    return device_of[p.proto, near, *far]


def _devices(rows: list[dict[str, str]]) -> dict[tuple[object, ...], str]:
    keys = [
        (wire.TCP if row["proto"] == "tcp" else wire.UDP, int(row["nat_port"]), row["dst_ip"],
         int(row["dst_port"]))
        for row in rows
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)  # a key is one device's
    return dict(zip(keys, (row["device_id"] for row in rows), strict=True))


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.sampled_from(_STACKS), min_size=1, max_size=4, unique=True),
    st.integers(0, 10**6),
    st.sampled_from(["keep", "exclusive", "random"]),
)
def test_each_packet_of_a_machine_comes_out_once_and_as_it_was(
    names: list[str], seed: int, policy: str
):
    made = superpose([_source(name) for name in names], seed, ports=policy)
    assert made.dropped == {}
    folder = Path(mkdtemp())
    try:
        packets, rows = _written(made, folder)
    finally:
        shutil.rmtree(folder)
    device_of = _devices(rows)
    came_out = Counter((_owner(p, device_of), *_content(p)) for p in packets)
    went_in = Counter(
        (f"dev{i + 1:02d}", *_content(p))
        for i, name in enumerate(names)
        for p in wire.read(_folder() / f"{name}.pcapng")
    )
    assert came_out == went_in
    assert all(p.checksums_right for p in packets)


def test_truth_counts_what_is_there(tmp_path: Path):
    made = superpose([_source(name) for name in _STACKS], 5)
    packets, rows = _written(made, tmp_path)
    device_of = _devices(rows)
    n_out, n_in, first = Counter(), Counter(), {}
    for p in packets:
        near = p.sport if p.src == wire.NAT_IP else p.dport
        far = (p.dst, p.dport) if p.src == wire.NAT_IP else (p.src, p.sport)
        key = p.proto, near, *far
        first.setdefault(key, p)
        (n_out if p.src == wire.NAT_IP else n_in)[key] += 1
    assert len(rows) == len(device_of) == len(first)
    for row in rows:
        proto = wire.TCP if row["proto"] == "tcp" else wire.UDP
        key = proto, int(row["nat_port"]), row["dst_ip"], int(row["dst_port"])
        assert (int(row["pkts_out"]), int(row["pkts_in"])) == (n_out[key], n_in[key])
        assert row["first_ts"] == f"{first[key].time_ns // 10**9}.{first[key].time_ns % 10**9:09d}"
        assert row["first_ipid"] == str(first[key].ip_id)
        shown = first[key].tsval
        assert row["first_tsval"] == ("" if shown is None else str(shown))
    assert {row["capture"] for row in rows} == {f"{name}.pcapng" for name in _STACKS}


def test_a_perfect_answer_scores_one(tmp_path: Path):
    _, rows = _written(superpose([_source(name) for name in _STACKS], 5), tmp_path)
    with (tmp_path / "answer.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["src", "sport", "dst", "dport", "proto", "device"])
        for row in rows:
            ends = [row[x] for x in ("nat_ip", "nat_port", "dst_ip", "dst_port", "proto")]
            table.writerow([*ends, row["device_id"]])
    assert score(tmp_path / "made.truth.csv", tmp_path / "answer.csv").ari == 1.0


def test_machines_begin_within_the_spread_and_keep_their_pace(tmp_path: Path):
    made = superpose([_source(name) for name in _STACKS], 5, spread_s=30.0)
    packets, rows = _written(made, tmp_path)
    device_of = _devices(rows)
    starts = set()
    for i, name in enumerate(_STACKS):
        own = [p.time_ns for p in packets if _owner(p, device_of) == f"dev{i + 1:02d}"]
        before = sorted(p.time_ns for p in wire.read(_folder() / f"{name}.pcapng"))
        assert [t - own[0] for t in own] == [t - before[0] for t in before]
        starts.add(own[0] - START_NS)
    assert all(0 <= t <= 30 * 10**9 for t in starts)
    assert len(starts) == len(_STACKS)
    times = [p.time_ns for p in packets]
    assert times == sorted(times)


def test_seed_decides_everything():
    sources = [_source("win10"), _source("macos-new")]
    one, again, other = (superpose(sources, seed, ports="random") for seed in (1, 1, 2))
    assert one.packets == again.packets
    assert one.packets != other.packets


def test_a_machine_may_stay_where_it_was_in_time():
    made = superpose([_source("win10")], 5, keep_times=True)
    before = wire.read(_folder() / "win10.pcapng")
    assert [p.time_ns for p in made.packets] == [p.time_ns for p in before]


def test_what_is_later_than_asked_for_is_counted():
    whole = superpose([_source("win10")], 5)
    cut = superpose([_source("win10")], 5, seconds=60.0)
    assert cut.packets == [p for p in whole.packets if p.time_ns < START_NS + 60 * 10**9]
    assert cut.dropped == {"too_late": len(whole.packets) - len(cut.packets)}


def test_ports_are_kept_or_drawn():
    sources = [_source("win10"), _source("macos-new")]
    for policy, share in (("keep", 1.0), ("exclusive", 0.9), ("random", 0.01)):
        flows = superpose(sources, 5, ports=policy).flows
        kept = sum(flow.port == flow.inner.port for flow in flows) / len(flows)
        assert kept >= share if policy != "random" else kept <= share


def _syn(port: int, dst: str = "198.51.100.9", **more: int) -> Packet:
    return Packet(TCP, number("10.0.0.5"), port, number(dst), 80, 64, 7, True, flags=SYN,
                  seq=9, mss=1460, options=("mss",), **more)  # fmt: skip


def _inside(path: Path, *packets: tuple[float, Packet], mac: int = 5) -> Path:
    own, router = b"\x02\x00\x00\x00\x00" + bytes([mac]), bytes.fromhex("0200000000fe")
    rows = []
    for at_s, p in packets:
        out = p.src >> 24 == 10
        data = frame(p, own if out else router, router if out else own)
        rows.append(CapturedPacket(round(at_s * 1e9), data, len(data)))
    write_capture(path, rows)
    return path


def test_a_clash_moves_the_later_port(tmp_path: Path):
    one = _inside(tmp_path / "one.pcapng", (0.0, _syn(5000)), (1.0, _syn(5001)))
    two = _inside(tmp_path / "two.pcapng", (0.0, _syn(5000)), (1.0, _syn(5002, "198.51.100.8")),
                  (2.0, _syn(5001, "198.51.100.8")), mac=6)  # fmt: skip
    sources = [Source.of(str(one)), Source.of(str(two))]
    for policy, n_moved in (("keep", 1), ("exclusive", 2)):
        flows = superpose(sources, 3, ports=policy).flows
        moved = [flow for flow in flows if flow.port != flow.inner.port]
        assert len(moved) == n_moved
        earlier = {flow.port for flow in flows if flow.first_ns < moved[0].first_ns}
        assert moved[0].inner.port in earlier


def test_an_exclusive_port_is_one_for_all_far_ends(tmp_path: Path):
    one = _inside(tmp_path / "one.pcapng", (0.0, _syn(5000)))
    two = _inside(tmp_path / "two.pcapng", (0.0, _syn(5000)), (9.0, _syn(5000, "198.51.100.8")),
                  mac=6)  # fmt: skip
    made = superpose([Source.of(str(one)), Source.of(str(two))], 3, ports="exclusive")
    ports = {flow.inner.machine: set() for flow in made.flows}
    for flow in made.flows:
        ports[flow.inner.machine].add(flow.port)
    assert [len(x) for x in ports.values()] == [1, 1]
    assert not set.intersection(*ports.values())


def test_only_talk_with_the_world_is_taken(tmp_path: Path):
    def datagram(src: str, dst: str) -> Packet:
        sport, dport = (99, 53) if src == "10.0.0.5" else (53, 99)
        return Packet(UDP, number(src), sport, number(dst), dport, 64, 1, False, b"x")

    path = _inside(
        tmp_path / "lan.pcapng",
        (0.0, datagram("10.0.0.5", "10.0.0.1")),
        (0.1, datagram("10.0.0.5", "224.0.0.251")),
        (0.2, datagram("10.0.0.5", "255.255.255.255")),
        (0.3, datagram("10.0.0.5", "169.254.3.3")),
        (0.4, datagram("10.0.0.5", "8.8.8.8")),
        (0.5, datagram("8.8.8.8", "10.0.0.5")),
    )
    made = superpose([Source.of(str(path))], 1, spread_s=0.0)
    assert [p.time_ns - START_NS for p in made.packets] == [0, 10**8]
    assert [(flow.n_out, flow.n_in) for flow in made.flows] == [(1, 1)]


def test_one_hop_more_each_way_and_no_mac_of_the_machine(tmp_path: Path):
    answer = Packet(TCP, number("198.51.100.9"), 80, number("10.0.0.5"), 5000, 51, 0, True,
                    flags=SYN | ACK, mss=1460, options=("mss",))  # fmt: skip
    highest = Packet(TCP, number("198.51.100.9"), 80, number("10.0.0.5"), 5000, 255, 0, True,
                     flags=ACK | PSH)  # fmt: skip
    path = _inside(tmp_path / "a.pcapng", (0.0, _syn(5000)), (0.1, answer), (0.2, highest))
    made = superpose([Source.of(str(path))], 1)
    seen = [wire.decoded(p.time_ns, p.data) for p in made.packets]
    assert [p.ttl for p in seen] == [63, 52, 255]
    assert all(p.checksums_right for p in seen)
    assert not any(b"\x02\x00\x00\x00\x00\x05" in p.data[:12] for p in made.packets)


def test_a_packet_on_its_last_hop_goes_no_further(tmp_path: Path):
    last = _syn(5001)
    last.ttl = 1
    path = _inside(tmp_path / "a.pcapng", (0.0, _syn(5000)), (0.1, last))
    made = superpose([Source.of(str(path))], 1)
    assert len(made.packets) == 1
    assert made.dropped == {"ttl_ended": 1}


def test_another_day_and_an_absurd_date_are_left_out(tmp_path: Path):
    day = 86_400.0
    path = _inside(
        tmp_path / "a.pcapng",
        (0.0, _syn(4000)),
        *((5 * day + i, _syn(5000 + i)) for i in range(5)),
        (9 * day, _syn(6000)),
    )
    made = superpose([Source.of(str(path))], 1)
    assert [flow.inner.port for flow in made.flows] == [5000, 5001, 5002, 5003, 5004]
    assert made.dropped == {"another_time": 2}


def test_a_machine_that_says_nothing_or_comes_twice_is_named():
    stranger = Source(_folder() / "win10.pcapng", Selector(ip=number("10.9.9.9")))
    with pytest.raises(ValueError, match=r"10\.9\.9\.9 sent nothing out into the world"):
        superpose([stranger], 1)
    with pytest.raises(ValueError, match="named twice"):
        superpose([_source("win10"), _source("win10")], 1)


def _checksum_rows(tshark: str, path: Path) -> list[list[str]]:
    """Status of the IP, TCP, UDP and ICMP checksums of each packet: 0 wrong, 1 right."""
    checks = [f"-o{x}.check_checksum:TRUE" for x in ("ip", "tcp", "udp")]
    status = [f"-e{x}.checksum.status" for x in ("ip", "tcp", "udp", "icmp")]
    # all occurrences: quoted packets too
    words = [tshark, "-r", str(path), *checks, "-Tfields", *status]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return [row.replace(",", "\t").split("\t") for row in done.stdout.splitlines()]


def test_tshark_finds_no_wrong_checksum(tmp_path: Path, require_program: Callable[[str], str]):
    made = superpose([_source(name) for name in _STACKS], 5, ports="random")
    write_capture(tmp_path / "made.pcap", made.packets)
    rows = _checksum_rows(require_program("tshark"), tmp_path / "made.pcap")
    assert len(rows) == len(made.packets)
    assert all(row.count("1") == 2 for row in rows)


def test_tshark_finds_no_wrong_checksum_on_real_machines(
    tmp_path: Path, captures: Path, require_program: Callable[[str], str]
):
    names = ("nDPI__gnutella.pcap", "nDPI__netflix.pcap", "nDPI__alexa-app.pcapng")
    sources = [Source.of(str(captures / "NAT-source" / name)) for name in names]
    made = superpose(sources, 5, ports="random")
    write_capture(tmp_path / "made.pcap", made.packets)
    rows = _checksum_rows(require_program("tshark"), tmp_path / "made.pcap")
    assert len(rows) == len(made.packets) > 5000
    assert not any("0" in row for row in rows)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "made.pcap"
    words = [str(_folder() / f"{name}.pcapng") for name in ("win10", "printer")]
    assert main([*words, "--seed", "4", "--ports", "random", "-o", str(out)]) == 0
    assert "2 machines" in capsys.readouterr().out
    assert out.read_bytes()[:4] == b"\x4d\x3c\xb2\xa1"
    devices = (tmp_path / "made.devices.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in devices[1:]] == ["win10.pcapng", "printer.pcapng"]


def test_command_line_draws_from_a_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--pool", str(_folder()), "--min-syns", "2"]) == 0
    listed = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    families = {Path(row["capture"]).stem: row["family"] for row in listed}
    assert families["win10"] == "windows"
    assert families["macos-new"] == "apple"
    assert families["linux-4.9"] == "linux"
    words = ["--pool", str(_folder()), "--min-syns", "2", "--draw", "2", "--family"]
    assert main([*words, "windows,apple", "-o", str(tmp_path / "m.pcapng")]) == 0
    devices = (tmp_path / "m.devices.csv").read_text().splitlines()[1:]
    assert sorted(line.split(",")[1] for line in devices) == ["macos-new.pcapng", "win10.pcapng"]


def test_command_line_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--pool", str(_folder()), "--draw", "40", "-o", str(tmp_path / "m.pcapng")])
    assert "40 machines wanted" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path / "none.pcap"), "-o", str(tmp_path / "m.pcapng")])
    assert "none.pcap" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--draw", "0"], "one machine or more"),
        (["--draw", "-1"], "one machine or more"),
        (["--draw", "1", "--seconds", "-5"], "invalid seconds value"),
        (["--draw", "1", "--seconds", "nan"], "invalid seconds value"),
        (["--draw", "1", "--spread", "-3"], "invalid seconds value"),
        (["--draw", "1", "--seconds", "0"], "no packet is left"),
        (["--draw", "1", "-o", "/none/m.pcapng"], "/none/m.pcapng"),
        (["--pool", "/none"], "/none: not a folder"),
    ],
)
def test_command_line_refuses_what_gives_no_capture(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "m.pcapng"
    with pytest.raises(SystemExit) as refused:
        main(["--pool", str(_folder()), "--min-syns", "2", "-o", str(out), *words])
    assert refused.value.code == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_machines_are_drawn_by_the_seed():
    from lab.superpose.hosts import pool

    hosts, unread = pool(_folder())
    assert unread == []
    assert len(hosts) == len(_STACKS)
    drawn = [tuple(chosen(hosts, 2, seed)) for seed in range(30)]
    assert drawn[3] == tuple(chosen(hosts, 2, 3))
    pairs = set(itertools.permutations([Source(x.capture, x.host) for x in hosts], 2))
    assert len(set(drawn)) > 6
    assert set(drawn) <= pairs
