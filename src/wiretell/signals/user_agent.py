"""What software says it is, in clear: HTTP User-Agents, cookies and proxies' marks.

Physics: a program names itself and often its system in every request (RFC 9110 section 10.1.5),
and a server's cookie comes back from the same browser only (RFC 6265).
Source: Maier, Schneider, Feldmann: NAT usage in residential broadband networks (PAM 2011).
Other protocols that write a User-Agent field (Gnutella, RTSP) are read as far as it goes.
Blind spots: TLS hides it; one machine runs many programs, so two User-Agents are not two
machines, only two systems are; a program may lie; a proxy speaks for those behind it.

Quantities, one row per distinct text and flow side, about the client unless said otherwise:
`user_agent` (as sent), `user_agent_cut` (as sent, but the payload ends within it),
`user_agent_os` and `user_agent_client` (as ua-parser reads it), `http_host`, `http_cookie`
(host, a space, the beginning of the SHA-256 of name=value: never the value), `http_via`,
`http_forwarded_for`, `http_referer_host`; about the server: `http_server`, `http_date`
(the Date of its first response minus the time that arrived: its clock's offset, s, +-1 s).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl

from wiretell.payload import TCP, Facts, Payload, payloads, starts_with
from wiretell.protocols import http1
from wiretell.signal import Signal

if TYPE_CHECKING:
    from ua_parser import Parser

NAME = "user_agent"

_METHODS = (
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"OPTIONS ",
    b"CONNECT ",
    b"DELETE ",
    b"PATCH ",
    b"PROPFIND ",
    b"SUBSCRIBE ",
)
_MIDWAY = b"\nUser-Agent: "
_REPLY = b"HTTP/1."

# What ua-parser leaves open: system programs that name their system only by their own version or
# by being there at all.
_WINDOWS_NT = {
    "5.0": "2000",
    "5.1": "XP",
    "6.0": "Vista",
    "6.1": "7",
    "6.2": "8",
    "6.3": "8.1",
    "10.0": "10",
}
_WINDOWS_VERSION = re.compile(r"(?:Microsoft-CryptoAPI|Windows-Update-Agent)/(\d+\.\d)")
_SYSTEM_PROGRAMS = (
    (re.compile(r"Microsoft (?:NCSI|BITS)|Microsoft-(?:CryptoAPI|WNS|Delivery)"), "Windows"),
    (re.compile(r"CaptiveNetworkSupport|.* Darwin/\d"), "Apple"),
)


def extract(flows: pl.DataFrame) -> pl.DataFrame:
    """Observations of a batch of flows (`FLOWS` and the payload columns)."""
    facts = Facts(NAME)
    asks = starts_with(*_METHODS) | pl.col("data").bin.contains(_MIDWAY)
    wanted = (pl.col("proto") == TCP) & (asks | starts_with(_REPLY))
    for payload in payloads(flows, wanted):
        if payload.data.startswith(_REPLY):
            _response_facts(facts, payload)
        else:
            for request in http1.requests(payload.data):
                _request_facts(facts, payload, request)
    return facts.frame()


def _request_facts(facts: Facts, of: Payload, request: http1.Request) -> None:
    if request.user_agent_cut:
        facts.text(of, "user_agent_cut", request.user_agent)
    elif request.user_agent:
        system, client = read_user_agent(request.user_agent)
        facts.text(of, "user_agent", request.user_agent)
        facts.text(of, "user_agent_os", system)
        facts.text(of, "user_agent_client", client)
    facts.text(of, "http_host", request.host)
    facts.text(of, "http_referer_host", request.referer_host)
    facts.text(of, "http_via", request.via)
    facts.text(of, "http_forwarded_for", request.forwarded_for)
    for name, value in request.cookies:
        digest = sha256(name + b"=" + value).hexdigest()[:16]
        facts.text(of, "http_cookie", f"{request.host or of.peer} {digest}")


def _response_facts(facts: Facts, of: Payload) -> None:
    for number, response in enumerate(http1.responses(of.data)):
        facts.text(of, "http_server", response.server)
        facts.text(of, "http_via", response.via)
        if number == 0 and response.date_s is not None and of.time_ns is not None:
            offset_s = response.date_s - of.time_ns / 1e9
            facts.number(of, "http_date", offset_s, "s", 1.0)


@lru_cache(maxsize=16384)
def read_user_agent(user_agent: str) -> tuple[str | None, str | None]:
    """System ("Windows 10", "Android 4.4.2") and client ("Firefox 33"), `None` where unknown."""
    from ua_parser import Domain  # noqa: PLC0415 - takes as long to load as a small capture

    parsed = _parser()(user_agent, Domain.OS | Domain.USER_AGENT)
    system = client = None
    if parsed.os:
        version = (parsed.os.major, parsed.os.minor, parsed.os.patch)
        system = _joined(parsed.os.family, version)
    if parsed.user_agent:
        client = _joined(parsed.user_agent.family, (parsed.user_agent.major,))
    if system in (None, "Windows"):
        system = _system_program(user_agent) or system
    return system, client


@cache
def _parser() -> Parser:
    """Of systems and clients alone: to compile what names devices takes longer than both."""
    from ua_parser import Parser, load_lazy_builtins  # noqa: PLC0415

    clients, systems, _ = load_lazy_builtins()
    return Parser.from_matchers((clients, systems, []))


def _system_program(user_agent: str) -> str | None:
    versioned = _WINDOWS_VERSION.match(user_agent)
    if versioned and versioned.group(1) in _WINDOWS_NT:
        return f"Windows {_WINDOWS_NT[versioned.group(1)]}"
    return next((name for pattern, name in _SYSTEM_PROGRAMS if pattern.match(user_agent)), None)


def _joined(family: str, version: tuple[str | None, ...]) -> str:
    numbers = [part for part in version if part]
    return f"{family} {'.'.join(numbers)}" if numbers else family


SIGNAL = Signal(NAME, extract=extract)
