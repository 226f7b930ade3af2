"""Every stack follows the rules that its operating system is known for."""

import struct
from collections import defaultdict
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import lab_packets as wire
import pytest

from lab.sim import MachineSpec, PathSpec, Scenario, simulate, write_pcapng
from lab.sim.stacks import stack, stacks

_KINDS = {"mss": 2, "ws": 3, "sok": 4, "ts": 8, "nop": 1, "eol": 0}
_CLEAN = PathSpec(inner_jitter_s=0.0, outer_jitter_s=0.0, loss=0.0, reordering=0.0)
_CLIENTS = [name for name in stacks() if not name.startswith("server-")]


@cache
def _alone(name: str) -> list[wire.Seen]:
    """Some minutes of one busy machine on a clean line."""
    machine = MachineSpec(name, habit="office")
    capture = simulate(Scenario((machine,), seconds=400.0, path=_CLEAN), seed=11)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "capture.pcapng"
        write_pcapng(path, capture.packets)
        return wire.read(path)


def _ids(packets: list[wire.Seen]) -> list[int]:
    return [p.ip_id for p in wire.sent(packets)]


def _share(values: list[int], low: int, high: int) -> float:
    return sum(low <= x <= high for x in values) / len(values)


@pytest.mark.parametrize("name", _CLIENTS)
def test_syn_has_the_signature_of_its_stack(name: str):
    syn = stack(name).syn
    opened = wire.first_syns(_alone(name))
    assert len(opened) > 10
    for p in opened:
        assert (p.ttl, p.window, p.df) == (syn.ttl - 1, syn.window, syn.df)
        shown = [kind for kind in p.option_kinds if kind or "eol" in syn.options]
        assert shown == [_KINDS[x] for x in syn.options]
        assert p.option(2) == struct.pack("!H", syn.mss)
        if "ws" in syn.options:
            assert p.option(3) == bytes([syn.wscale])


@pytest.mark.parametrize("name", ["winxp", "win7", "lwip", "freebsd-9"])
def test_one_counter_of_identifications_for_the_whole_host(name: str):
    assert _share(wire.steps(_ids(_alone(name))), 1, 64) > 0.99


def test_printer_counts_identifications_byte_swapped():
    ids = _ids(_alone("printer"))
    swapped = [x >> 8 | (x & 0xFF) << 8 for x in ids]
    assert _share(wire.steps(swapped), 1, 64) > 0.99
    assert _share(wire.steps(ids), 1, 64) < 0.05


@pytest.mark.parametrize("name", ["win10", "win11"])
def test_windows_counts_identifications_per_destination(name: str):
    per_destination = defaultdict(list)
    across = []
    before = None
    for p in wire.sent(_alone(name)):
        per_destination[p.dst].append(p.ip_id)
        if before is not None and before.dst != p.dst:
            across.append((p.ip_id - before.ip_id) % 65536)
        before = p
    for ids in per_destination.values():
        assert set(wire.steps(ids)) <= {1}
    assert _share(across, 0, 200) < 0.1


@pytest.mark.parametrize("name", ["linux-4.9", "linux-6.18", "android-5", "android-13"])
def test_linux_counts_identifications_per_socket(name: str):
    starts = []
    for packets in wire.by_flow(_alone(name)).values():
        assert set(wire.steps([p.ip_id for p in packets])) <= {1}
        starts.append(packets[0].ip_id)
    assert len(set(starts)) > 0.9 * len(starts)


def test_identifications_that_say_nothing():
    assert set(_ids(_alone("macos-new"))) == {0}
    assert len(set(_ids(_alone("plc")))) == 1
    assert _share(wire.steps(_ids(_alone("openbsd"))), 1, 64) < 0.05
    assert 0 not in _ids(_alone("macos-old"))


@pytest.mark.parametrize("name", ["win7", "win10", "macos-old", "macos-new", "lwip"])
def test_ports_of_one_counter_for_all_destinations(name: str):
    opened = wire.first_syns(_alone(name))
    rule = stack(name).tcp_ports
    got = wire.steps([p.sport for p in opened], rule.high - rule.low + 1)
    assert _share(got, 1, 1) > 0.6
    assert _share(got, 1, 8) > 0.99


