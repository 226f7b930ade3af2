"""Why a plot shows no point, for people: which of the filters left none."""

from __future__ import annotations

from collections.abc import Sequence

from wiretell.exporters.escape import visible
from wiretell.exporters.quantity import count
from wiretell.expressions.parser import parse
from wiretell.model.report import Report
from wiretell.plots.columns import names
from wiretell.plots.scene import Scene
from wiretell.plots.sides import Sides


def why_nothing(
    report: Report, made: Scene, sides: Sides, *, addresses: Sequence[str] = (), where: str = ""
) -> str:
    """The reason in a sentence; empty where points are drawn.

    `addresses` are the only senders asked for (`--address`), `where` is the expression beside.
    """
    if not made.why_empty:
        return ""
    cloud, counters = made.cloud, report.provenance.get("counters") or {}
    n_frames, n_left_out = counters.get("frames", 0), counters.get("filtered_out", 0)
    bpf = report.provenance.get("filter")
    if bpf and n_frames and n_left_out == n_frames:
        return f"none of {_packets(n_frames)} fits the capture filter: {bpf}."
    if cloud.n_points:
        return "all points lie outside the axes (--y-range)."
    if made.not_kept or cloud.n_missing or not cloud.n_filtered:
        return made.why_empty
    left = f" that the capture filter left ({bpf})" if bpf else ""
    asked = f"{where}{_meant(where, sides)}"
    if addresses:
        listed = ", ".join(addresses)
        if not sides.holds(parse(f"src in ({listed})", names())).any():
            return f"no packet{left} was sent by --address {listed}."
        if where:
            return f"none of the packets that {listed} sent fits --where: {asked}"
    return f"none of {_packets(cloud.n_filtered)}{left} fits --where: {asked}"


def _meant(where: str, sides: Sides) -> str:
    found = sides.meant(parse(where, names())) if where else ()
    return visible(f"; did you mean {' or '.join(found)}?") if found else ""


def _packets(n: int) -> str:
    return count(n, "packet", "packets")
