from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wiretell.protocols import quic, tls
from wiretell.protocols.ja4 import ja4

DCID = bytes.fromhex("8394c8f03e515708")
V1, V2 = 0x00000001, 0x6B3343CF

# RFC 9001 appendix A.2: the CRYPTO frame of the client's first Initial.
CRYPTO_FRAME = bytes.fromhex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
    "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
    "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
    "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
    "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
    "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
    "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
    "75300901100f088394c8f03e51570806048000ffff"
)
HELLO = CRYPTO_FRAME[4:]


def varint(value: int) -> bytes:
    """A number in two bytes, which QUIC allows for small ones too."""
    return (0x4000 | value).to_bytes(2, "big")


def sealed(
    frames: bytes,
    *,
    version: int = V1,
    dcid: bytes = DCID,
    keys_of: bytes = DCID,
    number: int = 2,
    token: bytes = b"",
    padded_to: int = 1162,
) -> bytes:
    """A client's protected Initial."""
    keys = quic.client_initial_keys(version, keys_of)
    assert keys is not None
    frames += bytes(max(0, padded_to - len(frames)))
    first = 0xC3 if version == V1 else 0xD3
    header = bytes([first]) + version.to_bytes(4, "big") + bytes([len(dcid)]) + dcid + b"\x00"
    header += (varint(len(token)) if token else b"\x00") + token
    header += varint(4 + len(frames) + 16) + number.to_bytes(4, "big")
    nonce = (int.from_bytes(keys.iv, "big") ^ number).to_bytes(12, "big")
    body = AESGCM(keys.key).encrypt(nonce, frames, header)
    mask = Cipher(algorithms.AES(keys.hp), modes.ECB()).encryptor().update(body[:16])
    number_at = len(header) - 4
    covered = bytes([header[0] ^ (mask[0] & 0x0F)]) + header[1:number_at]
    covered += bytes(a ^ b for a, b in zip(header[number_at:], mask[1:5], strict=True))
    return covered + body


def crypto(offset: int, data: bytes) -> bytes:
    return b"\x06" + varint(offset) + varint(len(data)) + data


def test_version_1_keys_of_rfc_9001_appendix_a_1() -> None:
    assert quic.client_initial_keys(V1, DCID) == quic.Keys(
        key=bytes.fromhex("1f369613dd76d5467730efcbe3b1a22d"),
        iv=bytes.fromhex("fa044b2f42a3fd3b46fb255c"),
        hp=bytes.fromhex("9f50449e04a0e810283a1e9933adedd2"),
    )


def test_version_2_keys_of_rfc_9369_appendix_a_1() -> None:
    assert quic.client_initial_keys(V2, DCID) == quic.Keys(
        key=bytes.fromhex("8b1a0bc121284290a29e0971b5cd045d"),
        iv=bytes.fromhex("91f73e2351d8fa91660e909f"),
        hp=bytes.fromhex("45b95e15235d6f45a6b19cbcb0294ba9"),
    )


def test_versions_not_known_have_no_keys() -> None:
    assert quic.client_initial_keys(0xFF00001D, DCID) is None


def test_client_initial_of_rfc_9001_appendix_a_2() -> None:
    packet = sealed(CRYPTO_FRAME)
    # The packet made here is the RFC's: its first and last bytes are those printed there.
    assert packet.startswith(
        bytes.fromhex("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11")
    )
    assert packet.endswith(bytes.fromhex("e221af44860018ab0856972e194cd934"))
    opening = quic.client_opening([packet])
    assert opening == quic.Opening(V1, DCID, b"", b"", HELLO)
    hello = tls.parse_client_hello(opening.crypto)
    assert hello is not None
    assert hello.sni == "example.com"
    assert hello.alpn == (b"alpn",)
    assert ja4(hello, "q").startswith("q13d0211an_")


@pytest.mark.parametrize("version", [V1, V2])
def test_hello_in_scattered_frames_over_several_packets(version: int) -> None:
    pieces = [(at, HELLO[at : at + 40]) for at in range(0, len(HELLO), 40)]
    random.Random(1).shuffle(pieces)
    frames = [crypto(*piece) + b"\x01\x00\x00" for piece in pieces]
    ack = b"\x02\x01\x00\x00\x00"
    datagrams = [
        sealed(b"".join(frames[:4]), version=version, number=0, padded_to=0)
        + sealed(ack + frames[4], version=version, number=1, padded_to=0),
        sealed(b"".join(frames[5:]), version=version, number=2),
    ]
    opening = quic.client_opening(datagrams)
    assert opening is not None
    assert opening.crypto == HELLO
    assert opening.version == version


def test_packet_after_the_servers_answer_is_opened_with_the_first_keys() -> None:
    later = sealed(crypto(100, HELLO[100:]), dcid=b"server", keys_of=DCID)
    opening = quic.client_opening([sealed(crypto(0, HELLO[:100])), later])
    assert opening is not None
    assert opening.crypto == HELLO


def test_packet_after_a_retry_brings_a_token_and_keys_of_its_own() -> None:
    again = sealed(crypto(0, HELLO), dcid=b"retryid1", keys_of=b"retryid1", token=b"TOKEN")
    opening = quic.client_opening([sealed(b"\x01"), again])
    assert opening is not None
    assert opening.dcid == DCID
    assert opening.crypto == HELLO
    opening = quic.client_opening([again])
    assert opening is not None
    assert opening.token == b"TOKEN"


def test_gap_in_the_stream_ends_it() -> None:
    opening = quic.client_opening([sealed(crypto(0, HELLO[:50]) + crypto(60, HELLO[60:]))])
    assert opening is not None
    assert opening.crypto == HELLO[:50]


def test_what_does_not_authenticate_is_not_opened() -> None:
    packet = sealed(CRYPTO_FRAME)
    assert quic.client_opening([packet[:-1] + b"\x00"]) is None
    assert quic.client_opening([packet[:1000]]) is None
    assert quic.client_opening([sealed(CRYPTO_FRAME, dcid=b"elsewhere")]) is None
    assert quic.client_opening([b"\x40" + bytes(30), b"", b"\xc0"]) is None


def test_first_flight_of_another_implementation_is_opened() -> None:
    configuration = pytest.importorskip(
        "aioquic.quic.configuration", reason="aioquic is not installed: no other QUIC to compare"
    )
    connection = pytest.importorskip("aioquic.quic.connection", reason="aioquic is not installed")
    client = connection.QuicConnection(
        configuration=configuration.QuicConfiguration(
            is_client=True, server_name="wire.example", alpn_protocols=["h3"]
        )
    )
    client.connect(("192.0.2.1", 443), now=0.0)
    opening = quic.client_opening([data for data, _ in client.datagrams_to_send(now=0.0)])
    assert opening is not None
    assert opening.scid == client.host_cid
    hello = tls.parse_client_hello(opening.crypto)
    assert hello is not None
    assert (hello.sni, hello.alpn, hello.cut) == ("wire.example", (b"h3",), False)
