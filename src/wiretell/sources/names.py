"""Names of hosts -> addresses, by the system's resolver."""

from __future__ import annotations

import ipaddress
import socket


def address_of(host: str) -> str:
    """The first address of a name; an address or a range stays as it is.

    Raises ValueError where the name has none.
    """
    try:
        ipaddress.ip_network(host, strict=False)
    except ValueError:
        pass
    else:
        return host
    if "/" in host:
        return host
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{host}: no such host") from error
    return str(found[0][4][0])
