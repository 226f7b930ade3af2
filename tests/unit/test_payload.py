from __future__ import annotations

import polars as pl
from payload_flows import flows_of, framed

from wiretell import payload
from wiretell.model.tables import OBSERVATIONS
from wiretell.payload import Facts, Payload


def test_datagrams_are_split_and_a_cut_one_kept() -> None:
    assert payload.datagrams(framed(b"one", b"", b"two")) == [b"one", b"two"]
    assert payload.datagrams(framed(b"one", b"three")[:-2]) == [b"one", b"thr"]
    assert payload.datagrams(b"\x00") == []
    assert len(payload.datagrams(b"\x00\x01x" * 100)) == payload.MAX_DATAGRAMS


def test_payloads_come_in_order_of_flow_and_side() -> None:
    flows = flows_of(
        {"orig_payload": b"a", "resp_payload": b"b"},
        {"orig_payload": b"skipped", "resp_payload": None},
        {"resp_payload": b"c", "resp_p": 443},
    )
    found = list(payload.payloads(flows, payload.starts_with(b"a", b"b", b"c")))
    assert [(p.flow_id, p.side, p.data) for p in found] == [
        (0, 0, b"a"),
        (0, 1, b"b"),
        (2, 1, b"c"),
    ]
    assert found[1] == Payload(0, 1, 6, "192.0.2.1", 80, "10.0.0.1", 40000, 2_000, b"b")
    by_port = payload.payloads(flows, payload.either_port(443))
    assert [p.flow_id for p in by_port] == [2]


def one(flow_id: int = 0) -> Payload:
    return Payload(flow_id, 0, 6, "10.0.0.1", 40000, "192.0.2.1", 80, 5, b"")


def test_facts_say_a_thing_once_per_side_and_nothing_of_nothing() -> None:
    facts = Facts("test")
    for text in ("x", "x", "", None, "y"):
        facts.text(one(), "q", text)
    facts.text(one(1), "q", "x")
    assert facts.frame()["text"].to_list() == ["x", "y", "x"]


def test_facts_about_the_receiver_and_about_an_address_not_in_the_packet() -> None:
    facts = Facts("test")
    facts.text(one(), "told", "x", of_receiver=True)
    facts.text(one(), "leased", "x", address="10.0.0.7")
    facts.number(one(), "offset", 1.5, "s", 0.1)
    frame = facts.frame()
    assert frame.schema == OBSERVATIONS.schema
    assert frame.select("address", "side", "quantity", "value", "unit", "error").rows() == [
        ("192.0.2.1", 1, "told", None, None, None),
        ("10.0.0.7", 0, "leased", None, None, None),
        ("10.0.0.1", 0, "offset", 1.5, "s", 0.1),
    ]


def test_facts_of_one_quantity_are_bounded() -> None:
    facts = Facts("test")
    for number in range(1000):
        facts.text(one(), "q", str(number))
    assert facts.frame().height == payload.MAX_FACTS_PER_SIDE
    assert facts.frame()["text"].dtype == pl.String
