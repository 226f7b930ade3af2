"""What was probed as comma-separated values (RFC 4180, line ends LF): one row per host."""

from __future__ import annotations

import polars as pl

from wiretell.exporter import Target, text_stream
from wiretell.model.probe import ProbeReport

CLOCK = ("source", "n_readings", "span_s", "rate_hz", "nominal_hz", "skew_ppm", "skew_se_ppm",
         "quality", "quality_reason", "countermeasure")  # fmt: skip


def write(told: ProbeReport, target: Target) -> None:
    """Writes a header line and the rows: `probes` with the main columns of `clocks`."""
    clocks = told.clocks.select(CLOCK)
    rows = pl.concat([told.probes, clocks], how="horizontal")
    with text_stream(target) as stream:
        stream.write(rows.write_csv(float_precision=4))
