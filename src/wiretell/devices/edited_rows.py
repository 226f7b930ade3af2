"""Rows of DEVICES and ADDRESSES after an analyst's edit: what can be told of the new groups.

What adds up is added up again from the flows. What was measured of all flows together (a clock,
a confidence) is kept only where it still holds, else it is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from wiretell.devices.describe import texts_by_count
from wiretell.devices.side_columns import NAME_QUANTITIES
from wiretell.model.report import Report

Row = dict[str, Any]

EDITED = "edited"
"""Verdict on an address whose machines are not those that the engine told apart."""

_VOLUMES = ("n_flows", "bytes_out", "bytes_in")
_MEASURED = ("clock_hz", "skew_ppm", "skew_error_ppm")
_REGIMES = ("clock_regime", "ipid_regime", "port_regime")
_CONFIDENCES = ("confidence", "pair_confidence", "stray_confidence")


def merged_row(rows: Sequence[Mapping[str, Any]], reason: str) -> Row:
    """One machine of several; `rows` by number, the first keeps its id."""
    largest = max(rows, key=lambda row: row["n_flows"] or 0)
    # What told one of them from another is no reason of the one machine that they are now.
    apart = tuple(f"not {row['device']}:" for row in rows)
    reasons = [text for text in _joined(rows, "reasons") if not text.startswith(apart)]
    return {
        **largest,
        "device": rows[0]["device"],
        "n_machines": 1,
        "n_machines_low": 1,
        "n_machines_high": 1,
        **dict.fromkeys(_CONFIDENCES),
        "names": _joined(rows, "names"),
        "user_agents": _joined(rows, "user_agents"),
        "boots": sum(row["boots"] or 1 for row in rows),
        **{
            name: sum(row[name] or 0 for row in rows)
            for name in ("n_flows", "bytes_out", "bytes_in")
        },
        "first_ns": min(row["first_ns"] for row in rows),
        "last_ns": max(row["last_ns"] for row in rows),
        "reasons": [reason, *reasons],
    }


def part_row(
    report: Report, own: pl.DataFrame, whole: Mapping[str, Any], device: str, reason: str
) -> Row:
    """A machine that was split off `whole`; `own` are its rows of MEMBERS."""
    row = {
        **whole,
        **dict.fromkeys(_MEASURED),
        **dict.fromkeys(_REGIMES, "unknown"),
        "device": device,
        "n_machines": 1,
        "n_machines_low": 1,
        "n_machines_high": 1,
        "boots": 1,
        "reasons": [],
    }
    return rest_row(report, own, row, reason)


def rest_row(report: Report, own: pl.DataFrame, row: Mapping[str, Any], reason: str) -> Row:
    """`row` with everything that adds up made anew from `own`, its rows of MEMBERS now."""
    flows = own.select("flow_id", "side").join(
        report.flows.select(
            *("flow_id", "first_ns", "last_ns", "orig_ip_bytes", "resp_ip_bytes"),
            *("orig_ttl", "resp_ttl", "orig_syn"),
        ),
        on="flow_id",
    )
    is_orig = pl.col("side") == 0
    sums = flows.select(
        bytes_out=pl.when(is_orig).then("orig_ip_bytes").otherwise("resp_ip_bytes").sum(),
        bytes_in=pl.when(is_orig).then("resp_ip_bytes").otherwise("orig_ip_bytes").sum(),
        first_ns=pl.col("first_ns").min(),
        last_ns=pl.col("last_ns").max(),
    ).to_dicts()[0]
    said = _said(report, own)
    ttl = pl.when(is_orig).then("orig_ttl").otherwise("resp_ttl")
    return {
        **row,
        **sums,
        **dict.fromkeys(_CONFIDENCES),
        "n_flows": own.height,
        "names": texts_by_count(said, NAME_QUANTITIES),
        "user_agents": texts_by_count(said, ("user_agent",)),
        "ttl": _mode(flows.select(ttl).to_series()),
        "syn": _mode(flows.filter(is_orig)["orig_syn"]),
        "reasons": [reason, *(row["reasons"] or [])],
    }


def address_row(row: Mapping[str, Any], change: int, reason: str) -> Row:
    """The count with the analyst's change; the engine's interval, widened where it must hold it.

    The engine's verdict and its reasons are about other machines: what it told is one sentence,
    after the last edit and before those made earlier.
    """
    said = row["reasons"] or []
    if row["verdict"] == EDITED:
        told, earlier = said[1:2], [*said[:1], *said[2:]]
    else:
        told, earlier = [_told_before(row)], []
    count = max(1, (row["n_devices"] or 1) + change)
    chances = row["count_probabilities"] or []
    return {
        **row,
        "n_devices": count,
        "low": min(row["low"] or count, count),
        "high": max(row["high"] or count, count),
        "probability": chances[count - 1] if count <= len(chances) else None,
        "verdict": EDITED,
        "reasons": [reason, *told, *earlier],
    }


def _told_before(row: Mapping[str, Any]) -> str:
    machines = "machine" if row["n_devices"] == 1 else "machines"
    told = f"{row['n_devices']} {machines} (90 %: {row['low']}-{row['high']})"
    return f"Before the edits it was told: {told}, {row['verdict']}."


def _said(report: Report, own: pl.DataFrame) -> Counter[tuple[str, str]]:
    wanted = [*NAME_QUANTITIES, "user_agent"]
    rows = report.observations.filter(
        pl.col("quantity").is_in(wanted) & pl.col("text").is_not_null()
    ).join(own, on=["flow_id", "side"], how="semi")
    return Counter(zip(rows["quantity"].to_list(), rows["text"].to_list(), strict=True))


def _joined(rows: Sequence[Mapping[str, Any]], column: str) -> list[str]:
    return list(dict.fromkeys(text for row in rows for text in row[column] or []))


def _mode(values: pl.Series) -> Any:
    counts = Counter(value for value in values.to_list() if value is not None)
    return min(counts, key=lambda value: (-counts[value], str(value)), default=None)
