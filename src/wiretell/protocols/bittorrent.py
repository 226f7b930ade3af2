"""BitTorrent: peer handshake (BEP 3) and the identifier of a DHT node (BEP 5)."""

from __future__ import annotations

import re

HANDSHAKE = b"\x13BitTorrent protocol"

_ID_BYTES = 20
_OTHER = re.compile(r"[^A-Za-z0-9_.~-]")

DHT_STARTS = (b"d1:ad2:id20:", b"d1:rd2:id20:")
"""How a node's query and response begin; its id follows."""


def peer_id(payload: bytes) -> str | None:
    """The sender's peer id, percent-encoded as trackers see it; `None` where it is not whole."""
    found = payload[48:68]
    if not payload.startswith(HANDSHAKE) or len(found) < _ID_BYTES:
        return None
    return _OTHER.sub(lambda byte: f"%{ord(byte.group()):02X}", found.decode("latin-1"))


def node_id(datagram: bytes) -> str | None:
    """The sender's DHT node id in hex, from a query or response; `None` where it is not whole."""
    found = datagram[12:32]
    if not datagram.startswith(DHT_STARTS) or len(found) < _ID_BYTES:
        return None
    return found.hex()
