"""The writers of flows by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from wiretell.errors import ConfigError
from wiretell.exporter import Options, Target, text_stream
from wiretell.exporters import quantity
from wiretell.exporters.console import write_lines
from wiretell.exporters.escape import visible
from wiretell.exporters.export_target import parse_target
from wiretell.exporters.flow_export import FlowExport
from wiretell.exporters.flow_totals import FlowTotals
from wiretell.exporters.flow_writer import FlowCsv, FlowWriter, JsonLines
from wiretell.exporters.message_sink import DEFAULT_RATE

_LEFT_OUT = {
    "ipv6_left_out": "flow of IPv6 left out: NetFlow v5 has none",
    "times_clamped": "time beyond the reach of the exporter's clock",
}


class _Totals:
    """Only the totals, in words or as one JSON object."""

    def __init__(self, target: Target, options: Options, *, as_json: bool) -> None:
        self._target = target
        self._options = options
        self._as_json = as_json
        self._totals = FlowTotals()

    def write(self, flows: pl.DataFrame) -> None:
        """Counts these flows."""
        self._totals.add(flows)

    def close(self, provenance: Mapping[str, Any]) -> None:
        """Writes the totals."""
        from wiretell.exporters.flow_table import totals_lines  # noqa: PLC0415 - loads rich

        if not self._as_json:
            write_lines(totals_lines(self._totals, provenance), self._target, self._options)
            return
        with text_stream(self._target) as stream:
            stream.write(self._totals.json(provenance))

    def abandon(self) -> None:
        """Nothing was written yet."""


class _Export(FlowExport):
    """A flow export as a writer among others."""

    def close(self, provenance: Mapping[str, Any] | None = None) -> None:
        """No more flows."""
        super().close()


def writer(
    kind: str,
    target: Target,
    options: Options,
    entries: Callable[[], pl.DataFrame] | None = None,
    *,
    as_they_end: bool = False,
) -> FlowWriter:
    """table, conntrack, totals, totals-json, json, csv, parquet, zeek or zeek-json.

    `entries` gives the connection tracker's table where there is one: `conntrack` lists it.
    `as_they_end`: the table is written as flows come, and not by the time of their start.

    Raises:
        ConfigError: the target is no place for this form.
        OSError: the target cannot be written.
    """
    if kind == "parquet":
        from wiretell.exporters.flow_parquet import FlowParquet  # noqa: PLC0415

        if not isinstance(target, Path):
            raise ConfigError("Parquet is a folder; it cannot go to standard output")
        return FlowParquet(target)
    if kind in ("zeek", "zeek-json"):
        from wiretell.exporters.zeek import ZeekJson, ZeekTsv  # noqa: PLC0415

        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
        return ZeekTsv(target) if kind == "zeek" else ZeekJson(target)
    if kind == "conntrack" and entries is not None:
        from wiretell.exporters.conntrack_entries import ConntrackEntries  # noqa: PLC0415

        return ConntrackEntries(target, entries)
    if kind == "conntrack":
        from wiretell.exporters.conntrack_list import ConntrackList  # noqa: PLC0415

        return ConntrackList(target)
    if kind == "table":
        from wiretell.exporters.flow_table import FlowTable  # noqa: PLC0415

        return FlowTable(target, options, as_they_end=as_they_end)
    if kind in ("totals", "totals-json"):
        return _Totals(target, options, as_json=kind == "totals-json")
    return {"json": JsonLines, "csv": FlowCsv}[kind](target)


def export(word: str, messages_per_s: int | None) -> FlowWriter:
    """The writer of `--export`. Raises ConfigError, OSError."""
    return _Export(parse_target(word), messages_per_s=messages_per_s or DEFAULT_RATE)


def tells_notes(made: FlowWriter) -> bool:
    """Whether what it writes says what was lost."""
    from wiretell.exporters.flow_table import FlowTable  # noqa: PLC0415

    return isinstance(made, (_Totals, FlowTable))


def export_words(place: str, made: FlowWriter) -> str:
    """What was written where."""
    if not isinstance(made, _Export):
        return f"wrote {place}"
    counters = made.counters
    parts = [quantity.count(counters["records"], "record")]
    parts.append(quantity.count(counters["messages"], "message"))
    parts += [
        f"{counters[name]} {words}" for name, words in _LEFT_OUT.items() if counters.get(name)
    ]
    verb = "wrote" if made.target.path else "sent"
    return visible(f"{verb} {', '.join(parts)} to {place}")