def test_windows_xp_takes_tcp_and_udp_ports_from_one_counter():
    opened: list[int] = []
    for p in wire.sent(_alone("winxp")):
        if (p.is_first_syn or p.proto == wire.UDP) and p.sport not in opened:
            opened.append(p.sport)
    assert all(1025 <= port <= 5000 for port in opened)
    assert _share(wire.steps(opened, 5000 - 1025 + 1), 1, 4) > 0.95


def _steps_to_same_end(name: str, period_s: float) -> list[int]:
    """Port steps of neighbouring connections to one address and port within a period."""
    last: dict[tuple[str, int], tuple[int, int]] = {}
    out = []
    for p in wire.first_syns(_alone(name)):
        period = int((p.time_ns - 1_700_000_000 * 10**9) * 1e-9 // period_s)
        end = p.dst, p.dport
        if end in last and last[end][0] == period:
            out.append(p.sport - last[end][1])
        last[end] = period, p.sport
    return out


def test_linux_5_12_steps_by_2_to_16_within_ten_seconds():
    opened = wire.first_syns(_alone("linux-6.18"))
    assert all(p.sport % 2 == 0 for p in opened)
    got = _steps_to_same_end("linux-6.18", 10.0)
    assert len(got) > 10
    assert set(got) <= set(range(2, 17, 2))
    assert len(set(got)) > 3


def test_linux_5_12_begins_elsewhere_in_the_next_ten_seconds():
    within = _steps_to_same_end("linux-6.18", 10.0)
    of_all = _steps_to_same_end("linux-6.18", 1e9)
    small = [x for x in of_all if 2 <= x <= 16]
    n_across = len(of_all) - len(within)
    assert n_across >= 8
    assert len(small) - len(within) <= 0.1 * n_across


def test_connections_that_the_tap_does_not_see_move_the_counter():
    opened = [p.sport for p in wire.first_syns(_alone("win10"))]
    assert 0.01 < 1 - _share(wire.steps(opened, 16384), 1, 1) < 0.2


def test_linux_4_9_steps_by_2_per_connection_of_the_machine():
    opened = wire.first_syns(_alone("linux-4.9"))
    assert all(p.sport % 2 == 0 for p in opened)
    last: dict[tuple[str, int], tuple[int, int]] = {}
    got = []
    for i, p in enumerate(opened):
        end = p.dst, p.dport
        if end in last:
            got.append((p.sport - last[end][1]) - 2 * (i - last[end][0]))
        last[end] = i, p.sport
    assert len(got) > 10
    assert _share(got, 0, 0) > 0.9  # but for a port that was in use, and a wrap


def test_old_linux_uses_ports_of_both_parities_and_android_9_even_ones_at_random():
    assert {p.sport % 2 for p in wire.first_syns(_alone("linux-2.6"))} == {0, 1}
    opened = [p.sport for p in wire.first_syns(_alone("android-9"))]
    assert {port % 2 for port in opened} == {0}
    assert _share(wire.steps(opened), 0, 64) < 0.1


def test_windows_sends_no_timestamps():
    for name in ("winxp", "win7", "win10", "win11", "printer"):
        assert all(p.tsval is None for p in wire.sent(_alone(name)))


@pytest.mark.parametrize("name", ["win10", "linux-6.18", "macos-new", "lwip", "printer"])
def test_server_answers_no_option_that_was_not_offered(name: str):
    offered = {kind for kind, x in _KINDS.items() if kind in stack(name).syn.options}
    words = {x: kind for kind, x in _KINDS.items()}
    answers = [p for p in _alone(name) if p.flags & 18 == 18]
    assert answers
    for p in answers:
        assert {words[kind] for kind in p.option_kinds} - {"nop", "eol"} <= offered


def test_an_unknown_stack_is_named():
    with pytest.raises(ValueError, match="no stack 'beos'; there are: android-10"):
        simulate(Scenario((MachineSpec("beos"),)), seed=1)
