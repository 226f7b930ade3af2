"""DHCP: RFC 2131, options RFC 2132, client name RFC 4702; DHCPv6: RFC 8415, name RFC 4704."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from wiretell.protocols.cursor import Cursor, ShortError
from wiretell.protocols.dns import read_name
from wiretell.protocols.text import text

DISCOVER, OFFER, REQUEST, ACK, INFORM = 1, 2, 3, 5, 8
"""Message types (option 53)."""
V6_SERVER_PORT = 547
"""DHCPv6 servers and relays listen on and send from this port."""

_COOKIE = b"\x63\x82\x53\x63"
_PAD, _END = 0, 255
_HOST_NAME, _REQUESTED, _TYPE, _PARAMETERS, _VENDOR, _CLIENT_ID, _FQDN = 12, 50, 53, 55, 60, 61, 81

_V6_CLIENT_ID, _V6_OPTIONS_WANTED, _V6_VENDOR_CLASS, _V6_FQDN = 1, 6, 16, 39
_V6_RELAY_TYPES = (12, 13)


@dataclass(frozen=True, slots=True)
class Lease:
    """One DHCP message; absent fields are `None` or empty.

    `from_client`: sent by the client. `mac`: the client's card (aa:bb:cc:dd:ee:ff).
    `own_address`: the address it uses already, `your_address`: the one the server gives.
    `parameters`: the options it asks for, in its order: a handwriting of its DHCP client.
    """

    from_client: bool
    type: int | None
    mac: str | None
    own_address: str | None
    your_address: str | None
    requested_address: str | None
    host_name: str | None
    vendor_class: str | None
    client_id: bytes
    parameters: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lease6:
    """One DHCPv6 message between client and server; `duid` is the client's identifier."""

    type: int
    duid: bytes
    fqdn: str | None
    vendor_class: str | None
    parameters: tuple[int, ...]

    @property
    def mac(self) -> str | None:
        """The card's address within the DUID, where it is made from one (RFC 8415 section 11)."""
        made_from_card = self.duid[:4] in (b"\x00\x01\x00\x01", b"\x00\x03\x00\x01")
        return self.duid[-6:].hex(":") if made_from_card and len(self.duid) in (10, 14) else None


def parse(data: bytes) -> Lease | None:
    """Reads one DHCP (or BOOTP) message over IPv4; options as far as they go."""
    if len(data) < 236 or data[0] not in (1, 2):
        return None
    options = _options(data[240:]) if data[236:240] == _COOKIE else {}
    kind = options.get(_TYPE, b"")
    ether = data[1] == 1 and data[2] == 6
    return Lease(
        from_client=data[0] == 1,
        type=kind[0] if kind else None,
        mac=data[28:34].hex(":") if ether and any(data[28:34]) else None,
        own_address=_address(data[12:16]),
        your_address=_address(data[16:20]),
        requested_address=_address(options.get(_REQUESTED, b"")),
        host_name=_host_name(options),
        vendor_class=text(options.get(_VENDOR, b"").rstrip(b"\x00")) or None,
        client_id=options.get(_CLIENT_ID, b""),
        parameters=tuple(options.get(_PARAMETERS, b"")),
    )


def parse6(data: bytes) -> Lease6 | None:
    """Reads one DHCPv6 message; `None` for those between relays."""
    if len(data) < 4 or data[0] in _V6_RELAY_TYPES or not 1 <= data[0] <= 36:
        return None
    options: dict[int, bytes] = {}
    at = Cursor(data, 4)
    try:
        while at.left:
            options.setdefault(at.u16(), at.vector16())
    except ShortError:
        pass
    wanted = options.get(_V6_OPTIONS_WANTED, b"")
    return Lease6(
        type=data[0],
        duid=options.get(_V6_CLIENT_ID, b""),
        fqdn=_wire_name(options.get(_V6_FQDN, b"")[1:]),
        vendor_class=text(options.get(_V6_VENDOR_CLASS, b"")[6:]) or None,
        parameters=tuple(
            int.from_bytes(wanted[i : i + 2], "big") for i in range(0, len(wanted) - 1, 2)
        ),
    )


def _options(data: bytes) -> dict[int, bytes]:
    """Option code to its bytes; repeated options are joined (RFC 3396)."""
    options: dict[int, bytes] = {}
    at = Cursor(data)
    try:
        while at.left:
            code = at.u8()
            if code == _END:
                break
            if code != _PAD:
                options[code] = options.get(code, b"") + at.vector8()
    except ShortError:
        pass
    return options


def _address(data: bytes) -> str | None:
    return str(IPv4Address(data)) if len(data) == 4 and any(data) else None


def _host_name(options: dict[int, bytes]) -> str | None:
    """The host name option, else the name of the FQDN option (encoded or plain)."""
    name = text(options.get(_HOST_NAME, b"").rstrip(b"\x00"))
    fqdn = options.get(_FQDN, b"")
    if not name and len(fqdn) > 3:
        encoded = fqdn[0] & 0x04
        name = (_wire_name(fqdn[3:]) if encoded else text(fqdn[3:].rstrip(b"\x00"))) or ""
    return name or None


def _wire_name(data: bytes) -> str | None:
    """A name in DNS encoding, which may be partial: without the root at its end (RFC 4702)."""
    try:
        return read_name(Cursor(data + b"\x00")) or None
    except ShortError:
        return None
