"""Boxes -> profiles and packets, through a capture file as users have it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

import wiretell
from lab.baselines.line import read_packets
from lab.sim.sampled import Box, Sampling, sample
from lab.sim.write import write_pcap
from wiretell.model.profiles import ProfileSet
from wiretell.pipeline import profiles


def profiled(
    boxes: tuple[Box, ...], sampling: Sampling, seed: int, *, packets: bool = False
) -> tuple[ProfileSet, pl.DataFrame | None]:
    """Profiles of the boxes' machines by the whole tool; `packets` too, where they are wanted."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "sampled.pcap"
        write_pcap(path, sample(boxes, sampling, seed))
        report = wiretell.analyze(path)
        decoded = read_packets(path) if packets else None
    return profiles(report, path.name), decoded
