"""Names and identifiers that machines give in clear, and names they ask for.

Physics: none; people and software name machines, and protocols of the local segment say the names
aloud. Blind spots: most stay on the segment and are not seen beyond a router; names repeat
(`iPhone`), and are set by whoever sets them; encrypted DNS hides what is asked.

Quantities, about the sender unless said otherwise; one row per distinct text and flow side:

- DNS (RFC 1035), port 53: `dns_query` (name); about the asker: `dns_answer`, "NAME ADDRESS", NAME
  being the one asked for. mDNS (RFC 6762): `mdns_query`, `mdns_name` (its own host names),
  `mdns_service` (instances it offers). LLMNR (RFC 4795): `llmnr_query`, `llmnr_name`.
- DHCP (RFC 2131, 8415): `dhcp_hostname`, `dhcp_vendor`, `dhcp_fingerprint` (options asked for, in
  order, comma-joined), `dhcp_mac`, `dhcp_client_id`, `dhcp_duid` (hex); their address is the one
  the client has or asks for, and `dhcp_mac` once more for the address a server acknowledges.
- NetBIOS (RFC 1002): `netbios_name` (own, unique: NAME<suffix>), `netbios_group`,
  `netbios_query`.
- SSH (RFC 4253): `ssh_banner`, `hassh` (client), `hassh_server`.
- `ssdp_server`, `ssdp_usn`, `ssdp_user_agent`, `ssdp_location` (UPnP); `bittorrent_peer`,
  `bittorrent_node`; `stun_software` and, about the asker, `stun_mapped` ("ADDRESS PORT");
  `smtp_helo`, `server_banner` (SMTP, FTP, POP3, IMAP); `sip_user_agent`, `sip_call_id`,
  `sip_contact`; `ntp_header` (how it fills the header), `ntp_transmit` (its clock minus the time
  of arrival, s).
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from wiretell.payload import TCP, UDP, Facts, Payload, datagrams, either_port, payloads, starts_with
from wiretell.protocols import (
    bittorrent,
    dhcp,
    dns,
    greeting,
    netbios,
    ntp,
    sip,
    ssdp,
    ssh,
    stun,
)
from wiretell.signal import Signal

NAME = "names"

_MAX_CLOCK_OFFSET_S = 86_400.0
"""A transmit time further off is taken for the random number newer clients send."""

_Reader = Callable[[Facts, Payload], None]


def extract(flows: pl.DataFrame) -> pl.DataFrame:
    """Observations of a batch of flows (`FLOWS` and the payload columns)."""
    facts = Facts(NAME)
    data = pl.col("data")
    udp = either_port(*_UDP_PORTS)
    for start, prefixes in ((2, _SSDP_STARTS + bittorrent.DHT_STARTS), (6, (_STUN_COOKIE,))):
        slices = data.bin.slice(start, 16)
        udp |= pl.any_horizontal(slices.bin.starts_with(p) for p in prefixes)
    tcp = starts_with(*_TCP_STARTS) | either_port(*_TCP_PORTS)
    wanted = ((pl.col("proto") == UDP) & udp) | ((pl.col("proto") == TCP) & tcp)
    for payload in payloads(flows, wanted):
        _reader(payload)(facts, payload)
    return facts.frame()


def _reader(of: Payload) -> _Reader:
    if of.proto == TCP:
        by_port = _TCP_PORTS.get(of.peer_port) or _TCP_PORTS.get(of.port)
        return by_port or next(r for s, r in _TCP_STARTS.items() if of.data.startswith(s))
    if of.data[6:10] == _STUN_COOKIE:
        return _stun_facts
    if of.data.startswith(_SSDP_STARTS, 2):
        return _ssdp_facts
    if of.data.startswith(bittorrent.DHT_STARTS, 2):
        return _dht_facts
    return _UDP_PORTS.get(of.peer_port) or _UDP_PORTS[of.port]


def _dns_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        message = dns.parse(datagram)
        if message is None or message.opcode != 0:
            continue
        asked = message.questions[0].name.lower() if message.questions else ""
        if not message.response:
            facts.text(of, "dns_query", asked)
            continue
        for answer in message.answers:
            if answer.type in (dns.A, dns.AAAA) and answer.value:
                facts.text(of, "dns_answer", f"{asked} {answer.value}", of_receiver=True)


def _mdns_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        message = dns.parse(datagram)
        if message is None:
            continue
        if not message.response:  # its answers are known ones: names of others
            for question in message.questions:
                facts.text(of, "mdns_query", question.name)
            continue
        for record in (*message.answers, *message.additional):
            if record.type in (dns.A, dns.AAAA):
                facts.text(of, "mdns_name", record.name)
            elif record.type == dns.SRV:
                facts.text(of, "mdns_name", record.value)
                facts.text(of, "mdns_service", record.name)


def _llmnr_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        message = dns.parse(datagram)
        if message is None:
            continue
        quantity = "llmnr_name" if message.response else "llmnr_query"
        for question in message.questions:
            facts.text(of, quantity, question.name)


def _dhcp_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        lease = dhcp.parse(datagram)
        if lease is None:
            continue
        if not lease.from_client:
            if lease.type == dhcp.ACK and lease.your_address:
                address = lease.your_address
                facts.text(of, "dhcp_mac", lease.mac, of_receiver=True, address=address)
            continue
        address = lease.own_address or lease.requested_address or of.address
        for quantity, text in (
            ("dhcp_hostname", lease.host_name),
            ("dhcp_vendor", lease.vendor_class),
            ("dhcp_fingerprint", ",".join(map(str, lease.parameters))),
            ("dhcp_mac", lease.mac),
            ("dhcp_client_id", lease.client_id.hex()),
        ):
            facts.text(of, quantity, text, address=address)


def _dhcp6_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        lease = dhcp.parse6(datagram)
        if lease is None or of.port == dhcp.V6_SERVER_PORT:
            continue
        facts.text(of, "dhcp_hostname", lease.fqdn)
        facts.text(of, "dhcp_vendor", lease.vendor_class)
        facts.text(of, "dhcp_fingerprint", ",".join(map(str, lease.parameters)))
        facts.text(of, "dhcp_mac", lease.mac)
        facts.text(of, "dhcp_duid", lease.duid.hex())


def _netbios_name_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        for name in netbios.own_names(datagram):
            _netbios_own(facts, of, name)
        queried = netbios.queried_name(datagram)
        facts.text(of, "netbios_query", str(queried) if queried else None)


def _netbios_datagram_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        source = netbios.datagram_source(datagram)
        if source:
            _netbios_own(facts, of, source)


def _netbios_own(facts: Facts, of: Payload, name: netbios.Name) -> None:
    facts.text(of, "netbios_group" if name.group else "netbios_name", str(name))


def _ssh_facts(facts: Facts, of: Payload) -> None:
    opening = ssh.opening(of.data)
    if opening is None:
        return
    facts.text(of, "ssh_banner", opening.banner)
    if opening.key_exchange:
        is_client = of.side == 0
        hassh = opening.key_exchange.hassh(client=is_client)
        facts.text(of, "hassh" if is_client else "hassh_server", hassh)


def _ssdp_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        announcement = ssdp.parse(datagram)
        if announcement is None:
            continue
        facts.text(of, "ssdp_server", announcement.server)
        facts.text(of, "ssdp_usn", announcement.usn)
        facts.text(of, "ssdp_user_agent", announcement.user_agent)
        facts.text(of, "ssdp_location", announcement.location)


def _peer_facts(facts: Facts, of: Payload) -> None:
    facts.text(of, "bittorrent_peer", bittorrent.peer_id(of.data))


def _dht_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        facts.text(of, "bittorrent_node", bittorrent.node_id(datagram))


def _stun_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data):
        message = stun.parse(datagram)
        if message:
            facts.text(of, "stun_software", message.software)
            facts.text(of, "stun_mapped", message.mapped, of_receiver=True)


def _ntp_facts(facts: Facts, of: Payload) -> None:
    for number, datagram in enumerate(datagrams(of.data)):
        packet = ntp.parse(datagram)
        if packet is None:
            continue
        facts.text(of, "ntp_header", str(packet))
        if number == 0 and packet.transmit_s is not None and of.time_ns is not None:
            offset_s = packet.transmit_s - of.time_ns / 1e9
            if abs(offset_s) < _MAX_CLOCK_OFFSET_S:
                facts.number(of, "ntp_transmit", offset_s, "s")


def _sip_facts(facts: Facts, of: Payload) -> None:
    for datagram in datagrams(of.data) if of.proto == UDP else (of.data,):
        message = sip.parse(datagram)
        if message:
            facts.text(of, "sip_user_agent", message.user_agent)
            facts.text(of, "sip_call_id", message.call_id)
            facts.text(of, "sip_contact", message.contact)


def _helo_facts(facts: Facts, of: Payload) -> None:
    facts.text(of, "smtp_helo", greeting.helo(of.data))


def _banner_facts(facts: Facts, of: Payload) -> None:
    facts.text(of, "server_banner", greeting.banner(of.data))


_UDP_PORTS: dict[int, _Reader] = {
    53: _dns_facts,
    67: _dhcp_facts,
    68: _dhcp_facts,
    123: _ntp_facts,
    137: _netbios_name_facts,
    138: _netbios_datagram_facts,
    546: _dhcp6_facts,
    547: _dhcp6_facts,
    5060: _sip_facts,
    5353: _mdns_facts,
    5355: _llmnr_facts,
}
_TCP_PORTS: dict[int, _Reader] = {53: _dns_facts, 5060: _sip_facts}
_TCP_STARTS: dict[bytes, _Reader] = {
    b"SSH-": _ssh_facts,
    bittorrent.HANDSHAKE: _peer_facts,
    b"EHLO ": _helo_facts,
    b"ehlo ": _helo_facts,
    b"HELO ": _helo_facts,
    b"helo ": _helo_facts,
    b"220 ": _banner_facts,
    b"220-": _banner_facts,
    b"+OK": _banner_facts,
    b"* OK": _banner_facts,
}
_SSDP_STARTS = (b"NOTIFY * HTTP/", b"M-SEARCH * HTTP/", b"HTTP/1.1 200 ")
_STUN_COOKIE = stun.MAGIC_COOKIE.to_bytes(4, "big")


SIGNAL = Signal(NAME, extract=extract)
