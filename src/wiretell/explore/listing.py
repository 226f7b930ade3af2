"""Rows of the page's tables. Every text is made visible; Bokeh's cells escape HTML themselves."""

from __future__ import annotations

from typing import Any

import polars as pl

from wiretell.explore.colours import OTHERS, Colouring
from wiretell.exporters import quantity
from wiretell.exporters.escape import shortened, visible
from wiretell.exporters.selection import device_number
from wiretell.model.report import Report

Rows = dict[str, list[Any]]

MAX_TEXT = 120
MARK = "■"
NOT_YET = "…"
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}


def address_rows(addresses: pl.DataFrame) -> Rows:
    """These rows of ADDRESSES; head counts of those that are not judged yet are dots."""
    rows = addresses.to_dicts()
    return {
        "address": [row["address"] for row in rows],
        "machines": [
            f"{row['n_devices']} ({row['low']}–{row['high']})"
            if row["n_devices"] is not None
            else NOT_YET
            for row in rows
        ],
        "verdict": [row["verdict"] or "" for row in rows],
        "flows": [row["n_flows"] for row in rows],
        "key": [row["address"] for row in rows],
        "color": [""] * len(rows),
    }


def device_rows(report: Report, colours: Colouring | None) -> Rows:
    """The machines of one address by number; with their colours where these are by machine."""
    rows = report.devices.to_dicts()
    rows.sort(key=lambda row: (device_number(row["device"]), row["device"]))
    numbers = [f"#{device_number(row['device'])}" for row in rows]
    known = dict(zip(colours.labels, colours.colors, strict=True)) if colours else {}
    return {
        "mark": [MARK] * len(rows),
        "machine": numbers,
        "looks": [_look(_text(row["looks_like"])) for row in rows],
        "flows": [row["n_flows"] for row in rows],
        "clock": [_clock(row) for row in rows],
        "sure": [quantity.percent(row["confidence"]) for row in rows],
        "key": [row["device"] for row in rows],
        "color": [known.get(number, OTHERS) for number in numbers],
    }


def _look(text: str) -> str:
    """Of "Windows, says Windows 7" what parts it from others in a narrow column: the end. A name
    that an analyst gave stays.
    """
    stack, _, system = text.rpartition(", says ")
    return f"says {system}" if stack and not text.startswith("“") else text


def flow_rows(sides: pl.DataFrame, colours: Colouring, nobody: str = "none") -> Rows:
    """Rows of the side table as a list of flows; `key` is the row, `nobody` no machine."""
    rows = sides.to_dicts()
    return {
        "flow_id": [row["flow_id"] for row in rows],
        "machine": [row["device"] or nobody for row in rows],
        "time": [quantity.clock_time(row["first_ns"]) for row in rows],
        "far end": [row["dst"] for row in rows],
        "service": [_service(row) for row in rows],
        "state": [row["conn_state"] for row in rows],
        "pkts": [row["pkts"] for row in rows],
        "bytes": [row["bytes"] + row["bytes_in"] for row in rows],
        "says": [_text(row["says"]) for row in rows],
        "key": [row["row"] for row in rows],
        "color": [colours.colors[colours.kind[row["row"]]] for row in rows],
    }


def _clock(row: dict[str, Any]) -> str:
    """What tells machines apart first: the cell may be too narrow for all of it."""
    regime = row["clock_regime"] or ""
    skew = quantity.skew(row).removesuffix(" ppm")
    # Beside what it is off by, the nominal rate is meant.
    rate = f"{row['clock_hz']:.0f} Hz" if skew and row["clock_hz"] else quantity.rate(row)
    parts = (skew, rate, "" if regime == "unknown" else regime)
    return _text(", ".join(part for part in parts if part))


def _service(row: dict[str, Any]) -> str:
    name = _PROTOCOLS.get(row["proto"], str(row["proto"]))
    port = row["dst_port"] if row["opened"] else row["src_port"]
    return f"{name}/{port}" if name in {"tcp", "udp"} else name


def _text(value: str | None) -> str:
    return shortened(visible(value or ""), MAX_TEXT)
