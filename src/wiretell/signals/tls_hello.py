"""How a client opens TLS: its handwriting, whom it asks for, and what it resumes.

Physics: the hello is written by the TLS library, so its shape (JA4) tells library, version and
often browser; a session ticket or PSK identity offered again was given to this machine only.
Sources: RFC 8446, RFC 9001 (QUIC), FoxIO's JA4 description.
Blind spots: one machine has many libraries, and machines with the same browser write alike;
encrypted ClientHello hides the true name; a hello longer than the payload kept has no JA4.

Quantities, about the client: `ja4`, `alpn` (comma-joined), `sni`, `tls_session_offered`,
`tls_ticket_offered` (tickets and PSK identities), `tls_session_issued`, `tls_ticket_issued` (what
the server gave it; all four the beginning of a SHA-256), and of QUIC also `quic_dcid` (the first
destination connection id, hex) and `quic_token_offered`. About the sender: `tls_hello_time` (its
clock minus the time of arrival, s).
"""

from __future__ import annotations

from hashlib import sha256

import polars as pl

from wiretell.payload import TCP, UDP, Facts, Payload, datagrams, payloads, starts_with
from wiretell.protocols import quic, tls
from wiretell.protocols.ja4 import ja4
from wiretell.protocols.text import text
from wiretell.signal import Signal

NAME = "tls_hello"

_CLIENT_HELLO = 1
_HELLOS = (b"\x01", b"\x02")
_MAX_CLOCK_OFFSET_S = 86_400.0
"""A time further off is taken for the random number that newer stacks send."""


def extract(flows: pl.DataFrame) -> pl.DataFrame:
    """Observations of a batch of flows (`FLOWS` and the payload columns)."""
    facts = Facts(NAME)
    over_tcp = (pl.col("proto") == TCP) & starts_with(b"\x16\x03")
    first_bytes = pl.col("data").bin.slice(3, 4)
    client_udp = (pl.col("proto") == UDP) & (pl.col("side") == 0)
    over_quic = client_udp & first_bytes.is_in(quic.VERSION_BYTES)
    for payload in payloads(flows, over_tcp | over_quic):
        _hello_time(facts, payload)
        if payload.proto == UDP:
            _quic_facts(facts, payload)
        elif payload.data[5:6] == bytes([_CLIENT_HELLO]):
            hello = tls.client_hello(payload.data)
            if hello:
                _hello_facts(facts, payload, hello, "t")
        else:
            _server_facts(facts, payload)
    return facts.frame()


def _hello_facts(facts: Facts, of: Payload, hello: tls.ClientHello, transport: str) -> None:
    if not hello.cut:
        facts.text(of, "ja4", ja4(hello, transport))
    facts.text(of, "alpn", ",".join(text(name, 32) for name in hello.alpn[:16]))
    facts.text(of, "sni", hello.sni.lower() if hello.sni else None)
    facts.text(of, "tls_session_offered", _digest(hello.session_id))
    for ticket in (hello.session_ticket, *hello.psk_identities):
        facts.text(of, "tls_ticket_offered", _digest(ticket))


def _hello_time(facts: Facts, of: Payload) -> None:
    """gmt_unix_time (RFC 5246 section 7.4.1.2), where it is a time: newer stacks draw it."""
    if of.proto == UDP or of.time_ns is None or of.data[5:6] not in _HELLOS:
        return
    offset_s = int.from_bytes(of.data[11:15], "big") - of.time_ns / 1e9
    if len(of.data) >= 15 and abs(offset_s) < _MAX_CLOCK_OFFSET_S:
        facts.number(of, "tls_hello_time", offset_s, "s", 1.0)


def _server_facts(facts: Facts, of: Payload) -> None:
    hello = tls.server_hello(of.data)
    if hello is None:
        return
    if hello.version < tls.TLS_1_3:  # later versions only echo the client's id
        facts.text(of, "tls_session_issued", _digest(hello.session_id), of_receiver=True)
    facts.text(of, "tls_ticket_issued", _digest(hello.session_ticket), of_receiver=True)


def _quic_facts(facts: Facts, of: Payload) -> None:
    opening = quic.client_opening(datagrams(of.data))
    if opening is None:
        return
    facts.text(of, "quic_dcid", opening.dcid.hex())
    facts.text(of, "quic_token_offered", _digest(opening.token))
    hello = tls.parse_client_hello(opening.crypto)
    if hello:
        _hello_facts(facts, of, hello, "q")


def _digest(secret: bytes) -> str | None:
    """What stands for an identifier: enough to compare, of no use to anyone who would replay it."""
    return sha256(secret).hexdigest()[:16] if secret else None


SIGNAL = Signal(NAME, extract=extract)
