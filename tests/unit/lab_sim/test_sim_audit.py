"""Every row of what is known of stacks, routers and clocks has its machine in the simulator."""

import itertools
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import lab_packets as wire
import numpy as np
import pytest

from lab.sim import (
    Capture,
    MachineSpec,
    NatSpec,
    PathSpec,
    Scenario,
    Slew,
    Unseen,
    simulate,
    write_pcapng,
)
from lab.sim.blemishes import Blemishes, blemished
from lab.sim.nat import Nat
from lab.sim.packets import SYN, TCP, Packet
from lab.sim.ports import SequentialPorts
from lab.sim.stacks import Ports, stacks

_CLEAN = PathSpec(inner_jitter_s=0.0, outer_jitter_s=0.0, loss=0.0, reordering=0.0)
_KEEP = NatSpec()
_START_NS = 1_700_000_000 * 10**9

# stack: timestamp regime, ticks a second it may have, identification, TCP ports, lowest port, TTL
RULES = {
    "win2000": ("absent", (), "global_swapped", "sequential", 1025, 128),
    "winxp": ("absent", (), "global", "sequential", 1025, 128),
    "win7": ("absent", (), "global", "sequential", 49152, 128),
    "win10": ("absent", (), "destination", "sequential", 49152, 128),
    "win11": ("absent", (), "destination", "sequential", 49152, 128),
    "linux-2.6": ("host", (250.0, 1000.0), "socket", "hash_plus_1", 32768, 64),
    "linux-3.13": ("host", (100.0, 250.0, 1000.0), "socket", "hash_plus_1", 32768, 64),
    "linux-4.9": ("host", (250.0,), "socket", "hash_plus_2", 32768, 64),
    "linux-4.10": ("connection", (250.0,), "socket", "hash_plus_2", 32768, 64),
    "linux-5.10": ("pair", (1000.0,), "socket", "hash_plus_2", 32768, 64),
    "linux-6.1": ("pair", (1000.0,), "socket", "shuffle", 32768, 64),
    "linux-6.8-usec": ("pair", (1e6,), "socket", "shuffle", 32768, 64),
    "linux-6.18": ("connection", (1000.0,), "socket", "shuffle", 32768, 64),
    "android-5": ("host", (100.0,), "socket", "random", 32768, 64),
    "android-7": ("host", (100.0, 200.0), "socket", "random", 32768, 64),
    "android-9": ("host", (250.0,), "socket", "random_even", 32768, 64),
    "android-10": ("pair", (1000.0,), "socket", "hash_plus_2", 32768, 64),
    "android-13": ("connection", (1000.0,), "socket", "shuffle", 32768, 64),
    "android-14": ("pair", (1000.0,), "socket", "shuffle", 32768, 64),
    "macos-10.7": ("host", (10.0,), "random", "sequential", 49152, 64),
    "macos-old": ("host", (959.0, 977.0, 994.0, 1000.0), "random", "sequential", 49152, 64),
    "ios-old": ("host", (977.0, 994.0, 1000.0), "random", "sequential", 49152, 64),
    "macos-new": ("connection", (1000.0,), "zero", "sequential", 49152, 64),
    "ios-new": ("connection", (1000.0,), "zero", "sequential", 49152, 64),
    "freebsd-9": ("host", (1000.0,), "global", "random", 10000, 64),
    "freebsd": ("connection", (1000.0,), "zero", "random", 10000, 64),
    "openbsd": ("connection", (2.0,), "random", "random", 1024, 64),
    "openbsd-7.4": ("connection", (1000.0,), "random", "random", 1024, 64),
    "lwip": ("host", (1000.0,), "global", "sequential", 49152, 255),
    "printer": ("absent", (), "global_swapped", "sequential", 49152, 64),
    "camera": ("host", (100.0,), "socket", "hash_plus_1", 32768, 64),
    "plc": ("absent", (), "constant", "sequential", 1025, 128),
}


def test_every_client_has_its_row():
    clients = {name for name in stacks() if not name.startswith("server-")}
    assert set(RULES) == clients


@pytest.mark.parametrize("name", RULES)
def test_stack_is_as_its_row_says(name: str):
    regime, hz, ip_id, ports, low, ttl = RULES[name]
    what = stacks()[name]
    shown = what.timestamps.hz if what.timestamps.regime != "absent" else ()
    assert (what.timestamps.regime, shown) == (regime, hz)
    assert (what.ip_id.rule, what.tcp_ports.rule, what.tcp_ports.low) == (ip_id, ports, low)
    assert what.syn.ttl == ttl


def test_ntp_holds_the_clocks_that_count_monotonic_time():
    """Linux from 4.13, Android 10, later Apple and BSD; not jiffies."""
    held = {name for name in RULES if stacks()[name].clock.disciplined}
    assert held == {
        "linux-5.10", "linux-6.1", "linux-6.8-usec", "linux-6.18", "android-10", "android-13",
        "android-14", "macos-new", "ios-new", "freebsd", "openbsd", "openbsd-7.4",
    }  # fmt: skip


