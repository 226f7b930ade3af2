"""Clock offsets of packets lie on the skew of their machine, across its flows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import wiretell
from wiretell.exporters.plot import Plot
from wiretell.model.report import Report

OFFICE = "203.0.113.64"


@pytest.fixture(scope="module")
def report(root: Path) -> Report:
    return wiretell.analyze(root / "examples/office.pcap.zst", points=True)


def test_offsets_rise_with_the_skew_of_each_machine(report: Report) -> None:
    plot: Plot = report.plot.clock_offset(where=f"src = {OFFICE}", highlight="device")
    cloud, layers = plot.scene.cloud, plot.scene.layers
    known = report.devices.filter((pl.col("address") == OFFICE) & pl.col("skew_ppm").is_not_null())
    assert known.height == 5
    for device, skew in known.select("device", "skew_ppm").iter_rows():
        number = [layer.label for layer in layers].index(device)
        own = cloud.layer == number
        seconds = (cloud.x[own] - cloud.x[0]) / 1e9
        # Packets are late, never early: the upper half is the clock's.
        slope, level = np.polyfit(seconds, cloud.y[own], 1)
        above = cloud.y[own] >= slope * seconds + level
        slope, level = np.polyfit(seconds[above], cloud.y[own][above], 1)
        assert slope * 1e3 == pytest.approx(skew, abs=12), device
        assert np.median(np.abs(cloud.y[own][above] - slope * seconds[above] - level)) < 2.0


def test_unwrapped_values_differ_from_the_wire_by_whole_turns(report: Report) -> None:
    wire = report.plot.tsval(where=f"src = {OFFICE}").scene.cloud
    plot = report.plot.tsval_unwrapped(where=f"src = {OFFICE}")
    unwrapped = plot.scene.cloud
    assert len(unwrapped.y) == len(wire.y)
    turns = (unwrapped.y - wire.y) / 2**32
    assert np.abs(turns - np.round(turns)).max() < 1e-5


def test_without_machines_flows_have_clocks_of_their_own(root: Path) -> None:
    from wiretell.pipeline import measure

    alone = measure(root / "examples/office.pcap.zst", points=True)
    cloud = alone.plot.clock_offset(where=f"src = {OFFICE}").scene.cloud
    assert cloud.n_points > 500
    assert np.quantile(np.abs(cloud.y), 0.9) < 60
