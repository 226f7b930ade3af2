"""Timestamps: rates, skews, who shares an offset, reboots, sleep."""

from collections import defaultdict
from pathlib import Path
from random import Random

import lab_packets as wire
import numpy as np
import pytest

from lab.sim import MachineSpec, PathSpec, Scenario, Suspension, simulate, write_pcapng
from lab.sim.clock import Clock
from lab.sim.stacks import Oscillator, stack

_CLEAN = PathSpec(inner_jitter_s=0.0, outer_jitter_s=0.0, loss=0.0, reordering=0.0)
_START_NS = 1_700_000_000 * 10**9


def _packets(tmp_path: Path, machine: MachineSpec, seconds: float = 300.0) -> list[wire.Seen]:
    capture = simulate(Scenario((machine,), seconds=seconds, path=_CLEAN), seed=5)
    path = tmp_path / "capture.pcapng"
    write_pcapng(path, capture.packets)
    return wire.read(path)


def _clock(packets: list[wire.Seen]) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since the start, and unwrapped ticks, of the packets that carry timestamps."""
    stamped = [(p.time_ns - _START_NS, p.tsval) for p in packets if p.tsval is not None]
    t_s = np.array([t for t, _ in stamped]) * 1e-9
    ticks = np.array([v for _, v in stamped], dtype=np.int64)
    return t_s, ticks[0] + np.cumsum(np.r_[0, (np.diff(ticks) + 2**31) % 2**32 - 2**31])


@pytest.mark.parametrize("name", ["linux-4.9", "linux-5.10", "linux-6.18", "macos-new"])
@pytest.mark.parametrize("skew_ppm", [-100.0, 37.0])
def test_slope_of_a_connection_is_the_set_skew(tmp_path: Path, name: str, skew_ppm: float):
    machine = MachineSpec(name, skew_ppm=skew_ppm, habit="steady")
    packets = _packets(tmp_path, machine, seconds=600.0)
    longest = max(wire.by_flow(packets).values(), key=len)
    t_s, ticks = _clock(longest)
    assert len(t_s) > 200
    hz = stack(name).timestamps.hz[0]
    slope = np.polyfit(t_s, ticks, 1)[0]
    assert (slope / hz - 1.0) * 1e6 == pytest.approx(skew_ppm, abs=1.5)


def _intercepts(packets: list[wire.Seen], hz: float) -> dict[str, list[float]]:
    """Ticks at the start of the capture, one per connection, by destination."""
    out = defaultdict(list)
    for p in wire.first_syns(packets):
        assert p.tsval is not None
        out[p.dst].append(p.tsval - (p.time_ns - _START_NS) * 1e-9 * hz)
    return out


def _spread(values: list[float]) -> float:
    return max(values) - min(values)


@pytest.mark.parametrize("name", ["linux-4.9", "android-5", "lwip", "freebsd-9"])
def test_one_line_per_host(tmp_path: Path, name: str):
    packets = _packets(tmp_path, MachineSpec(name, skew_ppm=0.0, habit="office"))
    lines = _intercepts(packets, stack(name).timestamps.hz[0])
    assert len(lines) > 5
    assert _spread([x for line in lines.values() for x in line]) < 3.0


@pytest.mark.parametrize("name", ["linux-5.10", "android-10"])
def test_one_line_per_destination(tmp_path: Path, name: str):
    packets = _packets(tmp_path, MachineSpec(name, skew_ppm=0.0))
    lines = _intercepts(packets, 1000.0)
    assert len(lines) > 5
    assert all(_spread(line) < 3.0 for line in lines.values())
    firsts = sorted(line[0] for line in lines.values())
    assert min(np.diff(firsts)) > 1000.0


@pytest.mark.parametrize("name", ["linux-6.18", "macos-new", "freebsd", "android-13"])
def test_one_line_per_connection(tmp_path: Path, name: str):
    packets = _packets(tmp_path, MachineSpec(name, skew_ppm=0.0))
    lines = sorted(x for line in _intercepts(packets, 1000.0).values() for x in line)
    assert len(lines) > 20
    assert float(np.median(np.diff(lines))) > 1e6


def test_rate_can_be_set_off_nominal(tmp_path: Path):
    machine = MachineSpec("macos-old", hz=977.0, skew_ppm=0.0, habit="steady")
    t_s, ticks = _clock(max(wire.by_flow(_packets(tmp_path, machine)).values(), key=len))
    assert np.polyfit(t_s, ticks, 1)[0] == pytest.approx(977.0, abs=0.01)


def test_a_reboot_begins_a_new_line_and_new_counters(tmp_path: Path):
    machine = MachineSpec("linux-4.9", skew_ppm=0.0, uptime_s=5000.0, reboots_at_s=(100.0,))
    opened = wire.first_syns(_packets(tmp_path, machine))
    before = [p for p in opened if p.time_ns < _START_NS + 100 * 10**9]
    after = [p for p in opened if p.time_ns > _START_NS + 125 * 10**9]
    assert len(before) + len(after) == len(opened)
    assert before and after
    # jiffies begin 300 s before they wrap; the machine was up again at 125 s
    for group, boot_s in ((before, -5000.0), (after, 125.0)):
        for p in group:
            up_s = (p.time_ns - _START_NS) * 1e-9 - boot_s
            expected = (up_s - 300.0) * 250.0
            assert abs((p.tsval - expected + 2**31) % 2**32 - 2**31) < 3.0


def test_the_clock_stands_still_while_the_machine_sleeps(tmp_path: Path):
    machine = MachineSpec("linux-4.9", skew_ppm=0.0, suspensions=(Suspension(80.0, 90.0),))
    packets = _packets(tmp_path, machine)
    lines = [p.tsval - (p.time_ns - _START_NS) * 1e-9 * 250.0 for p in wire.first_syns(packets)]
    asleep = [p for p in wire.sent(packets) if 81 < (p.time_ns - _START_NS) * 1e-9 < 170]
    assert not asleep
    unwrapped = sorted(x % 2**32 for x in lines)
    assert _spread(unwrapped) == pytest.approx(90.0 * 250.0, abs=3.0)


def test_ntp_holds_a_clock_that_would_wander():
    def rates_ppm(*, disciplined: bool) -> np.ndarray:
        oscillator = Oscillator(disciplined, 0.0, wander_ppm_per_sqrt_s=0.05)
        clock = Clock(oscillator, 0.0, 0.0, 40_000.0, Random(3))
        at_s = np.arange(0.0, 40_000.0, 100.0)
        return (np.diff([clock.counted_s(t) for t in at_s]) / 100.0 - 1.0) * 1e6

    assert np.abs(rates_ppm(disciplined=True)).max() < 0.5
    assert np.abs(rates_ppm(disciplined=False)).max() > 2.0
