"""Which addresses may be probed at once."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

MOST_ADDRESSES = 256
"""Addresses in one run: a small network of one's own, not a scan."""


def addresses_of(words: Sequence[str]) -> list[str]:
    """Addresses and ranges (192.0.2.0/28) -> the addresses to probe, each once, in order.

    A range stands for its hosts, without network and broadcast address. Raises ValueError with
    the reason: no address, one that is not of a single host, or too many.
    """
    found: dict[str, None] = {}
    for word in words:
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            raise ValueError(f"{word}: not an address or a range of addresses") from None
        if network.num_addresses > MOST_ADDRESSES:
            raise ValueError(
                f"{word}: {network.num_addresses} addresses; a range has {MOST_ADDRESSES} at most"
            )
        own = [network.network_address] if "/" not in word else list(network.hosts())
        for address in own:
            _check(address)
            found[str(address)] = None
    if len(found) > MOST_ADDRESSES:
        raise ValueError(f"{len(found)} addresses; {MOST_ADDRESSES} at most in one run")
    return list(found)


def _check(address: Any) -> None:
    if address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255":
        raise ValueError(f"{address}: not the address of one host")
