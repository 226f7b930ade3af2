"""What the page tells in words of a machine, a flow, an address: HTML, all of it escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jinja2
import polars as pl

from wiretell.explore.judging import Judging
from wiretell.exporters.escape import shortened, visible
from wiretell.exporters.templates import environment
from wiretell.model.report import Report

MOST_NAMES = 12
MOST_TEXT = 160
_SHOWN_EVIDENCE = 8


def address_story(report: Report | None) -> str:
    """The head count of the address that `report` is of, and its reasons; None: of none."""
    rows = report.addresses.to_dicts() if report is not None else []
    return render("address", row=rows[0] if rows else None)


def overview(addresses: pl.DataFrame, n_flows: int, is_judged: bool) -> str:
    """How much the report holds."""
    return render(
        "overview",
        n_machines=int(addresses["n_devices"].sum() or 0),
        n_addresses=addresses.height,
        n_flows=n_flows,
        is_judged=is_judged,
    )


def judging(state: Judging) -> str:
    """How far the telling apart of machines is."""
    return render(
        "judging",
        words=state.words(),
        is_error=state.is_over,
        share=state.n_done / state.n_all if state.n_all else 0.0,
    )


def device_story(report: Report, device: str, sides: pl.DataFrame) -> str:
    """A machine: clock, stack, programs, names, domains, activity, reasons."""
    rows = report.devices.filter(pl.col("device") == device).to_dicts()
    if not rows:
        return render("nothing", text="This machine is gone: it was merged or its flows moved.")
    own = sides.filter(pl.col("machine") == device)
    touching = (pl.col("a") == device) | (pl.col("b") == device)
    evidence = report.evidence.filter(touching).sort(pl.col("bits").abs(), descending=True)
    return render(
        "device",
        row=rows[0],
        domains=_commonest(own["sni"]),
        ja4=_commonest(own["ja4"]),
        peers=_commonest(own["dst"]),
        ports=_commonest(own.filter(pl.col("opened"))["dst_port"].cast(pl.String)),
        hours=_activity(own),
        evidence=evidence.head(_SHOWN_EVIDENCE).to_dicts(),
    )


def flow_story(report: Report, row: Mapping[str, Any]) -> str:
    """One flow side: ends, volume, what it said, whose it is and why."""
    flow = report.flows.filter(pl.col("flow_id") == row["flow_id"]).to_dicts()
    member = report.members.filter(
        (pl.col("flow_id") == row["flow_id"]) & (pl.col("side") == row["side"])
    ).to_dicts()
    if not flow or not member:
        return render("nothing", text="This flow is not in the report.")
    facts = report.observations.filter(
        (pl.col("flow_id") == row["flow_id"]) & (pl.col("side") == row["side"])
    )
    said = [f for f in facts.to_dicts() if f["text"] is not None or f["value"] is not None]
    return render("flow", flow=flow[0], side=row, member=member[0], facts=said[:30])


def message(text: str, *, is_error: bool = False) -> str:
    """A line for the analyst."""
    return render("message", text=text, is_error=is_error)


def drawn(
    thinned: Sequence[str],
    absent: Sequence[str],
    *,
    has_points: bool,
    meant: Sequence[str] = (),
) -> str:
    """What the plots do not show; `thinned` show a part of their points, `absent` have none.

    `meant` are tests that the filter may have meant, where no flow fits it.
    """
    return render("drawn", thinned=thinned, absent=absent, has_points=has_points, meant=meant)


def nothing_to_draw() -> str:
    """There are no flows at all."""
    text = "There is nothing to draw: no packet belongs to a flow. Is a capture filter too narrow?"
    return render("nothing", text=text)


def history(
    lines: Sequence[str], n_undone: int, saved: str | None, promised: str | None = None
) -> str:
    """What was edited, and where it is kept; `promised`: where it will be."""
    return render("history", lines=lines, n_undone=n_undone, saved=saved, promised=promised)


def selection(
    n_flows: int, devices: Sequence[str], n_bytes: int, n_listed: int = 0, n_all: int = 0
) -> str:
    """How much is selected, and how many of the flows to be listed are."""
    return render(
        "selection",
        n_flows=n_flows,
        devices=devices,
        n_bytes=n_bytes,
        n_listed=n_listed,
        n_all=n_all,
    )


def _commonest(values: pl.Series) -> list[tuple[str, int]]:
    counts = Counter(value for value in values.to_list() if value is not None)
    return counts.most_common(MOST_NAMES)


def _activity(own: pl.DataFrame) -> list[tuple[float, int]]:
    """Flows begun in each twelfth of the time it was seen: share of the fullest, number."""
    if own.is_empty():
        return []
    start, end = int(own["first_ns"].min()), int(own["last_ns"].max())  # type: ignore[arg-type]
    width = max(end - start, 1)
    place = ((own["first_ns"] - start) * 24 // (width + 1)).to_list()
    counts = Counter(place)
    most = max(counts.values())
    return [(counts[n] / most, counts[n]) for n in range(24)]


def render(name: str, **values: Any) -> str:
    """A story from its template; every value is escaped."""
    return _templates().get_template(f"{name}.html.jinja").render(**values)


@cache
def _templates() -> jinja2.Environment:
    made = environment("explore/stories")
    made.filters.update(
        visible=lambda text: shortened(visible(str(text or "")), MOST_TEXT),
        whole=lambda text: shortened(visible(str(text or "")), 1000),
    )
    return made
