"""The tables whose machines are told apart for speed."""

from __future__ import annotations

import polars as pl

from bench.clustering import LINE_S, Timed, page, placed


def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    flows = pl.DataFrame(
        {
            "flow_id": [0, 1, 2],
            "first_ns": [0, 10**9, (LINE_S + 1) * 10**9],
            "orig_h": ["203.0.113.0", "203.0.113.5", "203.0.113.0"],
            "resp_h": ["192.0.2.1", "192.0.2.1", "192.0.2.2"],
        },
        schema_overrides={"flow_id": pl.UInt64},
    )
    said = pl.DataFrame(
        {"flow_id": [2, 2], "side": [0, 1], "address": ["?", "?"]},
        schema_overrides={"flow_id": pl.UInt64},
    )
    return flows, said


def test_all_clients_behind_one_address() -> None:
    flows, said = placed(*tables(), "one", 3)
    assert flows["orig_h"].to_list() == ["203.0.113.1"] * 3
    assert said["address"].to_list() == ["203.0.113.1", "192.0.2.2"]


def test_many_addresses_and_copies_of_them() -> None:
    flows, said = placed(*tables(), "many", 5)
    assert flows["orig_h"].to_list() == [
        "203.0.113.0/0/copy 0",
        "203.0.113.5/0/copy 0",
        "203.0.113.0/1/copy 0",
        "203.0.113.0/0/copy 1",
        "203.0.113.5/0/copy 1",
    ]
    assert flows["flow_id"].to_list() == [0, 1, 2, 3, 4]
    assert said.rows()[2] == (5, 0, "203.0.113.0/1/copy 1")


def test_what_took_too_long_is_said() -> None:
    timed = Timed(2.0, 1.5, 10**8, 1, 7)
    text = page({("one", 1000): timed, ("one", 10_000): "more than 600 s"})
    assert "| one address | 1,000 | 1 | 7 | 2.0 | 1.5 | 500 | 100 |" in text
    assert "| one address | 10,000 | | | more than 600 s | | | |" in text
