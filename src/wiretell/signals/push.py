"""Push connections: the one connection that a machine keeps open, so that it can be called.

Physics: a phone or browser keeps a single connection to its maker's push service, for hours, with
a small exchange now and then (Apple Push Notification service: TCP 5223; Firebase Cloud Messaging:
TCP 5228 to 5230). Two that live at the same time are two machines', whatever hides them: ports,
timestamps and identifications may all be rewritten, and this still counts.
Source: Apple, "Use Apple products on enterprise networks"; Google, "FCM ports and your firewall".
Blind spots: two programs of one machine may keep one each (several browser profiles, a phone's
second radio); over port 443 they look like any other connection; idle and sleeping machines close.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import polars as pl

from wiretell.signal import Hold, Scores, Signal

NAME = "push"
TCP = 6
KEPT_S = 30.0
"""Shorter ones were no more than tried."""


@cache
def services() -> Mapping[int, str]:
    """TCP port -> name of the push service that is reached there."""
    told = tomllib.loads(files("wiretell.signals").joinpath("push.toml").read_text("utf-8"))
    return {port: row["name"] for row in told["service"] for port in row["ports"]}


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Holds: the connections to push services that a client kept."""
    del observations
    known = services()
    kept = sides.filter(
        (pl.col("proto") == TCP)
        & pl.col("initiator")
        & pl.col("peer_port").is_in(list(known))
        & (pl.col("bytes") > 0)
        & (pl.col("end_s") - pl.col("start_s") >= KEPT_S)
    )
    rows = kept.select("number", "peer_port", "start_s", "end_s").rows()
    return Scores(holds=[Hold(n, known[port], first, last) for n, port, first, last in rows])


SIGNAL = Signal(NAME, score=score)
