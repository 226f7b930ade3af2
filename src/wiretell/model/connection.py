"""What a TCP flow was as a connection: how it ended, whether it was ever open, what is missing."""

from __future__ import annotations

import polars as pl

_TCP, _ACK = 6, 0x10
_ENDS = {
    "SF": "fin",
    "S2": "orig_fin",
    "SH": "orig_fin",
    "S3": "resp_fin",
    "SHR": "resp_fin",
    "RSTO": "orig_reset",
    "RSTOS0": "orig_reset",
    "RSTR": "resp_reset",
    "RSTRH": "resp_reset",
    "REJ": "refused",
}
"""`close_reason` by `conn_state`; the other states are not closed, or say nothing of it (OTH)."""


def with_connection(flows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `FLOWS` with flags of both sides; adds the columns of `model.tracked.CONNECTION`.

    They are null where the flow is not TCP, and where nothing was seen that tells.
    """
    is_tcp = pl.col("proto") == _TCP
    told = {
        "handshake_rtt_ns": pl.col("orig_rtt_ns") + pl.col("resp_rtt_ns"),
        "close_reason": _close_reason(),
        "half_open": _half_open(),
        "one_sided": _one_sided(),
        **{f"{side}_sack_permitted": _offers_sack(side) for side in ("orig", "resp")},
    }
    return flows.with_columns(
        pl.when(is_tcp).then(value).alias(name) for name, value in told.items()
    )


def _close_reason() -> pl.Expr:
    """By state; of flows without a SYN by the letters of FINs and resets in their history."""
    has = {letter: _has(letter) for letter in "FfRr"}
    unopened = (
        pl.when(has["R"])
        .then(pl.lit("orig_reset"))
        .when(has["r"])
        .then(pl.lit("resp_reset"))
        .when(has["F"] & has["f"])
        .then(pl.lit("fin"))
        .when(has["F"])
        .then(pl.lit("orig_fin"))
        .when(has["f"])
        .then(pl.lit("resp_fin"))
    )
    state = pl.col("conn_state")
    by_state = state.replace_strict(_ENDS, default=None, return_dtype=pl.String)
    return pl.when(state == "OTH").then(unopened).otherwise(by_state)


def _half_open() -> pl.Expr:
    """A SYN without an answer, or an answer that the originator never acknowledged."""
    state = pl.col("conn_state")
    unanswered = (state == "S0") | ((state == "S1") & ~_has("A") & ~_has("D"))
    return unanswered.fill_null(value=False)


def _one_sided() -> pl.Expr:
    """Only one side was captured, and it acknowledges: there was another."""

    def alone(side: str, other: str) -> pl.Expr:
        acknowledges = pl.col(f"{side}_tcp_flags").fill_null(0) & _ACK != 0
        return acknowledges & (pl.col(f"{other}_pkts") == 0)

    return alone("orig", "resp") | alone("resp", "orig")


def _offers_sack(side: str) -> pl.Expr:
    """By the options in the signature of its SYN (p0f: `ver:ttl:olen:mss:window:options:...`)."""
    options = pl.col(f"{side}_syn").str.split(":").list.get(5, null_on_oob=True)
    return options.str.split(",").list.contains("sok")


def _has(letter: str) -> pl.Expr:
    return pl.col("history").fill_null("").str.contains(letter, literal=True)
