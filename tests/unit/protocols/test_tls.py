from __future__ import annotations

import ssl
import struct

import pytest

from wiretell.protocols import tls
from wiretell.protocols.ja4 import ja4


def real_client_hello(server_name: str = "wire.example", alpn: tuple[str, ...] = ()) -> bytes:
    """The first flight of OpenSSL, written to memory."""
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(list(alpn))
    out = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return out.read()


def vector(data: bytes, length_bytes: int = 2) -> bytes:
    return len(data).to_bytes(length_bytes, "big") + data


def u16s(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def made_hello(
    ciphers: tuple[int, ...],
    extensions: tuple[tuple[int, bytes], ...],
    session_id: bytes = b"",
    version: int = 0x0303,
) -> bytes:
    """A ClientHello message of one's own."""
    body = version.to_bytes(2, "big") + bytes(32) + vector(session_id, 1)
    body += vector(u16s(*ciphers)) + b"\x01\x00"
    body += vector(b"".join(u16s(code) + vector(data) for code, data in extensions))
    return b"\x01" + vector(body, 3)


def records(message: bytes, size: int = 16384) -> bytes:
    parts = [message[i : i + size] for i in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + vector(part) for part in parts)


# The worked example of the JA4 description: its lists, in its order.
EXAMPLE_CIPHERS = struct.unpack(
    ">15H", bytes.fromhex("130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f0035")
)
EXAMPLE_EXTENSIONS = struct.unpack(
    ">16H", bytes.fromhex("001b00000033001044690017002d000d000500230012002bff01000b000a0015")
)
EXAMPLE_SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)
CONTENT = {
    0x0000: vector(b"\x00" + vector(b"example.org")),
    0x0010: vector(vector(b"h2", 1) + vector(b"http/1.1", 1)),
    0x000D: vector(u16s(*EXAMPLE_SIGNATURES)),
    0x002B: vector(u16s(0x3A3A, 0x0304, 0x0303), 1),
}


def example_hello(*, grease: bool) -> tls.ClientHello:
    codes = EXAMPLE_EXTENSIONS
    extensions = tuple((code, CONTENT.get(code, b"")) for code in codes)
    ciphers = EXAMPLE_CIPHERS
    if grease:
        ciphers = (0x8A8A, *ciphers)
        extensions = ((0x1A1A, b""), *extensions, (0xFAFA, b"\x00"))
    hello = tls.client_hello(records(made_hello(ciphers, extensions)))
    assert hello is not None
    return hello


@pytest.mark.parametrize("grease", [False, True])
def test_ja4_of_the_published_example(grease: bool) -> None:
    assert ja4(example_hello(grease=grease)) == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    assert ja4(example_hello(grease=grease), "q")[0] == "q"


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        (b"", "00"),
        (b"h2", "h2"),
        (b"x", "xx"),
        (b"\xab", "ab"),
        (b"\xab\xcd", "ad"),
        (b"\x30\xab", "3b"),
        (b"\x30\x31\xab\xcd", "3d"),
        (b"\x30\xab\xcd\x31", "01"),
    ],
)
def test_ja4_alpn_ends(name: bytes, ends: str) -> None:
    hello = tls.parse_client_hello(made_hello((1,), ((0x0010, vector(vector(name, 1))),)))
    assert hello is not None
    assert ja4(hello) == f"t12i0101{ends}_{ja4(hello).split('_')[1]}_000000000000"


def test_ja4_without_ciphers_extensions_or_signatures() -> None:
    hello = tls.parse_client_hello(made_hello((), (), version=0x0301))
    assert hello is not None
    assert ja4(hello) == "t10i000000_000000000000_000000000000"
    unsigned = tuple((code, b"") for code in EXAMPLE_EXTENSIONS)
    hello = tls.parse_client_hello(made_hello((1,), unsigned))
    assert hello is not None
    assert ja4(hello).endswith("_6d807ffa2a79")


def test_real_hello_of_openssl() -> None:
    hello = tls.client_hello(real_client_hello("wire.example", ("h2", "http/1.1")))
    assert hello is not None
    assert hello.sni == "wire.example"
    assert hello.alpn == (b"h2", b"http/1.1")
    assert 0x0304 in hello.versions
    assert hello.groups
    assert hello.signature_algorithms
    assert len(hello.session_id) == 32
    assert not hello.cut


@pytest.mark.parametrize("size", [1, 7, 100])
def test_hello_over_many_records_is_the_same_hello(size: int) -> None:
    whole = real_client_hello()
    assert tls.client_hello(records(whole[5:], size)) == tls.client_hello(whole)


def test_cut_hello_keeps_what_is_whole() -> None:
    whole = real_client_hello("wire.example")
    cut = tls.client_hello(whole[:-1])
    assert cut is not None
    assert cut.cut
    assert cut.sni == "wire.example"
    assert tls.client_hello(whole[:40]) is None


def test_ticket_and_psk_identities() -> None:
    identities = vector(b"first") + bytes(4) + vector(b"second") + bytes(4)
    extensions = ((0x0023, b"ticket"), (0x0029, vector(identities) + vector(vector(bytes(32), 1))))
    hello = tls.parse_client_hello(made_hello((1,), extensions, session_id=b"id"))
    assert hello is not None
    assert hello.session_ticket == b"ticket"
    assert hello.psk_identities == (b"first", b"second")
    assert hello.session_id == b"id"


def test_server_hello_with_ticket() -> None:
    body = b"\x03\x03" + bytes(32) + vector(b"sess", 1) + b"\xc0\x2f\x00"
    ticket = b"\x00\x00\x1c\x20" + vector(b"TICKET")
    stream = records(b"\x02" + vector(body, 3)) + records(b"\x04" + vector(ticket, 3))
    assert tls.server_hello(stream) == tls.ServerHello(0x0303, b"sess", b"TICKET")
    newer = body + vector(u16s(0x002B) + vector(u16s(0x0304)))
    answer = tls.server_hello(records(b"\x02" + vector(newer, 3)))
    assert answer == tls.ServerHello(0x0304, b"sess", b"")


def test_grease_values_are_the_sixteen_reserved_ones() -> None:
    found = [value for value in range(65536) if tls.is_grease(value)]
    assert found == [16 * 257 * i + 0x0A0A for i in range(16)]
