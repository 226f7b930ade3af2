from __future__ import annotations

from wiretell.protocols import quic

DCID = bytes.fromhex("8394c8f03e515708")


def test_version_1_keys_of_rfc_9001_appendix_a_1() -> None:
    assert quic.client_initial_keys(1, DCID) == quic.Keys(
        key=bytes.fromhex("1f369613dd76d5467730efcbe3b1a22d"),
        iv=bytes.fromhex("fa044b2f42a3fd3b46fb255c"),
        hp=bytes.fromhex("9f50449e04a0e810283a1e9933adedd2"),
    )


def test_version_2_keys_of_rfc_9369_appendix_a_1() -> None:
    assert quic.client_initial_keys(0x6B3343CF, DCID) == quic.Keys(
        key=bytes.fromhex("8b1a0bc121284290a29e0971b5cd045d"),
        iv=bytes.fromhex("91f73e2351d8fa91660e909f"),
        hp=bytes.fromhex("45b95e15235d6f45a6b19cbcb0294ba9"),
    )


def test_versions_not_known_have_no_keys() -> None:
    assert quic.client_initial_keys(0xFF00001D, DCID) is None