@cache
def _capture(machine: MachineSpec, nat: NatSpec = _KEEP, seconds: float = 300.0) -> Capture:
    return simulate(Scenario((machine,), seconds=seconds, path=_CLEAN, nat=nat), seed=11)


def _packets(capture: Capture, folder: Path) -> list[wire.Seen]:
    write_pcapng(folder / "c.pcapng", capture.packets)
    return wire.read(folder / "c.pcapng")


def _lines(packets: list[wire.Seen], hz: float) -> dict[str, list[float]]:
    out = defaultdict(list)
    for p in wire.first_syns(packets):
        assert p.tsval is not None
        out[p.dst].append(p.tsval - (p.time_ns - _START_NS) * 1e-9 * hz)
    return out


def _spread(values: list[float]) -> float:
    return max(values) - min(values)


def test_windows_2000_counts_byte_swapped(tmp_path: Path):
    ids = [p.ip_id for p in wire.sent(_packets(_capture(MachineSpec("win2000")), tmp_path))]
    swapped = wire.steps([x >> 8 | (x & 0xFF) << 8 for x in ids])
    assert sum(1 <= x <= 64 for x in swapped) > 0.99 * len(swapped)
    plain = wire.steps(ids)
    assert sum(x % 256 == 0 for x in plain) > 0.9 * len(plain)


@pytest.mark.parametrize(
    ("name", "hz"), [("linux-3.13", 100.0), ("android-7", 200.0), ("macos-10.7", 10.0)]
)
def test_one_line_of_the_older_machines(name: str, hz: float, tmp_path: Path):
    machine = MachineSpec(name, skew_ppm=0.0, hz=hz, uptime_s=40_000.0)
    lines = _lines(_packets(_capture(machine), tmp_path), hz)
    assert len(lines) > 5
    assert _spread([x for line in lines.values() for x in line]) < 2.0


def test_linux_4_10_draws_an_offset_for_every_connection(tmp_path: Path):
    busy = MachineSpec("linux-4.10", skew_ppm=0.0, pace=3.0)
    lines = _lines(_packets(_capture(busy), tmp_path), 250.0)
    popular = max(lines.values(), key=len)
    assert len(popular) > 5
    assert min(np.diff(sorted(popular))) > 250.0


def test_microsecond_timestamps_run_a_thousand_times_as_fast(tmp_path: Path):
    machine = MachineSpec("linux-6.8-usec", skew_ppm=0.0)
    packets = _packets(_capture(machine), tmp_path)
    lines = _lines(packets, 1e6)
    # NTP wanders by some 0.1 ppm: tens of microseconds over the capture
    assert all(_spread(line) < 300.0 for line in lines.values())
    longest = max(wire.by_flow(packets).values(), key=len)
    ticks = (longest[-1].tsval - longest[0].tsval) % 2**32
    passed_s = (longest[-1].time_ns - longest[0].time_ns) * 1e-9
    assert ticks == pytest.approx(1e6 * passed_s, rel=1e-5)


def test_openbsd_counts_two_or_a_thousand_a_second(tmp_path: Path):
    for name, hz in (("openbsd", 2.0), ("openbsd-7.4", 1000.0)):
        packets = _packets(_capture(MachineSpec(name, skew_ppm=0.0)), tmp_path)
        longest = max(wire.by_flow(packets).values(), key=lambda x: x[-1].time_ns - x[0].time_ns)
        ticks = (longest[-1].tsval - longest[0].tsval) % 2**32
        passed_s = (longest[-1].time_ns - longest[0].time_ns) * 1e-9
        assert passed_s > 100.0
        assert ticks == pytest.approx(hz * passed_s, abs=1.1)


def test_a_slew_bends_the_line(tmp_path: Path):
    straight = MachineSpec("linux-4.9", skew_ppm=0.0, habit="steady")
    bent = replace(straight, slews=(Slew(100.0, 100.0, 500.0),))

    def run(machine: MachineSpec) -> tuple[np.ndarray, np.ndarray]:
        seen = max(wire.by_flow(_packets(_capture(machine), tmp_path)).values(), key=len)
        t_s = np.array([(p.time_ns - _START_NS) * 1e-9 for p in seen])
        return t_s, np.array([p.tsval for p in seen]) / 250.0

    (t_s, straight_s), (bent_t_s, bent_s) = run(straight), run(bent)
    assert np.array_equal(t_s, bent_t_s)
    gained_s = bent_s - straight_s
    expected_s = np.clip(t_s - 100.0, 0.0, 100.0) * 500e-6
    assert np.abs(gained_s - expected_s).max() < 0.005
    assert gained_s[-1] == pytest.approx(0.05, abs=0.005)


def test_a_guest_behind_a_phone_has_one_hop_less(tmp_path: Path):
    packets = _packets(_capture(MachineSpec("win10", n_inner_hops=1), seconds=60.0), tmp_path)
    assert {p.ttl for p in wire.sent(packets)} == {126}
    assert all(p.checksums_right for p in packets)


