"""TLS ClientHellos (RFC 8446, 5246), byte by byte, from the flavours in ``hellos.toml``."""

import struct
import tomllib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

GREASE = 0x0A0A
_X25519_MLKEM768 = 4588
_KEY_SHARE_BYTES = {29: 32, 23: 65, 24: 97, _X25519_MLKEM768: 1216}
_HANDSHAKE, _APPLICATION_DATA, _CHANGE_CIPHER_SPEC = 22, 23, 20


@cache
def _flavours() -> dict[str, Any]:
    with (Path(__file__).parent / "hellos.toml").open("rb") as file:
        return tomllib.load(file)


def _vector(n_length_bytes: int, body: bytes) -> bytes:
    return len(body).to_bytes(n_length_bytes, "big") + body


def _u16s(values: list[int]) -> bytes:
    return struct.pack(f"!{len(values)}H", *values)


def _extension(kind: int, flavour: dict[str, Any], host_name: str, rng: Random) -> bytes:
    """Body of one extension; empty where the extension only says that it is there."""
    match kind:
        case 0:
            return _vector(2, b"\x00" + _vector(2, host_name.encode("ascii")))
        case 5:
            return b"\x01\x00\x00\x00\x00"
        case 10:
            return _vector(2, _u16s(flavour["groups"]))
        case 11:
            return b"\x01\x00"
        case 13 | 34:
            return _vector(2, _u16s(flavour["signatures"]))
        case 16:
            return _vector(2, b"".join(_vector(1, x.encode()) for x in flavour["alpn"]))
        case 27:
            return b"\x02\x00\x02"
        case 28:
            return b"\x40\x01"
        case 43:
            return _vector(1, _u16s(flavour["versions"]))
        case 45:
            return b"\x01\x01"
        case 51:
            shares = b"".join(
                struct.pack("!H", group) + _vector(2, rng.randbytes(_KEY_SHARE_BYTES.get(group, 1)))
                for group in flavour["key_shares"]
            )
            return _vector(2, shares)
        case 17513 | 17613:
            return _vector(2, _vector(1, b"h2"))
        case 65037:  # an encrypted hello that only looks like one
            return (
                b"\x00\x00\x01\x00\x01\x2a"
                + _vector(2, rng.randbytes(32))
                + _vector(2, rng.randbytes(144))
            )
        case 65281:
            return b"\x00"
        case _:
            return b""


def _record(kind: int, version: int, body: bytes) -> bytes:
    return struct.pack("!BH", kind, version) + _vector(2, body)


def client_hello(flavour_name: str, host_name: str, rng: Random) -> bytes:
    """One TLS record with a ClientHello for ``host_name``."""
    flavour = dict(_flavours()[flavour_name])
    grease = [0x0101 * (16 * rng.randrange(16) + 10) for _ in range(2)]
    for key in ("ciphers", "groups", "key_shares", "versions"):
        flavour[key] = [grease[0] if x == GREASE else x for x in flavour.get(key, [])]
    kinds: list[int] = list(flavour["extensions"])
    if flavour.get("shuffles_extensions"):
        inner = kinds[1:-1]  # GREASE stays first and last
        rng.shuffle(inner)
        kinds[1:-1] = inner
    if grease[0] == grease[1]:
        grease[1] = 0xFAFA if grease[0] != 0xFAFA else 0x0A0A
    greases = iter(grease)
    extensions = b"".join(
        struct.pack("!H", next(greases) if kind == GREASE else kind)
        + _vector(2, _extension(kind, flavour, host_name, rng))
        for kind in kinds
    )
    session = b"" if flavour_name == "schannel-xp" else rng.randbytes(32)
    body = struct.pack("!H", flavour.get("hello_version", 0x0303)) + rng.randbytes(32)
    body += _vector(1, session) + _vector(2, _u16s(flavour["ciphers"])) + _vector(1, b"\x00")
    body += _vector(2, extensions) if kinds else b""
    return _record(_HANDSHAKE, flavour["record_version"], b"\x01" + _vector(3, body))


def server_flight(rng: Random) -> bytes:
    """A TLS 1.3 ServerHello, and as much ciphertext as a certificate chain takes."""
    share = struct.pack("!HH", 29, 32) + rng.randbytes(32)
    extensions = struct.pack("!HHH", 43, 2, 0x0304) + struct.pack("!HH", 51, len(share)) + share
    body = b"\x03\x03" + rng.randbytes(32) + _vector(1, rng.randbytes(32)) + b"\x13\x01\x00"
    hello = _record(_HANDSHAKE, 0x0303, b"\x02" + _vector(3, body + _vector(2, extensions)))
    chain = application_data(rng.randbytes(rng.randrange(2200, 4200)))
    return hello + _record(_CHANGE_CIPHER_SPEC, 0x0303, b"\x01") + chain


def application_data(ciphertext: bytes) -> bytes:
    """Records of at most 16 kB each."""
    step = 16_384
    return b"".join(
        _record(_APPLICATION_DATA, 0x0303, ciphertext[at : at + step])
        for at in range(0, len(ciphertext), step)
    )
