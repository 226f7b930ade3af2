"""IPv4 addresses as numbers, and back."""

from ipaddress import IPv4Address


def number(text: str) -> int:
    return int(IPv4Address(text))


def text(ip: int) -> str:
    return str(IPv4Address(ip))


def mac_text(mac: bytes) -> str:
    return mac.hex(":")
