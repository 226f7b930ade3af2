"""Flows for a person at a terminal: a line each, by the time of their start or as they end, and
the totals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from rich.text import Text

from wiretell.exporter import Options, Target
from wiretell.exporters import quantity
from wiretell.exporters.console import write_lines
from wiretell.exporters.flow_columns import ICMP, each_once, protocol
from wiretell.exporters.flow_totals import FlowTotals
from wiretell.exporters.notes import notes_on

_KEPT = (
    *("flow_id", "first_ns", "last_ns", "proto", "orig_h", "orig_p", "resp_h", "resp_p"),
    *("icmp_type", "icmp_code", "conn_state", "history"),
    *(f"{side}_{count}" for side in ("orig", "resp") for count in ("pkts", "ip_bytes")),
)
_GAP = "  "


@dataclass(frozen=True)
class _Column:
    heading: str
    width: int
    """Of most cells: what is listed before all cells are known is so wide at least."""
    right: bool = False


_COLUMNS = (
    _Column("start (UTC)", 26),
    _Column("lasted", 9, right=True),
    _Column("proto", 5),
    _Column("originator", 21),
    _Column("responder", 21),
    _Column("state", 6),
    _Column("packets", 7, right=True),
    _Column("back", 7, right=True),
    _Column("bytes", 8, right=True),
    _Column("back", 8, right=True),
    _Column("history", 7),
)


class FlowTable:
    """Keeps what a line shows, and writes all when all is known; `as_they_end`: at once.

    Then a column is as wide as it had to be so far, and flows of one batch are by their start.
    """

    def __init__(self, target: Target, options: Options, *, as_they_end: bool = False) -> None:
        self._target = target
        self._options = options
        self._batches: list[pl.DataFrame] = []
        self._totals = FlowTotals()
        self._as_they_end = as_they_end
        self._widths: list[int] | None = None

    def write(self, flows: pl.DataFrame) -> None:
        """Takes these flows."""
        self._totals.add(flows)
        if not self._as_they_end:
            self._batches.append(flows.select(_KEPT))
        elif flows.height:
            is_first = self._widths is None
            texts, self._widths = _texts(flows, self._widths or [c.width for c in _COLUMNS])
            write_lines(_styled(texts, heading=is_first), self._target, self._options)

    def close(self, provenance: Mapping[str, Any]) -> None:
        """Writes the table, the totals and what was lost."""
        write_lines(self._lines(provenance), self._target, self._options)

    def abandon(self) -> None:
        """Nothing was written yet."""

    def _lines(self, provenance: Mapping[str, Any]) -> Iterator[Text]:
        if self._batches:
            texts, _ = _texts(pl.concat(self._batches), [0] * len(_COLUMNS))
            yield from _styled(texts)
        if self._batches or self._widths:
            yield Text()
        yield from totals_lines(self._totals, provenance)


def totals_lines(totals: FlowTotals, provenance: Mapping[str, Any]) -> Iterator[Text]:
    """Totals and notes, for people."""
    for words in totals.words(provenance):
        yield Text(words, style="dim")
    for note in notes_on(provenance):
        yield Text(f"! {note}", style="red")


def _texts(flows: pl.DataFrame, widths: list[int]) -> tuple[pl.Series, list[int]]:
    """The heading and a line for each flow, by its start; the widths that the columns took."""
    cells = [
        pl.concat([pl.Series([column.heading]), cell.rename("")])
        for cell, column in zip(_cells(flows.sort("first_ns", "flow_id")), _COLUMNS, strict=True)
    ]
    taken = [
        max(width, int(cell.str.len_chars().max() or 0))  # type: ignore[arg-type]
        for cell, width in zip(cells, widths, strict=True)
    ]
    table = pl.DataFrame(
        [
            _aligned(cell, column, width).alias(str(i))
            for i, (cell, column, width) in enumerate(zip(cells, _COLUMNS, taken, strict=True))
        ]
    )
    texts = table.select(pl.concat_str(pl.all(), separator=_GAP).str.strip_chars_end())
    return texts.to_series(), taken


def _styled(texts: pl.Series, *, heading: bool = True) -> Iterator[Text]:
    if heading:
        yield Text(texts[0], style="bold")
    for chunk in texts[1:].to_frame().iter_slices(10_000):
        yield Text("\n".join(chunk.to_series()))


def _cells(flows: pl.DataFrame) -> list[pl.Series]:
    """The texts of each column, without the heading."""
    is_icmp = pl.col("proto").is_in(ICMP)
    named = flows.select(
        proto=protocol(),
        orig=pl.when(is_icmp).then(pl.col("orig_h")).otherwise(_end("orig")),
        resp=pl.when(is_icmp).then(pl.col("resp_h")).otherwise(_end("resp")),
        state=pl.when(is_icmp)
        .then(pl.format("type {}/{}", "icmp_type", "icmp_code"))
        .otherwise(pl.col("conn_state"))
        .fill_null(""),
        lasted=pl.col("last_ns") - pl.col("first_ns"),
        history=pl.col("history").fill_null(""),
    )
    dates = each_once(flows["first_ns"] // quantity.NS_PER_S, _second)
    micro = (flows["first_ns"] // 1000 % 1_000_000).cast(pl.String).str.zfill(6)
    start = pl.select(pl.when(dates != "").then(dates + "." + micro).otherwise(dates)).to_series()
    return [
        start.fill_null(""),
        each_once(named["lasted"], lasted),
        named["proto"],
        named["orig"],
        named["resp"],
        named["state"],
        flows["orig_pkts"].cast(pl.String),
        flows["resp_pkts"].cast(pl.String),
        each_once(flows["orig_ip_bytes"], quantity.size),
        each_once(flows["resp_ip_bytes"], quantity.size),
        named["history"],
    ]


def _end(side: str) -> pl.Expr:
    """Address and port, in brackets where the address has colons of its own."""
    address, port = pl.col(f"{side}_h"), pl.col(f"{side}_p")
    bracketed = pl.format("[{}]:{}", address, port)
    plain = pl.format("{}:{}", address, port)
    return pl.when(address.str.contains(":", literal=True)).then(bracketed).otherwise(plain)


def lasted(time_ns: int) -> str:
    """`3.2 ms`, `12.50 s`, `4 min 05 s`, `3 h 12 min`: a duration as people read it."""
    seconds = time_ns / quantity.NS_PER_S
    if seconds <= 0:
        return "0 s"
    if seconds < 1:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 100:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _second(second: int) -> str:
    time_ns = second * quantity.NS_PER_S
    return f"{quantity.date(time_ns)} {quantity.clock_time(time_ns)}"


def _aligned(cells: pl.Series, column: _Column, width: int) -> pl.Series:
    return cells.str.pad_start(width) if column.right else cells.str.pad_end(width)
