"""Flows as Zeek's conn.log: tab-separated with its header lines, or JSON lines.

Columns and types: Zeek's documentation of `Conn::Info` and of its ASCII writer. `uid` is made
from the flow's number and start, so the same capture gives the same log. Zeek's `service` and
`local_*` need what is not tracked here and stay unset; so do `missed_bytes` of flows that others
measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from wiretell.exporter import Target
from wiretell.exporters.flow_columns import ICMP, lines
from wiretell.exporters.flow_writer import LineWriter
from wiretell.exporters.quantity import NS_PER_S

FIELDS = (
    ("ts", "time"),
    ("uid", "string"),
    ("id.orig_h", "addr"),
    ("id.orig_p", "port"),
    ("id.resp_h", "addr"),
    ("id.resp_p", "port"),
    ("proto", "enum"),
    ("service", "string"),
    ("duration", "interval"),
    ("orig_bytes", "count"),
    ("resp_bytes", "count"),
    ("conn_state", "string"),
    ("local_orig", "bool"),
    ("local_resp", "bool"),
    ("missed_bytes", "count"),
    ("history", "string"),
    ("orig_pkts", "count"),
    ("orig_ip_bytes", "count"),
    ("resp_pkts", "count"),
    ("resp_ip_bytes", "count"),
    ("tunnel_parents", "set[string]"),
    ("community_id", "string"),
)
_TCP = 6
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}
_ASKED = {0: 8, 14: 13, 16: 15, 18: 17, 9: 10, 129: 128, 134: 133, 136: 135, 140: 139}
_ANSWERED = {asked: answer for answer, asked in _ASKED.items()}
_BASE62 = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_UID_LETTERS = 17


class ZeekTsv(LineWriter):
    """conn.log as Zeek's ASCII writer has it."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._last_ns: int | None = None

    def lines(self, flows: pl.DataFrame) -> Iterator[str]:
        """The header before the first flow, then a line per flow."""
        if self._last_ns is None:
            yield from _header(_whole(flows["first_ns"].min()))
        self._last_ns = _whole(flows["last_ns"].max())
        cells = conn_log(flows)
        texts = [
            _seconds_text(name) if name in ("ts", "duration") else pl.col(name).cast(pl.String)
            for name, _ in FIELDS
        ]
        row = pl.concat_str([text.fill_null("-") for text in texts], separator="\t")
        yield from lines(cells.select(row).to_series())

    def ending(self, provenance: Mapping[str, Any]) -> Iterator[str]:
        """`#close`, by packet time."""
        if self._last_ns is None:
            yield from _header(0)
        yield f"#close\t{_log_time(self._last_ns or 0)}\n"


class ZeekJson(LineWriter):
    """conn.log as JSON lines: unset fields are left out."""

    def lines(self, flows: pl.DataFrame) -> Iterator[str]:
        """A line per flow."""
        cells = conn_log(flows)
        cells = cells.with_columns(_seconds(cells[name]) for name in ("ts", "duration"))
        # No value can hold the text of an unset field: all are made here, none is off the wire.
        encoded = pl.struct([name for name, _ in FIELDS]).struct.json_encode()
        row = encoded.str.replace_all(r',"[a-z_.]+":null', "")
        yield from lines(cells.select(row).to_series())


def conn_log(flows: pl.DataFrame) -> pl.DataFrame:
    """The columns of `FIELDS`; `ts` and `duration` in nanoseconds, nulls where unset."""
    is_icmp = pl.col("proto").is_in(ICMP)
    asked = pl.col("icmp_type").replace(_ASKED)
    counterpart = asked.replace_strict(
        _ANSWERED, default=pl.col("icmp_code"), return_dtype=pl.UInt8
    )
    lasted = pl.col("last_ns") - pl.col("first_ns")
    unset = pl.lit(None, pl.String)
    # Only TCP acknowledges, so only there anything can be missed; exporters do not tell.
    is_captured = pl.col("first_packet").is_not_null()
    missed = pl.col("orig_missing_bytes") + pl.col("resp_missing_bytes")
    made: dict[str, pl.Expr | pl.Series] = {
        "ts": pl.col("first_ns"),
        "uid": pl.Series(_uids(flows), dtype=pl.String),
        "id.orig_h": pl.col("orig_h"),
        "id.orig_p": pl.when(is_icmp).then(asked).otherwise("orig_p").fill_null(0),
        "id.resp_h": pl.col("resp_h"),
        "id.resp_p": pl.when(is_icmp).then(counterpart).otherwise("resp_p").fill_null(0),
        "proto": pl.col("proto").replace_strict(
            _PROTOCOLS, default="unknown_transport", return_dtype=pl.String
        ),
        "service": unset,
        "duration": pl.when(lasted > 0).then(lasted),
        "local_orig": unset,
        "local_resp": unset,
        "missed_bytes": pl.when(pl.col("proto") == _TCP)
        .then(missed)
        .when(is_captured)
        .then(pl.lit(0, pl.UInt64)),
        "tunnel_parents": unset,
    }
    same = {"orig_bytes", "resp_bytes"}
    # Zeek tells payload bytes only of connections that lasted.
    for name in same:
        made[name] = pl.when(lasted > 0).then(pl.col(name))
    for name, _ in FIELDS:
        made.setdefault(name, pl.col(name))
    return flows.select(made[name].alias(name) for name, _ in FIELDS)


def _uids(flows: pl.DataFrame) -> list[str]:
    """`C` and 17 letters, different for each flow of a capture."""
    numbers = flows["flow_id"].to_numpy().astype(np.uint64)
    starts = flows["first_ns"].fill_null(0).to_numpy().astype(np.uint64)
    halves = [_mixed(numbers ^ _mixed(starts + np.uint64(i))) for i in range(2)]
    letters = np.empty((len(numbers), 1 + _UID_LETTERS), np.uint8)
    letters[:, 0] = ord("C")
    for place in range(_UID_LETTERS):
        half = place % 2
        halves[half], rest = np.divmod(halves[half], np.uint64(62))
        letters[:, 1 + place] = _BASE62[rest]
    return [row.decode() for row in letters.view(f"S{1 + _UID_LETTERS}").reshape(-1).tolist()]


def _mixed(values: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """SplitMix64's finaliser: one to one, and neighbours end far apart."""
    x = values + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def _seconds(time_ns: pl.Series) -> pl.Series:
    """Nanoseconds as the number of seconds that prints with no more than six decimals."""
    micro = (time_ns // 1000).fill_null(0).to_numpy()
    return pl.Series(time_ns.name, micro / 1e6).set(time_ns.is_null(), None)


def _seconds_text(name: str) -> pl.Expr:
    """Nanoseconds as seconds with six decimals."""
    micro = pl.col(name) // 1000
    rest = (micro % 1_000_000).cast(pl.String).str.zfill(6)
    return pl.concat_str((micro // 1_000_000).cast(pl.String), pl.lit("."), rest)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _header(first_ns: int) -> Iterator[str]:
    yield "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
    yield f"#path\tconn\n#open\t{_log_time(first_ns)}\n"
    yield "\t".join(["#fields", *(name for name, _ in FIELDS)]) + "\n"
    yield "\t".join(["#types", *(kind for _, kind in FIELDS)]) + "\n"


def _log_time(time_ns: int) -> str:
    """Packet time, where Zeek has the time of day: the same flows give the same log."""
    try:
        return datetime.fromtimestamp(time_ns // NS_PER_S, UTC).strftime("%Y-%m-%d-%H-%M-%S")
    except (ValueError, OverflowError, OSError):
        return "-"
