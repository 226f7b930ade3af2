from __future__ import annotations

from wiretell.protocols import dhcp

MAC = bytes.fromhex("20f85eca9152")


def message(op: int, options: bytes, own: bytes = bytes(4), your: bytes = bytes(4)) -> bytes:
    fixed = bytes([op, 1, 6, 0]) + bytes(8) + own + your + bytes(8) + MAC.ljust(16, b"\x00")
    return fixed + bytes(192) + b"\x63\x82\x53\x63" + options


def option(code: int, data: bytes) -> bytes:
    return bytes([code, len(data)]) + data


def test_request_of_a_client() -> None:
    options = (
        option(53, b"\x03")
        + option(61, b"\x01" + MAC)
        + b"\x00\x00"
        + option(50, bytes([10, 0, 0, 7]))
        + option(12, b"kitchen\x00")
        + option(60, b"MSFT 5.0")
        + option(55, bytes([1, 3, 6]))
        + option(55, bytes([15]))
        + b"\xff"
        + option(12, b"after the end")
    )
    assert dhcp.parse(message(1, options)) == dhcp.Lease(
        from_client=True,
        type=dhcp.REQUEST,
        mac="20:f8:5e:ca:91:52",
        own_address=None,
        your_address=None,
        requested_address="10.0.0.7",
        host_name="kitchen",
        vendor_class="MSFT 5.0",
        client_id=b"\x01" + MAC,
        parameters=(1, 3, 6, 15),
    )


def test_name_of_the_fqdn_option_encoded_and_plain() -> None:
    encoded = dhcp.parse(message(1, option(81, b"\x05\x00\x00\x06laptop\x03lan\x00")))
    plain = dhcp.parse(message(1, option(81, b"\x00\x00\x00laptop.lan")))
    assert encoded is not None
    assert plain is not None
    assert encoded.host_name == plain.host_name == "laptop.lan"


def test_answer_of_a_server() -> None:
    lease = dhcp.parse(message(2, option(53, b"\x05"), your=bytes([10, 0, 0, 9])))
    assert lease is not None
    assert (lease.from_client, lease.type, lease.your_address) == (False, dhcp.ACK, "10.0.0.9")


def test_cut_options_and_bootp() -> None:
    lease = dhcp.parse(message(1, option(12, b"kitchen") + b"\x3c\x20MSF"))
    assert lease is not None
    assert (lease.host_name, lease.vendor_class) == ("kitchen", None)
    assert dhcp.parse(message(1, b"")[:236]) is not None
    assert dhcp.parse(message(1, b"")[:235]) is None
    assert dhcp.parse(message(3, b"")) is None


def option6(code: int, data: bytes) -> bytes:
    return code.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data


def test_version_6_client() -> None:
    duid = b"\x00\x01\x00\x01" + b"TIME" + MAC
    data = b"\x01abc" + option6(1, duid) + option6(39, b"\x00\x06laptop") + option6(6, b"\x00\x18")
    data += option6(16, b"\x00\x00\x01\x37\x00\x08MSFT 5.0")
    lease = dhcp.parse6(data)
    assert lease == dhcp.Lease6(1, duid, "laptop", "MSFT 5.0", (24,))
    assert lease is not None
    assert lease.mac == "20:f8:5e:ca:91:52"
    assert dhcp.Lease6(1, b"\x00\x02" + bytes(8), None, None, ()).mac is None
    assert dhcp.parse6(b"\x0c" + bytes(40)) is None
