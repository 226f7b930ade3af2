"""A folder for Wireshark: a Lua post-dissector, the judgements it reads, coloring rules.

The dissector gives every packet of a judged TCP or UDP flow the fields `wiretell.machine`,
`wiretell.peer_machine`, `wiretell.looks_like`, `wiretell.flow`, `wiretell.confidence`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import polars as pl

from wiretell.exporters.annotated import colour_filters, visible_looks
from wiretell.model.report import Report

SCRIPT, TABLE, COLOURS = "wiretell.lua", "wiretell.tsv", "colorfilters"
_PORTED = (6, 17)


def write_wireshark(report: Report, folder: Path) -> None:
    """Makes the folder and writes its three files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    script = (files(__package__) / SCRIPT).read_text(encoding="utf-8")
    (folder / SCRIPT).write_text(script, encoding="utf-8")
    (folder / COLOURS).write_text(colour_filters(report), encoding="utf-8")
    judgements(report).write_csv(
        folder / TABLE, separator="\t", include_header=False, quote_style="never", null_value=""
    )


def judgements(report: Report) -> pl.DataFrame:
    """A row for each direction of a flow: protocol, ends as the packets have them, first and last
    time in seconds, flow, the sender's machine, its confidence, the receiver's, its looks."""
    sides = report.members.select("flow_id", "side", "device", "confidence")
    # A tab or a line's end would be another cell: visible text has none.
    looks = visible_looks(report, "")
    flows = report.flows.filter(pl.col("proto").is_in(_PORTED)).select(
        "flow_id", "proto", "orig_h", "orig_p", "resp_h", "resp_p", "first_ns", "last_ns"
    )
    parts = []
    for side, me, other in ((0, "orig", "resp"), (1, "resp", "orig")):
        own = sides.filter(pl.col("side") == side).select("flow_id", "device", "confidence")
        theirs = sides.filter(pl.col("side") == 1 - side).select(
            "flow_id", pl.col("device").alias("peer")
        )
        parts.append(
            flows.join(own, on="flow_id", how="left", maintain_order="left")
            .join(theirs, on="flow_id", how="left", maintain_order="left")
            .join(looks, on="device", how="left", maintain_order="left")
            .select(
                pl.col("proto"),
                pl.col(f"{me}_h").alias("src"),
                pl.col(f"{me}_p").alias("sport"),
                pl.col(f"{other}_h").alias("dst"),
                pl.col(f"{other}_p").alias("dport"),
                pl.col("first_ns") / 1e9,
                pl.col("last_ns") / 1e9,
                "flow_id",
                "device",
                "confidence",
                "peer",
                "looks",
            )
        )
    return pl.concat(parts)
