"""Messages of NetFlow and IPFIX taken apart: templates, odd lengths, losses, hostile bytes."""

from __future__ import annotations

import struct

import polars as pl
from flow_tables import mixture
from hypothesis import given
from hypothesis import strategies as st

from wiretell.exporters.ipfix import Ipfix
from wiretell.exporters.netflow5 import NetFlow5
from wiretell.exporters.netflow9 import NetFlow9
from wiretell.protocols import flow_messages
from wiretell.protocols.biflows import flows_of
from wiretell.protocols.flow_messages import MessageReader
from wiretell.protocols.flow_records import RECORDS, read_sets

SECOND = 1_760_000_000
KEY = ((8, 4), (12, 4))
ENDS = bytes([192, 0, 2, 1, 198, 51, 100, 7])


def ipfix(*sets: bytes, sequence: int = 0, domain: int = 7) -> bytes:
    body = b"".join(sets)
    return struct.pack("!HHIII", 10, 16 + len(body), SECOND, sequence, domain) + body


def netflow9(*sets: bytes, sequence: int = 0, uptime_ms: int = 1_000_000) -> bytes:
    return struct.pack("!HHIIII", 9, len(sets), uptime_ms, SECOND, sequence, 0) + b"".join(sets)


def data_set(number: int, body: bytes) -> bytes:
    return struct.pack("!HH", number, 4 + len(body)) + body


def template(*fields: tuple[int, int], number: int = 256, kind: int = 2) -> bytes:
    words = b"".join(struct.pack("!HH", *field) for field in fields)
    return data_set(kind, struct.pack("!HH", number, len(fields)) + words)


def read(*messages: bytes) -> tuple[pl.DataFrame, MessageReader]:
    reader = MessageReader()
    for message in messages:
        reader.push(message, "exporter")
    records, n_unread = read_sets(reader.take(), reader.numbers())
    reader.counters["unread"] = n_unread
    return records, reader


def test_numbers_shorter_than_their_element() -> None:
    record = ENDS + bytes([1, 2, 3]) + bytes([9])
    records, _ = read(ipfix(template(*KEY, (1, 3), (2, 1)), data_set(256, record * 2)))
    assert records.height == 2
    row = records.row(0, named=True)
    assert (row["src"], row["dst"]) == ("192.0.2.1", "198.51.100.7")
    assert (row["bytes"], row["pkts"]) == (0x010203, 9)


def test_fields_of_varying_length() -> None:
    told = template((82, 0xFFFF), *KEY, (2, 4), (83, 0xFFFF))
    one = b"\x03eth" + ENDS + struct.pack("!I", 5) + b"\xff\x01\x00" + bytes(256)
    two = b"\x00" + ENDS + struct.pack("!I", 6) + b"\x00"
    records, reader = read(ipfix(told, data_set(256, one + two)))
    assert records["pkts"].to_list() == [5, 6]
    assert reader.counters["unread"] == 0
    records, reader = read(ipfix(told, data_set(256, two + one[:-200])))
    assert records["pkts"].to_list() == [6]
    assert reader.counters["unread"] == 1


def test_elements_of_other_enterprises_are_stepped_over() -> None:
    fields = struct.pack("!HHHHI", 256, 3, 0x8000 | 1, 4, 9999)
    fields += b"".join(struct.pack("!HH", *field) for field in KEY)
    records, _ = read(ipfix(data_set(2, fields), data_set(256, b"abcd" + ENDS)))
    assert records.select("src", "bytes").rows() == [("192.0.2.1", None)]


def test_a_template_may_change_or_be_withdrawn() -> None:
    old, new = template(*KEY, (2, 4)), template(*KEY, (2, 2))
    withdrawn = data_set(2, struct.pack("!HH", 256, 0))
    records, reader = read(
        ipfix(old, data_set(256, ENDS + b"\0\0\0\1")),
        ipfix(new, data_set(256, ENDS + b"\0\2"), sequence=1),
        ipfix(withdrawn, data_set(256, ENDS + b"\0\3"), sequence=2),
    )
    assert records["pkts"].to_list() == [1, 2]
    assert reader.counters["sets_without_template"] == 1


def test_a_stream_knows_only_its_own_templates() -> None:
    records, reader = read(ipfix(template(*KEY), domain=1), ipfix(data_set(256, ENDS), domain=2))
    assert records.is_empty()
    assert reader.counters["sets_without_template"] == 1


