"""Packets whose verdict is another under other settings of the tracker, and how many of which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import polars as pl

from wiretell.exporter import Target, text_stream
from wiretell.exporters import quantity
from wiretell.exporters.flow_columns import lines
from wiretell.model.column import Column, Table
from wiretell.model.packets import PACKETS
from wiretell.model.segments import SEGMENTS

_OF_PACKET = ("src", "sport", "dst", "dport", "flags")
_OF_SEGMENT = (
    *("packet", "time_ns", "flow_id", "side", "ct_state", "tcp_state", "reason", "note"),
    *("bound", "excess", "what_if_ct_state", "what_if_tcp_state", "what_if_reason"),
)


def _columns(table: Table, names: tuple[str, ...]) -> tuple[Column, ...]:
    by_name = {column.name: column for column in table.columns}
    return tuple(by_name[name] for name in names)


CHANGED = Table(
    "changed_verdicts",
    "one packet whose verdict is another under the other settings",
    (*_columns(SEGMENTS, _OF_SEGMENT), *_columns(PACKETS, _OF_PACKET)),
)


def changed(packets: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Rows of `CHANGED`, in the packets' order, of rows of PACKETS and SEGMENTS.

    Packets with the same word in both, of another entry or direction, are not among them.
    """
    told = segments.filter(pl.col("what_if_ct_state") != pl.col("ct_state"))
    joined = told.join(packets, left_on="packet", right_on="number", how="left")
    return joined.sort("packet").select(CHANGED.schema.names())


class WhatIf:
    """Writes a line per changed packet; in the listing the totals follow.

    Args:
        target: where to.
        form: "text", "json" (JSON lines of `CHANGED`) or "csv".
        names: the settings, and the other ones, as the user wrote them.
    """

    def __init__(self, target: Target, form: str, names: tuple[str, str]) -> None:
        self._form = form
        self._names = names
        self._changes: Counter[tuple[str, str]] = Counter()
        self._n_packets = 0
        self._stack = ExitStack()
        self._stream = self._stack.enter_context(text_stream(target))
        if form == "csv":
            self._stream.write(CHANGED.empty().write_csv())

    def __enter__(self) -> WhatIf:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the file, which appears if all went well."""
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def write(self, rows: pl.DataFrame, n_packets: int) -> None:
        """Takes rows of `CHANGED` and how many packets were judged."""
        self._n_packets += n_packets
        self._changes.update(rows.select("ct_state", "what_if_ct_state").iter_rows())
        if rows.is_empty():
            return
        if self._form == "csv":
            self._stream.write(rows.write_csv(include_header=False))
            return
        texts = (
            rows.select(pl.struct(pl.all()).struct.json_encode()).to_series()
            if self._form == "json"
            else rows.select(_line()).to_series()
        )
        for text in lines(texts):
            self._stream.write(text)

    def close(self) -> None:
        """Ends the listing with the totals."""
        if self._form == "text":
            self._stream.writelines(f"{text}\n" for text in self._totals())

    def _totals(self) -> Iterator[str]:
        plain, other = self._names
        n = self._changes.total()
        judged = quantity.count(self._n_packets, "packet")
        yield f"{n} of {judged} judged otherwise by {other} than by {plain}"
        for (before, after), count in self._changes.most_common():
            yield f"  {before.upper()} -> {after.upper()}: {count}"


def _line() -> pl.Expr:
    """`#12 192.0.2.1:4000 > 198.51.100.1:80 flow 3: ESTABLISHED -> INVALID (seq_over)`."""

    def end(address: str, port: str) -> pl.Expr:
        has_port = pl.col(port).is_not_null()
        known = pl.col(address).fill_null("?")
        written = pl.when(known.str.contains(":", literal=True) & has_port)
        bracketed = written.then(pl.format("[{}]", known)).otherwise(known)
        suffix = pl.when(has_port).then(pl.format(":{}", port)).otherwise(pl.lit(""))
        return bracketed + suffix

    def verdict(prefix: str, reason: pl.Expr) -> pl.Expr:
        why = pl.when(reason.is_not_null()).then(pl.format(" ({})", reason))
        state = pl.col(f"{prefix}tcp_state")
        after = pl.when(state.is_not_null()).then(pl.format(" {}", state)).otherwise(pl.lit(""))
        return pl.col(f"{prefix}ct_state").str.to_uppercase() + after + why.otherwise(pl.lit(""))

    return pl.format(
        "#{} {} > {} flow {}: {} -> {}",
        "packet",
        end("src", "sport"),
        end("dst", "dport"),
        "flow_id",
        verdict("", pl.coalesce("reason", "note")),
        verdict("what_if_", pl.col("what_if_reason")),
    )
