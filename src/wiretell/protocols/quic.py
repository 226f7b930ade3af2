"""QUIC client Initials: RFC 9000 (packets), RFC 9001 section 5 (protection), RFC 9369 (version 2).

Initial packets are protected with keys anyone can derive from the first destination connection
id, so the ClientHello within can be read (and, by design, is no secret from the path).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from wiretell.protocols.cursor import Cursor, ShortError

MAX_CRYPTO_BYTES = 16384
"""A CRYPTO frame reaching beyond this offset is not kept."""

_MAX_PACKETS = 8
"""Long-header packets looked at, over all datagrams of a client."""


@dataclass(frozen=True, slots=True)
class _Version:
    salt: bytes
    labels: bytes  # prefix of the key labels
    initial_type: int  # packet type bits of an Initial


_VERSIONS = {
    0x00000001: _Version(bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), b"quic", 0),
    0x6B3343CF: _Version(bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), b"quicv2", 1),
}

VERSION_BYTES = tuple(version.to_bytes(4, "big") for version in _VERSIONS)
"""The version field of the versions read here, as it stands in a packet after the first byte."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What protects a client's Initials: AEAD key, its nonce base, header protection key."""

    key: bytes
    iv: bytes
    hp: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """A client's first flight.

    `dcid`: the first destination connection id (the client's random choice), `scid`: its own,
    `token`: address validation token, `crypto`: the start of its handshake stream.
    """

    version: int
    dcid: bytes
    scid: bytes
    token: bytes
    crypto: bytes


@dataclass(frozen=True, slots=True)
class _Initial:
    """A protected Initial: `packet` from its first byte on, `pn_at` where the number begins."""

    version: int
    dcid: bytes
    scid: bytes
    token: bytes
    packet: bytes
    pn_at: int


@lru_cache(maxsize=256)
def client_initial_keys(version: int, dcid: bytes) -> Keys | None:
    """Keys of a client's Initials (RFC 9001 section 5.2); `None` for a version not known here."""
    known = _VERSIONS.get(version)
    if known is None:
        return None
    initial = hmac.digest(known.salt, dcid, "sha256")
    client = _expand(initial, b"client in", 32)
    return Keys(
        key=_expand(client, known.labels + b" key", 16),
        iv=_expand(client, known.labels + b" iv", 12),
        hp=_expand(client, known.labels + b" hp", 16),
    )


def client_opening(datagrams: Sequence[bytes]) -> Opening | None:
    """The first flight in a client's first datagrams; `None` where no Initial can be opened.

    After a server's answer the client addresses the server's id while the keys stay those of its
    first one, and after a Retry the keys change too: so each packet is tried with both.
    """
    first: _Initial | None = None
    stream: dict[int, bytes] = {}
    for initial in _initials(datagrams):
        candidates = [initial.dcid] if first is None else [first.dcid, initial.dcid]
        for dcid in dict.fromkeys(candidates):
            frames = _unprotect(initial, dcid)
            if frames is not None:
                first = first or initial
                _gather_crypto(frames, stream)
                break
    if first is None:
        return None
    return Opening(first.version, first.dcid, first.scid, first.token, _contiguous(stream))


def _initials(datagrams: Sequence[bytes]) -> Iterator[_Initial]:
    n_packets = 0
    for datagram in datagrams:
        at = Cursor(datagram)
        try:
            while at.left and n_packets < _MAX_PACKETS:
                n_packets += 1
                initial = _long_header(at)
                if initial is not None:
                    yield initial
        except ShortError:
            continue