def test_losses_are_seen_by_the_numbers() -> None:
    told = template(*KEY)
    three = data_set(256, ENDS * 3)
    _, reader = read(ipfix(told, three), ipfix(three, sequence=10), ipfix(three, sequence=3))
    assert (reader.counters["lost"], reader.counters["reordered"]) == (7, 1)
    assert reader.streams()[0]["lost"] == 7


def test_uptimes_are_read_across_their_wrap() -> None:
    told = template(*KEY, (22, 4), (21, 4), kind=0)

    def start_ms(uptime_ms: int, first: int) -> int:
        record = ENDS + struct.pack("!II", first, first)
        records, _ = read(netflow9(told, data_set(256, record), uptime_ms=uptime_ms))
        return int(records["first"][0]) // 1_000_000 - 1000 * SECOND

    assert start_ms(5000, 2000) == -3000
    assert start_ms(5000, 5007) == 7  # clocks of two threads
    assert start_ms(5000, 2**32 - 1000) == -6000  # before the wrap


def test_an_ipfix_exporter_may_tell_its_start_in_options() -> None:
    about = data_set(3, struct.pack("!HHHHHHH", 257, 2, 1, 149, 4, 160, 8))
    start = data_set(257, struct.pack("!IQ", 7, 1000 * SECOND - 60_000))
    told = template(*KEY, (22, 4))
    record = data_set(256, ENDS + struct.pack("!I", 1000))
    records, reader = read(ipfix(about, start, told, record))
    assert records["first"].to_list() == [(1000 * SECOND - 59_000) * 1_000_000]
    assert reader.counters["option_records"] == 1
    records, _ = read(ipfix(told, record))
    assert records["first"].to_list() == [None]


def test_sampling_is_told() -> None:
    options = data_set(1, struct.pack("!HHHHHHH", 257, 4, 4, 1, 4, 34, 4) + bytes(2))
    values = data_set(257, struct.pack("!II", 0, 500))
    _, reader = read(netflow9(options, values))
    assert reader.streams()[0]["sampling"] == 500


def test_tables_of_strangers_are_bounded() -> None:
    reader = MessageReader()
    for domain in range(flow_messages.MAX_STREAMS + 5):
        reader.push(ipfix(template(*KEY), domain=domain))
    assert reader.counters["streams_refused"] == 5
    reader = MessageReader()
    for number in range(256, 256 + flow_messages.MAX_TEMPLATES + 5):
        reader.push(ipfix(template(*KEY, number=number)))
    assert reader.counters["templates_refused"] == 5


def test_what_tells_of_no_flow_is_counted() -> None:
    records, reader = read(ipfix(template((1, 4), (2, 4)), data_set(256, bytes(80))))
    assert records.is_empty()
    assert reader.counters["records_of_no_flow"] == 10
    assert not reader.push(b"GET / HTTP/1.1\r\n\r\n")
    assert reader.counters["not_flow_messages"] == 1


def _own_messages() -> list[bytes]:
    codecs = (NetFlow5(), NetFlow9(), Ipfix(), Ipfix(biflow=False))
    return [message for codec in codecs for message in codec.messages(mixture())]


OWN = _own_messages()


@given(
    st.lists(st.tuples(st.integers(0, len(OWN) - 1), st.integers(0, 3000), st.binary(max_size=6)))
)
def test_any_damage_to_messages_is_taken(changes: list[tuple[int, int, bytes]]) -> None:
    damaged = list(OWN)
    for i, place, patch in changes:
        whole = damaged[i]
        at = place % (len(whole) + 1)
        damaged[i] = whole[:at] + patch + (whole[at + len(patch) :] if at % 3 else b"")
    records, _ = read(*damaged)
    assert records.schema == RECORDS
    flows_of(records)


@given(st.lists(st.binary(max_size=200).map(lambda rest: rest[:1] + rest), max_size=8))
def test_any_bytes_are_taken(bodies: list[bytes]) -> None:
    messages = [version + body for body in bodies for version in (b"\0\5", b"\0\x09", b"\0\x0a")]
    records, reader = read(
        *messages,
        *(
            ipfix(template(*KEY, (body[0] if body else 1, 8)), data_set(256, body))
            for body in bodies
        ),
    )
    flows_of(records)
    taken = reader.counters["messages"] + reader.counters["not_flow_messages"]
    assert taken == 4 * len(bodies)
