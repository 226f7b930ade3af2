"""How probes are called by their flags, and what an answer or silence says of the port."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

OPEN, CLOSED, FILTERED = "open", "closed", "filtered"
OPEN_OR_FILTERED, UNFILTERED = "open_or_filtered", "unfiltered"
STATES = (OPEN, CLOSED, UNFILTERED, FILTERED, OPEN_OR_FILTERED)
"""What is said of a port; where probes of one port differ, the first of these."""
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


@dataclass(frozen=True)
class Kind:
    """`silent`: the state of a port that does not answer; `odd`: no stack sends such segments."""

    flags: tuple[int, ...]
    silent: str
    called: str
    odd: bool = False


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name."""
    text = files(__package__).joinpath("kinds.toml").read_text("utf-8")
    return {
        name: Kind(**{**entry, "flags": tuple(entry["flags"])})
        for name, entry in tomllib.loads(text).items()
    }


def kind_of_flags() -> Mapping[int, str]:
    """The name by the flags of the first segment."""
    return {flags: name for name, kind in kinds().items() for flags in kind.flags}


def state_of_port(kind: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """The state by the probe's kind and its `answer`: synack, rst, data, unreachable,
    port_unreachable, or null for silence."""
    silent = {name: each.silent for name, each in kinds().items()}
    reset_means_alive = kind.is_in(["ack", "synack", "rst"])
    return (
        pl.when(answer.is_in(["synack", "data"]))
        .then(pl.lit(OPEN))
        .when((answer == "rst") & reset_means_alive)
        .then(pl.lit(UNFILTERED))
        .when((answer == "rst") | ((answer == "port_unreachable") & (kind == "udp")))
        .then(pl.lit(CLOSED))
        .when(answer.is_in(["unreachable", "port_unreachable"]))
        .then(pl.lit(FILTERED))
        .otherwise(kind.replace_strict(silent, default=FILTERED, return_dtype=pl.String))
    )
