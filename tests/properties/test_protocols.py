"""Any bytes in: every parser and extractor gives an answer, never an exception."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payload_flows import flows_of, framed

from wiretell.model.tables import OBSERVATIONS
from wiretell.payload import datagrams
from wiretell.protocols import (
    bittorrent,
    dhcp,
    dns,
    fields,
    greeting,
    http1,
    netbios,
    ntp,
    quic,
    sip,
    ssdp,
    ssh,
    stun,
    tls,
)
from wiretell.protocols.ja4 import ja4
from wiretell.signals import link_address, names, tls_hello, user_agent


def _ja4(data: bytes) -> None:
    hello = tls.parse_client_hello(data)
    if hello is not None:
        assert len(ja4(hello)) == 36


def _quic(data: bytes) -> None:
    quic.client_opening([data])
    quic.client_opening(datagrams(data))
    quic._gather_crypto(data, {})


VECTOR = b"\x00\x04abcd"
HELLO = b"\x01\x00\x00\x31\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00\x00\x06\x00\x10"

# Each parser with starts that lead into it; noise alone is refused at the first byte.
PARSERS: list[tuple[Callable[[bytes], object], tuple[bytes, ...]]] = [
    (
        http1.requests,
        (b"GET / HTTP/1.1\r\n", b"x\r\nUser-Agent: a\r\n", b"POST /x HTTP/1.0\nCookie:"),
    ),
    (http1.responses, (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n")),
    (fields.read_fields, (b"A: b\r\n", b" fold\n")),
    (tls.client_hello, (b"\x16\x03\x01\x00\x40", b"\x16\x03\x01\x00\x40" + HELLO)),
    (
        tls.server_hello,
        (b"\x16\x03\x03\x00\x40\x02\x00\x00\x30\x03\x03", b"\x16\x03\x03\x00\x30\x04"),
    ),
    (_ja4, (HELLO,)),
    (
        _quic,
        (b"\xc3\x00\x00\x00\x01\x04abcd\x00\x00", b"\xd3\x6b\x33\x43\xcf\x04abcd\x00\x00", b"\x06"),
    ),
    (
        dns.parse,
        (bytes(5) + b"\x01\x00\x01\x00\x00\x00\x01", bytes(5) + b"\x01" + bytes(6) + b"\xc0"),
    ),
    (dhcp.parse, (b"\x01\x01\x06" + bytes(233) + b"\x63\x82\x53\x63",)),
    (dhcp.parse6, (b"\x01abc\x00\x01\x00\x04abcd\x00\x27",)),
    (ssh.opening, (b"SSH-2.0-x\r\n", b"SSH-2.0-x\r\n\x00\x00\x00\x80\x04\x14" + bytes(16))),
    (
        netbios.own_names,
        (b"\x00\x01\x29\x10\x00\x01" + bytes(6), b"\x00\x01\x84\x00\x00\x00\x00\x01"),
    ),
    (netbios.queried_name, (b"\x00\x01\x01\x10\x00\x01" + bytes(6) + b"\x20" + b"A" * 30,)),
    (netbios.datagram_source, (b"\x11" + bytes(13) + b"\x20",)),
    (ssdp.parse, (b"NOTIFY * HTTP/1.1\r\n", b"M-SEARCH * HTTP/1.1\r\nUSER-AGENT:")),
    (bittorrent.peer_id, (bittorrent.HANDSHAKE,)),
    (bittorrent.node_id, bittorrent.DHT_STARTS),
    (stun.parse, (b"\x01\x01\x00\x0c\x21\x12\xa4\x42" + bytes(12) + b"\x00\x20\x00\x08",)),
    (ntp.parse, (b"\x23" + bytes(46), b"\x1b\x01")),
    (greeting.helo, (b"EHLO ", b"x\r\nHELO ")),
    (greeting.banner, (b"220 ", b"+OK", b"* OK")),
    (sip.parse, (b"INVITE sip:a SIP/2.0\r\n", b"SIP/2.0 200 OK\r\nContact: <sip:")),
]


@pytest.mark.parametrize(("parser", "starts"), PARSERS)
@given(data=st.data())
def test_any_bytes_are_answered(
    parser: Callable[[bytes], object], starts: tuple[bytes, ...], data: st.DataObject
) -> None:
    start = data.draw(st.sampled_from((b"", *starts)))
    pieces = st.sampled_from((b"\r\n", b"\r\n\r\n", b": ", b"\xc0\x0c", b"\x00" * 9, VECTOR))
    noise = data.draw(st.lists(st.binary(max_size=60) | pieces, max_size=12))
    parser(start + b"".join(noise))


@given(frames=st.binary(max_size=300), number=st.integers(0, 3))
def test_any_frames_in_a_genuine_packet_are_answered(frames: bytes, number: int) -> None:
    from tests.unit.protocols.test_quic import sealed

    opening = quic.client_opening([sealed(frames, number=number, padded_to=24)])
    assert opening is not None
    assert len(opening.crypto) <= quic.MAX_CRYPTO_BYTES


@given(data=st.binary(max_size=200))
def test_names_never_loop_and_stay_short(data: bytes) -> None:
    message = dns.parse(bytes(4) + b"\x00\x09\x00\x09\x00\x00\x00\x00" + data)
    assert message is not None
    for question in message.questions:
        assert len(question.name) <= 2 * 255


PORTS = (53, 67, 68, 80, 123, 137, 138, 443, 546, 547, 1900, 5060, 5353, 5355, 40000)
STARTS = tuple(start for _, starts in PARSERS for start in starts)


@given(
    sides=st.lists(
        st.tuples(
            st.sampled_from((6, 17)),
            st.sampled_from(PORTS),
            st.sampled_from((b"", *STARTS)),
            st.binary(max_size=200),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_any_payload_gives_a_valid_table(
    sides: list[tuple[int, int, bytes, bytes, bool]],
) -> None:
    rows = []
    for proto, port, start, noise, own in sides:
        payload = framed(start + noise) if proto == 17 else start + noise
        name = "orig_payload" if own else "resp_payload"
        rows.append({"proto": proto, "resp_p": port, name: payload})
    flows = flows_of(*rows)
    for signal in (user_agent, tls_hello, names, link_address):
        found = signal.extract(flows)
        assert found.schema == OBSERVATIONS.schema
        assert found["address"].null_count() == 0
        assert found["quantity"].null_count() == 0


@given(cut=st.integers(0, 1199))
def test_any_cut_of_a_flow_is_the_same_in_any_batch(cut: int) -> None:
    request = b"GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8\r\nCookie: a=b\r\n\r\n" * 20
    rows = [{"flow_id": i, "orig_payload": request[: cut + i]} for i in range(3)]
    whole = user_agent.extract(flows_of(*rows))
    parts = [user_agent.extract(flows_of(row)) for row in rows]
    assert whole.equals(parts[0].vstack(parts[1]).vstack(parts[2]))
