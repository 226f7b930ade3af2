"""Rows of the clocks table from made-up flows: rates, regimes, boot times, what hides a clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from sides_builder import CLIENT, START_NS, ClockOf, Wire, ns, ticking

from wiretell.findings.clocks.report import clock_report
from wiretell.model.clocks import CLOCKS, CURVES, POINTS, ClockReport
from wiretell.model.report import Report
from wiretell.model.tables import ADDRESSES, DEVICES, EVIDENCE, MEMBERS, OBSERVATIONS, SAMPLES

WINDOWS_TTL_SYN = "4:127+1:0:1460:64240,8:mss,nop,ws,nop,nop,sok,ts:df,id+:0"


class Watched:
    """A wire whose packets are kept as samples too, and whose flows have named machines."""

    def __init__(self, seed: int = 1) -> None:
        self.wire = Wire()
        self.samples: list[tuple[int, int, int, int | None, int]] = []
        self.members: list[dict[str, Any]] = []
        self.rng = np.random.default_rng(seed)

    def call(
        self,
        start_s: float,
        clock: ClockOf,
        *,
        length_s: float = 60.0,
        every_s: float = 0.5,
        late_s: float = 0.002,
        device: str | None = None,
        **columns: Any,
    ) -> int:
        n = max(int(length_s / every_s), 2)
        times = np.sort(self.rng.uniform(0.0, length_s, n)).tolist()
        waits = dict(
            zip([start_s + t for t in times], self.rng.exponential(late_s, n), strict=True)
        )
        flow = self.wire.call(
            start_s, clock=clock, times=times, delay=lambda t: float(waits[t]), **columns
        )
        rows = [(flow, 0, ns(t + waits[t]), None, clock(t)) for t in waits]
        self.samples += sorted(rows, key=lambda row: row[2])
        if device is not None:
            self.members.append(
                {"flow_id": flow, "side": 0, "address": CLIENT, "device": f"{CLIENT}#{device}"}
            )
        return flow

    def report(self) -> Report:
        samples = pl.DataFrame(self.samples, schema=SAMPLES.schema, orient="row")
        return Report(
            flows=self.wire.flows(),
            samples=samples,
            observations=OBSERVATIONS.empty(),
            evidence=EVIDENCE.empty(),
            addresses=ADDRESSES.empty(),
            devices=DEVICES.empty(),
            members=MEMBERS.frame(self.members),
            provenance={},
        )

    def clocks(self, level: str = "address", **options: Any) -> list[dict[str, Any]]:
        rows = clock_report(self.report(), level=level, **options).clocks
        return rows.filter(pl.col("address") == CLIENT).to_dicts()


def steady(watched: Watched, clock_of: Callable[[int], ClockOf], n: int, **columns: Any) -> None:
    for i in range(n):
        peer = f"198.51.100.{i % 3 + 1}"
        watched.call(70.0 * i, clock_of(i), peer=peer, port=40_000 + i, **columns)


def test_a_clock_with_one_offset_has_its_skew_regime_and_boot_time() -> None:
    watched = Watched()
    clock = ticking(1000.0, offset=5_000_000.0, skew_ppm=42.0)
    steady(watched, lambda _: clock, 10)
    (row,) = watched.clocks()
    assert row["best_ppm"] == pytest.approx(42.0, abs=4.0 * row["best_se_ppm"])
    assert row["best_se_ppm"] < 1.0
    assert row["robust_ppm"] == pytest.approx(row["skew_ppm"], abs=1.5)
    assert (row["quality"], row["offset_regime"]) == ("good", "per host")
    assert row["boot_ns"] == pytest.approx(START_NS - 5_000 * 10**9, abs=10**9)
    assert row["discipline"] == "free"
    assert (row["countermeasure"], row["step_ms"]) == ("", [])
    assert row["n_flows"] == 10


def test_random_offsets_make_the_boot_time_unknowable_and_leave_the_rate() -> None:
    watched = Watched()
    offsets = np.random.default_rng(2).uniform(0, 2**32, 12)
    steady(watched, lambda i: ticking(1000.0, offsets[i], -20.0), 12)
    (row,) = watched.clocks()
    assert row["boot_ns"] is None
    assert row["boot"].startswith("unknowable: random offsets")
    assert row["best_ppm"] == pytest.approx(-20.0, abs=4.0 * row["best_se_ppm"])
    assert row["countermeasure"] == ""  # stacks that tick at 1000 Hz do this themselves


def test_offsets_renewed_by_a_filter_are_told_by_the_rate_of_an_old_stack() -> None:
    watched = Watched()
    offsets = np.random.default_rng(2).uniform(0, 2**32, 12)
    steady(watched, lambda i: ticking(100.0, offsets[i]), 12)
    (row,) = watched.clocks()
    assert row["countermeasure"] == "re-modulated"
    assert "pf" in row["countermeasure_reason"]


def test_two_machines_of_one_address_are_several_clocks_and_two_devices() -> None:
    watched = Watched()
    rng = np.random.default_rng(3)
    for i in range(16):
        skew = (60.0, -40.0)[i % 2]
        clock = ticking(1000.0, rng.uniform(0, 2**32), skew)
        watched.call(30.0 * i, clock, port=40_000 + i, device=str(i % 2 + 1))
    (row,) = watched.clocks()
    assert row["quality"] == "several clocks"
    assert row["best_ppm"] is None
    one, other = watched.clocks("device")
    assert (one["subject"], other["subject"]) == (f"{CLIENT}#1", f"{CLIENT}#2")
    for row, skew in ((one, 60.0), (other, -40.0)):
        assert row["best_ppm"] == pytest.approx(skew, abs=4.0 * row["best_se_ppm"])
        assert row["quality"] == "good"


def test_a_step_is_found_and_taken_out() -> None:
    watched = Watched()

    def clock(t: float) -> int:
        return int(1000.0 * (t * (1.0 + 15e-6) + (0.3 if t > 300.0 else 0.0))) + 77

    watched.call(0.0, clock, length_s=600.0)
    (row,) = watched.clocks("flow")
    assert row["step_ms"] == pytest.approx([300.0], abs=3.0)
    assert row["step_ns"][0] == pytest.approx(ns(300.0), abs=5 * 10**9)
    assert row["best_ppm"] == pytest.approx(15.0, abs=max(1.0, 4.0 * row["best_se_ppm"]))
    assert "a step taken out" in row["quality_reason"]


def test_packets_that_are_late_for_a_while_are_no_step_of_the_clock() -> None:
    watched = Watched()
    watched.rng = np.random.default_rng(9)
    times = np.sort(watched.rng.uniform(0.0, 600.0, 1200)).tolist()
    clock = ticking(1000.0, 77.0, 15.0)

    def wait(t: float) -> float:
        return float(watched.rng.exponential(0.001)) + (0.05 if 200.0 < t < 260.0 else 0.0)

    waits = {t: wait(t) for t in times}
    flow = watched.wire.call(0.0, clock=clock, times=times, delay=lambda t: waits[t])
    rows = [(flow, 0, ns(t + waits[t]), None, clock(t)) for t in times]
    watched.samples += sorted(rows, key=lambda row: row[2])
    (row,) = watched.clocks("flow")
    assert row["step_ms"] == []
    assert row["best_ppm"] == pytest.approx(15.0, abs=max(1.0, 4.0 * row["best_se_ppm"]))


def test_a_clock_read_at_its_ticks_is_not_seen_to_wander() -> None:
    """Asked four times a second, the same place of a tick is met again and again."""
    watched = Watched()
    times = (np.arange(1200) * 0.25).tolist()
    clock = ticking(1000.0, 0.4, 12.0)
    waits = {t: 0.0001 + float(watched.rng.exponential(0.00005)) for t in times}
    flow = watched.wire.call(0.0, clock=clock, times=times, delay=lambda t: waits[t])
    watched.samples += [(flow, 0, ns(t + waits[t]), None, clock(t)) for t in times]
    (row,) = watched.clocks("flow")
    assert row["wander"].startswith("none seen")
    assert (row["wander_ppm"], row["wander_ms"], row["drift_ppm_per_sqrt_h"]) == (None,) * 3
    assert row["best_ppm"] == pytest.approx(12.0, abs=1.0)


def test_what_hides_a_clock_is_named() -> None:
    def name(clock: ClockOf | None, **columns: Any) -> str:
        watched = Watched()
        for i in range(6):
            if clock is None:
                watched.wire.call(70.0 * i, port=40_000 + i, **columns)
            else:
                watched.call(70.0 * i, clock, port=40_000 + i, **columns)
        return str(watched.clocks()[0]["countermeasure"])

    assert name(None) == "off"
    assert name(None, orig_ts_zero=9) == "zero"
    assert name(lambda _: 7) == "constant"
    assert name(lambda t: int(t * 1000.0) // 40 * 40) == "quantised"
    assert name(ticking(1000.0)) == ""
    assert name(ticking(1000.0), orig_ts_back=30) == "jittered"


def test_one_clock_in_the_handshakes_of_two_kinds_of_stack_is_rewritten() -> None:
    watched = Watched()
    clock = ticking(1000.0, 123_456.0)
    for i in range(10):
        unlike = {"syn": WINDOWS_TTL_SYN, "ttl": 127} if i % 2 else {}
        peer = f"198.51.100.{i % 3 + 1}"
        watched.call(70.0 * i, clock, peer=peer, port=40_000 + i, **unlike)
    (row,) = watched.clocks()
    assert row["countermeasure"] == "rewritten"
    assert "TTL 64 and 128" in row["countermeasure_reason"]


def test_how_much_longer_is_told_for_the_wanted_precision() -> None:
    watched = Watched()
    watched.call(0.0, ticking(1000.0), length_s=60.0, late_s=0.01)
    (loose,) = watched.clocks("flow", precision_ppm=50.0)
    (tight,) = watched.clocks("flow", precision_ppm=1.0)
    assert loose["more_s"] == 0.0
    assert 60.0 < tight["more_s"] < 3600.0
    assert tight["advice"].startswith("another ")


def test_a_burst_does_not_tell_how_much_longer_it_takes() -> None:
    watched = Watched()
    watched.call(0.0, ticking(1000.0), length_s=0.5, every_s=0.01)
    (row,) = watched.clocks("flow")
    assert row["best_se_ppm"] > 1.0
    assert row["more_s"] is None
    assert "not known" in row["advice"]


def test_machines_that_all_go_to_one_destination_do_not_show_an_offset_for_each() -> None:
    def regimes(*peers: str) -> set[str]:
        watched = Watched()
        one, other = ticking(1000.0, 5e6, 20.0), ticking(1000.0, 9e8, -20.0)
        for i in range(7):
            to = peers[0] if i else peers[-1]
            clock = one if i else other
            watched.call(70.0 * i, clock, peer=to, port=40_000 + i, device="1" if i else "2")
        return {row["offset_regime"] for row in watched.clocks("device")}

    assert "per destination" in regimes("198.51.100.1", "198.51.100.2")
    assert "per destination" not in regimes("198.51.100.1")


def test_curves_and_points_belong_to_the_clocks_and_keep_to_their_schemas() -> None:
    watched = Watched()
    watched.call(0.0, ticking(1000.0, 0.0, 30.0), length_s=900.0)
    found = clock_report(watched.report(), level="address")
    assert found.clocks.schema == CLOCKS.schema
    assert found.curves.schema == CURVES.schema
    assert found.points.schema == POINTS.schema
    assert found.curves.height >= 3
    near = (found.curves["rate_ppm"] - 30.0).abs() < 5.0 * found.curves["rate_se_ppm"]
    assert near.all()
    assert set(found.points["clock"]) == {f"{CLIENT} tcp_timestamp"}
    assert found.points["offset_ms"].max() == pytest.approx(27.0, abs=3.0)
    assert 2 <= found.points["is_hull"].sum() < 60


def test_nothing_at_all_gives_empty_tables() -> None:
    found: ClockReport = clock_report(Watched().report(), level="flow")
    assert [frame.height for frame in found.tables().values()] == [0, 0, 0]
    with pytest.raises(ValueError, match="no level"):
        clock_report(Watched().report(), level="host")


def test_a_clock_among_flows_without_timestamps_is_not_off() -> None:
    watched = Watched()
    steady(watched, lambda _: ticking(250.0, 5_000.0), 3)
    for i in range(60):
        watched.wire.call(3.0 * i, port=50_000 + i, syn=WINDOWS_TTL_SYN, ttl=127)
    (row,) = watched.clocks()
    assert row["nominal_hz"] == 250.0
    assert row["countermeasure"] == ""
    assert "5 minutes before" in row["boot"]
