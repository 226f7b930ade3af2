"""The protocols of which only a line or two is read."""

from __future__ import annotations

import struct

from wiretell.protocols import bittorrent, greeting, ntp, sip, ssdp, stun


def test_ssdp_notification_and_search() -> None:
    notify = (
        b"NOTIFY * HTTP/1.1\r\nSERVER: Linux/3.2 UPnP/1.0 Box/1\r\n"
        b"USN: uuid:12::upnp:rootdevice\r\n"
        b"Location: http://10.0.0.6:80/d.xml\r\n\r\n"
    )
    assert ssdp.parse(notify) == ssdp.Announcement(
        search=False,
        server="Linux/3.2 UPnP/1.0 Box/1",
        usn="uuid:12::upnp:rootdevice",
        user_agent=None,
        location="http://10.0.0.6:80/d.xml",
    )
    search = ssdp.parse(b"M-SEARCH * HTTP/1.1\r\nUSER-AGENT: Browser/1 Windows\r\n\r\n")
    assert search is not None
    assert search.search
    assert search.user_agent == "Browser/1 Windows"
    cut = ssdp.parse(notify[:40])
    assert cut is not None
    assert cut.server is None
    assert ssdp.parse(b"GET / HTTP/1.1\r\n\r\n") is None


def test_bittorrent_peer_and_node() -> None:
    handshake = b"\x13BitTorrent protocol" + bytes(8) + bytes(20) + b"-UT3500-\x00\xffabcdefghij"
    assert bittorrent.peer_id(handshake) == "-UT3500-%00%FFabcdefghij"
    assert bittorrent.peer_id(handshake[:-1]) is None
    assert bittorrent.node_id(b"d1:ad2:id20:" + bytes(range(20)) + b"e") == bytes(range(20)).hex()
    assert bittorrent.node_id(b"d1:ad2:id20:short") is None
    assert bittorrent.node_id(b"hello") is None


def stun_message(kind: int, *attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(
        struct.pack(">HH", code, len(data)) + data + bytes(-len(data) % 4)
        for code, data in attributes
    )
    return struct.pack(">HHI", kind, len(body), stun.MAGIC_COOKIE) + bytes(range(12)) + body


def test_stun_response_of_rfc_5769_section_2_2() -> None:
    # RFC 5769's transaction id and attributes: 192.0.2.1 port 32853, software "test vector".
    key = bytes.fromhex("2112a442b7e7a701bc34d686fa87dfae")
    attributes = bytes.fromhex("8022000b7465737420766563746f7220002000080001a147e112a643")
    data = b"\x01\x01" + len(attributes).to_bytes(2, "big") + key + attributes
    assert stun.parse(data) == stun.Message(True, "192.0.2.1 32853", "test vector")


def test_stun_mapped_address_of_older_servers_and_requests() -> None:
    plain = (0x0001, b"\x00\x01\x12\x34\xc0\x00\x02\x07")
    assert stun.parse(stun_message(0x0101, plain)) == stun.Message(True, "192.0.2.7 4660", None)
    assert stun.parse(stun_message(0x0001, plain)) == stun.Message(False, None, None)
    assert stun.parse(bytes(20)) is None


def test_ntp_header_and_clock() -> None:
    head = bytes([0x23, 2, 6, 0xEC]) + bytes(8) + bytes([192, 0, 2, 9]) + bytes(24)
    packet = ntp.parse(head + struct.pack(">II", 2_208_988_800 + 100, 1 << 31))
    assert packet is not None
    assert (packet.version, packet.mode, packet.poll, packet.precision) == (4, ntp.CLIENT, 6, -20)
    assert packet.reference == "192.0.2.9"
    assert packet.transmit_s == 100.5
    after_2036 = ntp.parse(head + struct.pack(">II", 5, 0))
    assert after_2036 is not None
    assert after_2036.transmit_s == 2**32 + 5 - 2_208_988_800
    silent = ntp.parse(head + bytes(8))
    assert silent is not None
    assert silent.transmit_s is None
    assert ntp.parse(bytes(48)) is None


def test_mail_and_file_greetings() -> None:
    assert greeting.helo(b"EHLO laptop.local\r\nMAIL FROM:<a>\r\n") == "laptop.local"
    assert greeting.helo(b"\r\nhelo [10.0.0.2]\n") == "[10.0.0.2]"
    assert greeting.helo(b"EHLO lapto") is None
    assert greeting.helo(b"MAIL FROM:<EHLO x>\r\n") is None
    assert greeting.banner(b"220 mail.example ESMTP\r\n") == "mail.example ESMTP"
    assert greeting.banner(b"220-first\r\n220 second\r\n") == "first"
    assert greeting.banner(b"* OK IMAP ready\r\n") == "IMAP ready"
    assert greeting.banner(b"220 cut") is None


def test_sip_request() -> None:
    data = (
        b"REGISTER sip:pbx.example SIP/2.0\r\nUser-Agent: Phone 1\r\nCall-ID: a@b\r\n"
        b'm: "Ann" <sip:ann@10.0.0.4:5060;x=1>;expires=60\r\n\r\n'
    )
    assert sip.parse(data) == sip.Message(True, "Phone 1", "a@b", "sip:ann@10.0.0.4:5060")
    answer = sip.parse(b"SIP/2.0 200 OK\r\nServer: PBX\r\nCall-ID: cut")
    assert answer == sip.Message(False, "PBX", None, None)
    assert sip.parse(b"GET / HTTP/1.1\r\n\r\n") is None
