from __future__ import annotations

from wiretell.protocols import bittorrent


def test_bittorrent_peer_and_node() -> None:
    handshake = b"\x13BitTorrent protocol" + bytes(8) + bytes(20) + b"-UT3500-\x00\xffabcdefghij"
    assert bittorrent.peer_id(handshake) == "-UT3500-%00%FFabcdefghij"
    assert bittorrent.peer_id(handshake[:-1]) is None
    assert bittorrent.node_id(b"d1:ad2:id20:" + bytes(range(20)) + b"e") == bytes(range(20)).hex()
    assert bittorrent.node_id(b"d1:ad2:id20:short") is None
    assert bittorrent.node_id(b"hello") is None
