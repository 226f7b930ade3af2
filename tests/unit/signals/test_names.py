from __future__ import annotations

import struct

import polars as pl
import pytest
from payload_flows import flows_of, framed

from wiretell.model.tables import OBSERVATIONS
from wiretell.protocols import stun
from wiretell.signals import names

MAC = bytes.fromhex("20f85eca9152")


def labels(text: str) -> bytes:
    return b"".join(bytes([len(p)]) + p.encode() for p in text.split(".")) + b"\x00"


def dns_message(flags: int, question: str, *answers: tuple[str, int, bytes]) -> bytes:
    data = struct.pack(">6H", 1, flags, 1 if question else 0, len(answers), 0, 0)
    if question:
        data += labels(question) + b"\x00\x01\x00\x01"
    for owner, kind, value in answers:
        data += labels(owner) + struct.pack(">HHIH", kind, 1, 60, len(value)) + value
    return data


def rows(found: pl.DataFrame) -> list[tuple[str, str, str | None]]:
    return found.select("address", "quantity", "text").rows()


def udp(port: int, orig: bytes | None = None, resp: bytes | None = None) -> dict[str, object]:
    return {
        "proto": 17,
        "resp_p": port,
        "orig_payload": framed(orig) if orig else None,
        "resp_payload": framed(resp) if resp else None,
    }


@pytest.mark.parametrize("proto", [17, 6])
def test_dns_answer_is_about_the_asker(proto: int) -> None:
    query = dns_message(0x0100, "Www.Example.org")
    answer = dns_message(
        0x8180,
        "Www.Example.org",
        ("www.example.org", 5, labels("cdn.example.org")),
        ("cdn.example.org", 1, bytes([192, 0, 2, 7])),
    )
    found = names.extract(flows_of({**udp(53, query, answer), "proto": proto}))
    assert found.schema == OBSERVATIONS.schema
    assert rows(found) == [
        ("10.0.0.1", "dns_query", "www.example.org"),
        ("10.0.0.1", "dns_answer", "www.example.org 192.0.2.7"),
    ]
    assert found["side"].to_list() == [0, 0]
    assert found["time_ns"].to_list() == [1_000, 2_000]


def test_mdns_names_its_sender_only_in_responses() -> None:
    announced = dns_message(0x8400, "", ("box.local", 1, bytes([10, 0, 0, 1])))
    known_answer = dns_message(0, "_ipp._tcp.local", ("other.local", 1, bytes([10, 0, 0, 5])))
    found = names.extract(flows_of(udp(5353, announced), udp(5353, known_answer)))
    assert rows(found) == [
        ("10.0.0.1", "mdns_name", "box.local"),
        ("10.0.0.1", "mdns_query", "_ipp._tcp.local"),
    ]


def dhcp_message(op: int, options: bytes, your: bytes = bytes(4)) -> bytes:
    fixed = bytes([op, 1, 6, 0]) + bytes(12) + your + bytes(8) + MAC.ljust(16, b"\x00")
    return fixed + bytes(192) + b"\x63\x82\x53\x63" + options


def test_dhcp_client_is_known_by_the_address_it_asks_for() -> None:
    request = dhcp_message(1, b"\x35\x01\x03\x32\x04\x0a\x00\x00\x07\x0c\x03box\x37\x02\x01\x03")
    found = names.extract(flows_of({**udp(67, request), "orig_h": "0.0.0.0", "orig_p": 68}))
    assert rows(found) == [
        ("10.0.0.7", "dhcp_hostname", "box"),
        ("10.0.0.7", "dhcp_fingerprint", "1,3"),
        ("10.0.0.7", "dhcp_mac", "20:f8:5e:ca:91:52"),
    ]
    assert set(found["side"]) == {0}


def test_dhcp_server_names_the_card_behind_an_address() -> None:
    ack = dhcp_message(2, b"\x35\x01\x05", your=bytes([10, 0, 0, 9]))
    flow = {**udp(68, ack), "orig_h": "10.0.0.254", "orig_p": 67, "resp_h": "255.255.255.255"}
    found = names.extract(flows_of(flow))
    assert rows(found) == [("10.0.0.9", "dhcp_mac", "20:f8:5e:ca:91:52")]
    assert found["side"].to_list() == [1]


def test_stun_answer_is_about_the_asker_whatever_the_port() -> None:
    value = b"\x00\x01" + bytes.fromhex("a147e112a643")
    body = struct.pack(">HH", 0x0020, len(value)) + value
    answer = struct.pack(">HHI", 0x0101, len(body), stun.MAGIC_COOKIE) + bytes(12) + body
    found = names.extract(flows_of(udp(40123, None, answer)))
    assert rows(found) == [("10.0.0.1", "stun_mapped", "192.0.2.1 32853")]


def test_streams_are_told_by_their_first_bytes() -> None:
    found = names.extract(
        flows_of(
            {"resp_p": 2222, "orig_payload": b"SSH-2.0-a\r\n", "resp_payload": b"SSH-2.0-b\r\n"},
            {"orig_payload": b"EHLO box.lan\r\n", "resp_payload": b"220 mail ESMTP\r\n"},
            {"orig_payload": b"\x13BitTorrent protocol" + bytes(28) + b"-AB1234-abcdefghijkl"},
            {"orig_payload": b"GET / HTTP/1.1\r\n\r\n"},
        )
    )
    assert rows(found) == [
        ("10.0.0.1", "ssh_banner", "SSH-2.0-a"),
        ("192.0.2.1", "ssh_banner", "SSH-2.0-b"),
        ("10.0.0.1", "smtp_helo", "box.lan"),
        ("192.0.2.1", "server_banner", "mail ESMTP"),
        ("10.0.0.1", "bittorrent_peer", "-AB1234-abcdefghijkl"),
    ]


def test_ntp_clock_of_a_client_unless_it_is_a_random_number() -> None:
    def packet(transmit_s: int) -> bytes:
        return bytes([0x23]) + bytes(39) + struct.pack(">II", transmit_s + 2_208_988_800, 0)

    flow = {**udp(123, packet(1_000_005)), "orig_payload_ns": 1_000_000 * 10**9}
    found = names.extract(flows_of(flow)).filter(quantity="ntp_transmit")
    assert found["value"].to_list() == [5.0]
    assert found["unit"].to_list() == ["s"]
    flow["orig_payload"] = framed(packet(1_500_000))
    assert names.extract(flows_of(flow)).filter(quantity="ntp_transmit").is_empty()


def test_discovery_of_the_local_segment() -> None:
    notify = b"NOTIFY * HTTP/1.1\r\nSERVER: Box/1\r\nUSN: uuid:12\r\n\r\n"
    letters = bytes(
        c for byte in b"LAPTOP         \x20" for c in (65 + (byte >> 4), 65 + (byte & 15))
    )
    netbios = b"\x11" + bytes(13) + b"\x20" + letters + b"\x00"
    found = names.extract(flows_of(udp(1900, notify), udp(138, netbios)))
    assert rows(found) == [
        ("10.0.0.1", "ssdp_server", "Box/1"),
        ("10.0.0.1", "ssdp_usn", "uuid:12"),
        ("10.0.0.1", "netbios_name", "LAPTOP<20>"),
    ]


def test_no_payload_gives_an_empty_table() -> None:
    assert names.extract(flows_of({})).equals(OBSERVATIONS.empty())
