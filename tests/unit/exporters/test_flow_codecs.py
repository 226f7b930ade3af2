"""NetFlow v5, v9 and IPFIX: what is written is read again, and is what the formats say."""

from __future__ import annotations

import struct

import polars as pl
import pytest
from flow_tables import START_NS, flow, flows, mixture, silent

from wiretell.exporters.ipfix import Ipfix
from wiretell.exporters.netflow5 import NetFlow5
from wiretell.exporters.netflow9 import NetFlow9
from wiretell.protocols.biflows import flows_of
from wiretell.protocols.flow_messages import MessageReader
from wiretell.protocols.flow_records import read_sets

KEY = ("proto", "orig_h", "orig_p", "resp_h", "resp_p", "icmp_type", "icmp_code", "vlan")
SENT = ("pkts", "ip_bytes", "ttl_min", "ttl_max", "tos", "tcp_flags", "mac")
TIMES = ("orig_first_ns", "orig_last_ns", "resp_first_ns", "resp_last_ns")
CODECS = {
    "v5": NetFlow5,
    "v9": NetFlow9,
    "ipfix": Ipfix,
    "ipfix-uniflow": lambda: Ipfix(biflow=False),
}


def read_back(messages: list[bytes]) -> tuple[pl.DataFrame, MessageReader]:
    reader = MessageReader()
    for message in messages:
        assert reader.push(message, "192.0.2.99:4000")
    records, n_unread = read_sets(reader.take(), reader.numbers())
    assert n_unread == 0
    return flows_of(records), reader


def columns(sides: tuple[str, ...]) -> list[str]:
    return [*KEY, *(f"{side}_{name}" for side in ("orig", "resp") for name in sides)]


def expected(table: pl.DataFrame) -> pl.DataFrame:
    """What the formats can say: ICMP's ports are type and code, no flags and MACs are zero."""
    is_icmp = pl.col("proto").is_in([1, 58])
    shown = table.with_columns(
        pl.when(is_icmp)
        .then(pl.col("icmp_type").cast(pl.UInt16))
        .otherwise("orig_p")
        .alias("orig_p"),
        pl.when(is_icmp)
        .then(pl.col("icmp_code").cast(pl.UInt16))
        .otherwise("resp_p")
        .alias("resp_p"),
    )
    for side in ("orig", "resp"):
        sent = pl.col(f"{side}_pkts") > 0
        flags = pl.col(f"{side}_tcp_flags")
        shown = shown.with_columns(pl.when(sent).then(flags.fill_null(0)).otherwise(flags))
    return shown


@pytest.mark.parametrize("name", ["v9", "ipfix", "ipfix-uniflow"])
def test_flows_come_back_as_they_were(name: str) -> None:
    told = mixture()
    found, reader = read_back(list(CODECS[name]().messages(told)))
    assert reader.counters["lost"] == 0
    wanted = columns(SENT)
    assert found.select(wanted).equals(expected(told).select(wanted))
    factor = 1_000_000 if name == "v9" else 1
    for column in TIMES:
        assert (found[column] // factor).equals(told[column] // factor, null_equal=True), column


def test_version_5_tells_what_it_can() -> None:
    told = mixture()
    codec = NetFlow5()
    found, _ = read_back(list(codec.messages(told)))
    assert codec.counters["ipv6_left_out"] == 2
    # Nothing in a record of v5 says who opened a flow: one side alone is taken for the opener.
    four = told.filter(~pl.col("orig_h").str.contains(":") & (pl.col("orig_pkts") > 0))
    wanted = ["proto", "orig_h", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes"]
    assert found.head(four.height).select(wanted).equals(four.select(wanted))
    assert found["resp_h"][-1] == "192.0.2.1"


@pytest.mark.parametrize("name", list(CODECS))
def test_batches_are_numbered_through(name: str) -> None:
    codec = CODECS[name]()
    many = flows(*(flow(i) for i in range(500)))
    messages = [m for part in (many[:200], many[200:], many[:0]) for m in codec.messages(part)]
    found, reader = read_back(messages)
    assert found.height == 500
    assert reader.counters["lost"] == reader.counters["reordered"] == 0
    assert codec.counters["messages"] == len(messages)
    assert all(len(message) <= 1464 for message in messages)
    _, reader = read_back(messages[:3] + messages[4:])
    assert reader.counters["lost"] > 0


def test_templates_are_told_again() -> None:
    many = flows(*(flow(i) for i in range(2000)))
    for codec in (NetFlow9(refresh=5), Ipfix(refresh=5)):
        messages = list(codec.messages(many))
        header = 20 if isinstance(codec, NetFlow9) else 16
        sets = [struct.unpack_from("!H", message, header)[0] for message in messages]
        templates = [i for i, number in enumerate(sets) if number in (0, 2)]
        assert templates[:3] == [0, 6, 12]
    once = Ipfix(refresh=0)
    sets = [struct.unpack_from("!H", message, 16)[0] for message in once.messages(many)]
    assert sets.count(2) == 1


def test_version_5_splits_counts_beyond_32_bits() -> None:
    big = 3 * 2**32 + 5
    told = flows(flow(0, orig_ip_bytes=big, orig_pkts=7_000_000_001, **silent("resp")))
    reader = MessageReader()
    for message in NetFlow5().messages(told):
        reader.push(message)
    records, _ = read_sets(reader.take(), reader.numbers())
    assert records.height == 4
    assert (records["bytes"].sum(), records["pkts"].sum()) == (big, 7_000_000_001)


@pytest.mark.parametrize("name", ["v5", "v9"])
def test_uptimes_span_more_than_32_bits_of_milliseconds(name: str) -> None:
    day_ns = 86_400_000_000_000
    far = [
        flow(i, **dict.fromkeys((*TIMES, "first_ns", "last_ns"), START_NS + d * day_ns))
        for i, d in enumerate((0, 40, 80, 120))
    ]
    codec = CODECS[name]()
    found, _ = read_back([m for row in far for m in codec.messages(flows(row))])
    assert codec.counters["times_clamped"] == 0
    assert (found["first_ns"] // 1_000_000).to_list() == [
        (START_NS + d * day_ns) // 1_000_000 for d in (0, 40, 80, 120)
    ]


@pytest.mark.parametrize("name", list(CODECS))
def test_absurd_times_and_counts_are_held_to_what_fits(name: str) -> None:
    odd = [
        flow(0, **dict.fromkeys((*TIMES, "first_ns", "last_ns"), -5)),
        flow(1, **dict.fromkeys((*TIMES, "first_ns", "last_ns"), 2**62), orig_pkts=2**63 - 1),
    ]
    assert list(CODECS[name]().messages(flows(*odd)))
    assert list(CODECS[name]().messages(flows())) == []


def test_the_same_flows_give_the_same_bytes() -> None:
    for make in CODECS.values():
        assert list(make().messages(mixture())) == list(make().messages(mixture()))
