"""What a TCP flow was as a connection."""

from __future__ import annotations

import polars as pl
import pytest
from flow_tables import flow, flows, silent

from wiretell.model.connection import with_connection
from wiretell.model.tracked import CLOSE_REASONS


def one(**given: object) -> dict[str, object]:
    table = with_connection(flows(flow(**given)))  # type: ignore[arg-type]
    return table.row(0, named=True)


@pytest.mark.parametrize(
    ("state", "history", "reason"),
    [
        ("SF", "ShADadFf", "fin"),
        ("S2", "ShADaF", "orig_fin"),
        ("SHR", "hf", "resp_fin"),
        ("RSTOS0", "SR", "orig_reset"),
        ("RSTR", "ShADr", "resp_reset"),
        ("REJ", "Sr", "refused"),
        ("S0", "S", None),
        ("S1", "ShADad", None),
        ("OTH", "Dad", None),
        ("OTH", "DadFf", "fin"),
        ("OTH", "Dadf", "resp_fin"),
        ("OTH", "DadFR", "orig_reset"),
    ],
)
def test_how_it_was_closed(state: str, history: str, reason: str | None) -> None:
    assert one(conn_state=state, history=history)["close_reason"] == reason
    assert reason is None or reason in CLOSE_REASONS


@pytest.mark.parametrize(
    ("state", "history", "half_open"),
    [
        ("S0", "S", True),
        ("S1", "Sh", True),
        ("S1", "ShA", False),
        ("S1", "ShDa", False),
        ("REJ", "Sr", False),
        ("OTH", "Dad", False),
    ],
)
def test_half_open(state: str, history: str, half_open: bool) -> None:
    assert one(conn_state=state, history=history)["half_open"] is half_open


def test_one_sided_is_more_than_unanswered() -> None:
    assert one(**silent("resp"), orig_tcp_flags=0x02)["one_sided"] is False
    assert one(**silent("resp"), orig_tcp_flags=0x12)["one_sided"] is True
    assert one(**silent("orig"), resp_tcp_flags=0x10)["one_sided"] is True
    assert one()["one_sided"] is False


def test_round_trip_and_options() -> None:
    syn = "4:62+2:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0"
    told = one(orig_rtt_ns=3, resp_rtt_ns=20, orig_syn=syn, resp_syn=syn.replace("sok,", ""))
    assert told["handshake_rtt_ns"] == 23
    assert (told["orig_sack_permitted"], told["resp_sack_permitted"]) == (True, False)
    assert one(orig_rtt_ns=3)["handshake_rtt_ns"] is None
    assert one()["orig_sack_permitted"] is None


def test_other_protocols_have_none_of_it() -> None:
    names = ["close_reason", "half_open", "one_sided", "handshake_rtt_ns", "orig_sack_permitted"]
    table = with_connection(flows(flow(proto=17), flow(proto=1)))
    assert table.select(pl.col(names).is_null().all()).row(0) == (True,) * len(names)
