"""Columns for tests of expressions: one of each kind, and rows to test them on."""

from __future__ import annotations

import polars as pl

from wiretell.expressions.column import Name, Names
from wiretell.expressions.evaluate import expression
from wiretell.expressions.parser import parse

NAMES = Names(
    (
        Name("user_agent", "text", "", aliases=("ua",)),
        Name("dst_port", "number", ""),
        Name("ttl", "number", ""),
        Name("src", "address", ""),
        Name("time", "time", ""),
        Name("syn", "flag", ""),
        Name("proto", "text", "", values=("tcp", "udp")),
    )
)
HOUR_NS = 3600 * 10**9
ROWS = pl.DataFrame(
    {
        "user_agent": ["Firefox/1", "curl", None, 'say "hi"', "FIREFOX"],
        "dst_port": [80, 443, 53, None, 8080],
        "ttl": [64, 128, 64, 255, None],
        "src": ["10.0.0.1", "10.1.2.3", "2001:db8::7", "not an address", None],
        "time": [0, HOUR_NS, 23 * HOUR_NS, 25 * HOUR_NS, 48 * HOUR_NS],
        "syn": [True, False, None, True, False],
        "proto": ["tcp", "udp", "udp", "tcp", "tcp"],
    },
    schema_overrides={"dst_port": pl.UInt16, "ttl": pl.UInt8, "time": pl.Int64},
)


def matching(text: str) -> list[int]:
    """Rows for which the expression holds."""
    stands = {name.name: pl.col(name.name) for name in NAMES.all}
    held = ROWS.select(expression(parse(text, NAMES), stands).alias("is"))["is"]
    assert held.null_count() == 0
    return held.arg_true().to_list()