def test_a_router_may_set_the_ttl(tmp_path: Path):
    nat = NatSpec(sets_ttl=64)
    packets = _packets(_capture(MachineSpec("win10"), nat, 60.0), tmp_path)
    assert {p.ttl for p in wire.sent(packets)} == {64}


def test_pf_clears_the_flag_that_forbids_fragments(tmp_path: Path):
    nat = NatSpec(clears_df=True)
    packets = _packets(_capture(MachineSpec("win10"), nat, 60.0), tmp_path)
    assert not any(p.df for p in wire.sent(packets))
    assert any(p.df for p in packets)


def _flows_of_cgn(pooling: str) -> list[tuple[int, int]]:
    nat = Nat(
        NatSpec(ports="random", public_ips=("203.0.113.7", "203.0.113.8"), pooling=pooling),
        Random(1),
    )
    for i in range(200):
        syn = Packet(TCP, 10 + i % 4, 5000 + i, 20, 80, 64, 1, True, flags=SYN, seq=i)
        nat.outbound(syn, i % 4, i * 0.1, i)
    return [(flow.machine, flow.nat_ip) for flow in nat.flows]


def test_pooling_pairs_a_machine_with_an_address_or_spreads_its_flows():
    assert len(set(_flows_of_cgn("paired"))) == 4
    spread = Counter(_flows_of_cgn("arbitrary"))
    assert len(spread) == 8
    assert all(13 <= n <= 37 for n in spread.values())  # of 50 flows, 25 in the mean


def test_flows_spread_over_addresses_come_back_to_their_machine():
    public_ips = ("203.0.113.7", "203.0.113.8", "203.0.113.9")
    nat = NatSpec(ports="random", public_ips=public_ips, pooling="arbitrary")
    flows = _capture(MachineSpec("win10"), nat).truth.flows
    assert len({flow.nat_ip for flow in flows}) == 3
    answered = [flow for flow in flows if flow.n_in]
    assert len(answered) > 0.9 * len(flows)


def _steps(unseen: Unseen) -> list[int]:
    rule = Ports(
        "sequential", 49152, 65535, (49152, 49152), unseen.ports_hz, unseen.bursts_hz,
        unseen.burst_size,
    )  # fmt: skip
    source = SequentialPorts(rule, Random(4))
    ports = [source(float(i), 1, 80, ()) for i in range(3000)]
    return [(b - a) % 16384 for a, b in itertools.pairwise(ports)]


def test_unseen_sockets_come_one_by_one_or_in_bursts():
    assert set(_steps(Unseen())) == {1}
    single = _steps(Unseen(ports_hz=0.1))
    assert sum(single) / len(single) == pytest.approx(1.1, abs=0.03)
    assert max(single) < 8
    bursts = _steps(Unseen(bursts_hz=0.02, burst_size=100.0))
    jumps = [x - 1 for x in bursts if x > 1]
    assert len(jumps) / len(bursts) == pytest.approx(0.02, abs=0.01)
    assert sum(jumps) / len(jumps) == pytest.approx(100.0, rel=0.4)


def test_unseen_packets_move_a_global_counter(tmp_path: Path):
    def jumps(unseen: Unseen) -> int:
        packets = _packets(_capture(MachineSpec("win7", unseen=unseen)), tmp_path)
        return sum(x > 64 for x in wire.steps([p.ip_id for p in wire.sent(packets)]))

    assert jumps(Unseen()) == 0
    assert jumps(Unseen(bursts_hz=0.1, burst_size=100.0)) > 10


def test_blemishes_lose_and_change_no_frame():
    packets = _capture(MachineSpec("win10"), seconds=60.0).packets
    what = Blemishes(duplicates=0.1, swapped=0.05, n_absurd=2, inward_late_s=0.003)
    got = blemished(packets, what, 3)
    assert got == blemished(packets, what, 3)
    assert set(Counter(p.data for p in packets) - Counter(p.data for p in got)) == set()
    n_more = len(got) - len(packets)
    assert 0.05 * len(packets) < n_more < 0.15 * len(packets)
    absurd = [p for p in got if abs(p.time_ns - _START_NS) > 10**15]
    assert len(absurd) == 2
    backwards = sum(b.time_ns < a.time_ns for a, b in itertools.pairwise(got))
    assert backwards > 0.02 * len(packets)
    assert blemished(packets, Blemishes(), 3) == packets


def test_a_tap_with_two_clocks_moves_one_direction():
    packets = _capture(MachineSpec("win10"), seconds=60.0).packets
    got = blemished(packets, Blemishes(inward_late_s=0.5), 3)
    moved = {(b.time_ns - a.time_ns, a.data[26:30] == bytes([203, 0, 113, 7]))
             for a, b in zip(packets, got, strict=True)}  # fmt: skip
    assert moved == {(0, True), (500_000_000, False)}