def _long_header(at: Cursor) -> _Initial | None:
    """Reads one long-header packet and moves past it; `None` where it is not an Initial of ours."""
    start = at.at
    first_byte = at.u8()
    version = at.u32()
    known = _VERSIONS.get(version)
    if first_byte & 0xC0 != 0xC0 or known is None:
        raise ShortError  # a short header, or a version whose layout is not known
    dcid, scid = at.vector8(), at.vector8()
    kind = first_byte >> 4 & 3
    if kind == (known.initial_type + 3) % 4:
        raise ShortError  # Retry: no length, fills the datagram
    is_initial = kind == known.initial_type
    token = at.take(_varint(at)) if is_initial else b""
    length = _varint(at)
    pn_at = at.at - start
    at.take(length)
    if not is_initial or len(dcid) > 20:
        return None
    return _Initial(version, dcid, scid, token, at.data[start : at.at], pn_at)


def _varint(at: Cursor) -> int:
    """Variable-length integer (RFC 9000 section 16)."""
    first = at.u8()
    rest = at.take((1 << (first >> 6)) - 1)
    return int.from_bytes(bytes([first & 0x3F]) + rest, "big")


def _unprotect(initial: _Initial, dcid: bytes) -> bytes | None:
    """The frames of an Initial, or `None` where it does not authenticate under these keys."""
    # Loaded with the first QUIC connection: ten megabytes that other captures do without.
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    keys = client_initial_keys(initial.version, dcid)
    packet, pn_at = initial.packet, initial.pn_at
    sample = packet[pn_at + 4 : pn_at + 20]
    if keys is None or len(sample) < 16:
        return None
    mask = Cipher(algorithms.AES(keys.hp), modes.ECB()).encryptor().update(sample)
    first_byte = packet[0] ^ (mask[0] & 0x0F)
    pn_end = pn_at + (first_byte & 3) + 1
    number = bytes(a ^ b for a, b in zip(packet[pn_at:pn_end], mask[1:], strict=False))
    header = bytes([first_byte]) + packet[1:pn_at] + number
    nonce = int.from_bytes(keys.iv, "big") ^ int.from_bytes(number, "big")
    try:
        return AESGCM(keys.key).decrypt(nonce.to_bytes(12, "big"), packet[pn_end:], header)
    except InvalidTag:
        return None


_PADDING = re.compile(rb"\x00*")


def _gather_crypto(frames: bytes, stream: dict[int, bytes]) -> None:
    """Adds the CRYPTO frames among `frames` to `stream` (offset to bytes)."""
    at = Cursor(frames)
    try:
        while at.left:
            kind = at.u8()
            if kind == 0x00:
                padding = _PADDING.match(frames, at.at)
                at.at = padding.end() if padding else at.at
            elif kind in (0x02, 0x03):
                _skip_ack(at, with_ecn=kind == 0x03)
            elif kind == 0x06:
                offset = _varint(at)
                data = at.take(_varint(at))
                known = stream.get(offset, b"")
                if offset + len(data) <= MAX_CRYPTO_BYTES and len(data) > len(known):
                    stream[offset] = data
            elif kind != 0x01:  # PING; nothing else belongs in a client's first Initials
                return
    except ShortError:
        return


def _skip_ack(at: Cursor, *, with_ecn: bool) -> None:
    _varint(at)  # largest acknowledged
    _varint(at)  # delay
    n_ranges = _varint(at)
    _varint(at)  # first range
    for _ in range(min(2 * n_ranges, at.left)):
        _varint(at)
    for _ in range(3 if with_ecn else 0):
        _varint(at)


def _contiguous(stream: dict[int, bytes]) -> bytes:
    """The stream from offset 0 up to its first gap."""
    joined = b""
    for offset in sorted(stream):
        if offset > len(joined):
            break
        joined += stream[offset][len(joined) - offset :]
    return joined


def _expand(secret: bytes, label: bytes, n_bytes: int) -> bytes:
    """HKDF-Expand-Label with SHA-256 and no context (RFC 8446 section 7.1), up to 32 bytes."""
    label = b"tls13 " + label
    info = n_bytes.to_bytes(2, "big") + bytes([len(label)]) + label + b"\x00"
    return hmac.digest(secret, info + b"\x01", "sha256")[:n_bytes]
