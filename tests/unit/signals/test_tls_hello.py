from __future__ import annotations

import ssl
from hashlib import sha256

import polars as pl
import pytest
from payload_flows import flows_of, framed

from wiretell.model.tables import OBSERVATIONS
from wiretell.signals import tls_hello


def vector(data: bytes, length_bytes: int = 2) -> bytes:
    return len(data).to_bytes(length_bytes, "big") + data


def record(kind: int, body: bytes) -> bytes:
    return b"\x16\x03\x01" + vector(bytes([kind]) + vector(body, 3))


def hello(session_id: bytes, *extensions: tuple[int, bytes]) -> bytes:
    listed = b"".join(code.to_bytes(2, "big") + vector(data) for code, data in extensions)
    body = b"\x03\x03" + bytes(32) + vector(session_id, 1) + vector(b"\x13\x01") + b"\x01\x00"
    return record(1, body + vector(listed))


def server_hello(session_id: bytes) -> bytes:
    return record(2, b"\x03\x03" + bytes(32) + vector(session_id, 1) + b"\xc0\x2f\x00")


def digest(secret: bytes) -> str:
    return sha256(secret).hexdigest()[:16]


def texts(found: pl.DataFrame, quantity: str) -> list[str]:
    return found.filter(quantity=quantity)["text"].to_list()


def test_client_hello_and_what_it_resumes() -> None:
    psk = vector(vector(b"identity") + bytes(4)) + vector(vector(bytes(32), 1))
    client = hello(
        b"session",
        (0x0000, vector(b"\x00" + vector(b"Wire.Example"))),
        (0x0010, vector(vector(b"h2", 1) + vector(b"http/1.1", 1))),
        (0x0023, b"ticket"),
        (0x0029, psk),
    )
    found = tls_hello.extract(flows_of({"orig_payload": client}))
    assert found.schema == OBSERVATIONS.schema
    assert texts(found, "sni") == ["wire.example"]
    assert texts(found, "alpn") == ["h2,http/1.1"]
    assert texts(found, "ja4")[0].startswith("t12d0104h2_")
    assert texts(found, "tls_session_offered") == [digest(b"session")]
    assert texts(found, "tls_ticket_offered") == [digest(b"ticket"), digest(b"identity")]
    assert set(found["address"]) == {"10.0.0.1"}


def test_session_given_is_the_clients_and_equals_the_one_offered_later() -> None:
    found = tls_hello.extract(
        flows_of(
            {"orig_payload": hello(b""), "resp_payload": server_hello(b"given")},
            {"orig_payload": hello(b"given")},
        )
    )
    given = found.filter(quantity="tls_session_issued")
    assert given.select("address", "flow_id", "side", "text").rows() == [
        ("10.0.0.1", 0, 0, digest(b"given"))
    ]
    assert texts(found, "tls_session_offered") == [digest(b"given")]


def test_cut_hello_has_no_fingerprint() -> None:
    client = hello(b"", (0x0000, vector(b"\x00" + vector(b"wire.example"))), (0x000A, bytes(40)))
    found = tls_hello.extract(flows_of({"orig_payload": client[:-20]}))
    assert texts(found, "ja4") == []
    assert texts(found, "sni") == ["wire.example"]


def test_real_hello_of_this_machines_tls_library() -> None:
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    connection = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="wire.example")
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    found = tls_hello.extract(flows_of({"orig_payload": out.read()}))
    assert texts(found, "sni") == ["wire.example"]
    assert texts(found, "ja4")[0].startswith("t13d")


def test_quic_hello() -> None:
    configuration = pytest.importorskip(
        "aioquic.quic.configuration", reason="aioquic is not installed: no QUIC client to observe"
    )
    connection = pytest.importorskip("aioquic.quic.connection", reason="aioquic is not installed")
    client = connection.QuicConnection(
        configuration=configuration.QuicConfiguration(
            is_client=True, server_name="wire.example", alpn_protocols=["h3"]
        )
    )
    client.connect(("192.0.2.1", 443), now=0.0)
    payload = framed(*(data for data, _ in client.datagrams_to_send(now=0.0)))
    found = tls_hello.extract(flows_of({"proto": 17, "resp_p": 443, "orig_payload": payload}))
    assert texts(found, "sni") == ["wire.example"]
    assert texts(found, "ja4")[0].startswith("q13d")
    assert texts(found, "quic_dcid") == [client.original_destination_connection_id.hex()]
    # The same bytes over TCP, or sent by the responder, are no client's hello.
    assert tls_hello.extract(flows_of({"proto": 6, "orig_payload": payload})).is_empty()


def test_no_payload_gives_an_empty_table() -> None:
    assert tls_hello.extract(flows_of({})).equals(OBSERVATIONS.empty())
