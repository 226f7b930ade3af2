"""The servers outside: HTTP/1.1 with kept-alive connections, and a small DNS.

`python -m lab.guests.servers ADDRESS:PORT...` says `ready` once it listens. The first address
answers DNS: a name with the label `siteN` is the Nth address (from 0), any other name the first.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import re
import sys
from collections.abc import Sequence
from typing import cast

MAX_BODY_BYTES = 1_000_000
MAX_QUERY_BYTES = 512
ANSWER_TTL_S = 60


def http_answer(head: bytes) -> tuple[bytes, bool]:
    """The answer to one request head, and whether the connection stays open.

    `GET /N` is answered with N bytes, anything else with 404.
    """
    request, _, fields = head.partition(b"\r\n")
    words = request.split(b" ")
    path = words[1].strip(b"/") if len(words) == 3 and words[0] == b"GET" else b""
    found = path.isdigit() and len(path) <= 7 and int(path) <= MAX_BODY_BYTES
    body = b"x" * int(path) if found else b"not found\n"
    keeps = found and b"connection: close" not in fields.lower()
    status = "200 OK" if found else "404 Not Found"
    answer = (
        f"HTTP/1.1 {status}\r\nDate: {email.utils.formatdate(usegmt=True)}\r\n"
        f"Server: lab\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {'keep-alive' if keeps else 'close'}\r\n\r\n"
    )
    return answer.encode() + body, keeps


def resolve(question: bytes, addresses: Sequence[str]) -> str:
    """The address of a name in wire format (RFC 1035), where `siteN` is the Nth."""
    found = re.search(rb"[\x05-\x08]site(\d{1,4})", question)
    site = int(found[1]) if found else 0
    return addresses[site] if site < len(addresses) else addresses[0]


def dns_answer(query: bytes, addresses: Sequence[str]) -> bytes | None:
    """An A record for any question (RFC 1035); None for what is no question."""
    end = query.find(b"\0", 12)
    if len(query) > MAX_QUERY_BYTES or end < 0 or len(query) < end + 5 or query[2] & 0x80:
        return None
    question = query[12 : end + 5]
    record = b"\xc0\x0c\x00\x01\x00\x01" + ANSWER_TTL_S.to_bytes(4, "big") + b"\x00\x04"
    head = query[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
    return head + question + record + ipaddress.IPv4Address(resolve(question, addresses)).packed


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        keeps = True
        while keeps:
            answer, keeps = http_answer(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        pass  # the client went away, or does not speak HTTP
    finally:
        writer.close()


class _Dns(asyncio.DatagramProtocol):
    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = dns_answer(data, self._addresses)
        if answer and self._transport:
            self._transport.sendto(answer, addr)


async def _main(endpoints: list[str]) -> None:
    addresses = list(dict.fromkeys(endpoint.rpartition(":")[0] for endpoint in endpoints))
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Dns(addresses), local_addr=(addresses[0], 53))
    for endpoint in endpoints:
        address, _, port = endpoint.rpartition(":")
        await asyncio.start_server(_serve, address, int(port), limit=4096)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
