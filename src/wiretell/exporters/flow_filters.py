"""Filters that choose certain flows in other tools: Wireshark's display filter, BPF, Python.

Flows with the same far end share one term that lists their own ports, so that a text stays short.
Every part is a number or an address that was parsed: nothing off the wire is copied.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

MOST_FLOWS = 500
"""In a capture filter: libpcap's time grows with the square, 5 s for 500 far ends."""
MOST_TEXT = 120_000
"""Characters of a display filter: it has to fit one argument of a command (128 KiB on Linux)."""

_PORTED = {6: "tcp", 17: "udp"}
_ICMP = {1: "icmp", 58: "icmp6"}
_ICMP_SHARK = {1: "icmp", 58: "icmpv6"}


@dataclass(frozen=True)
class _Term:
    """Flows of one protocol between an address and a far end."""

    proto: int
    src: str
    dst: str
    dst_port: int
    ports: tuple[int, ...]


def wireshark(sides: pl.DataFrame) -> str:
    """A display filter for these flows; empty without any.

    `sides` has flow_id, proto, src, src_port, dst, dst_port; of ICMP, ports as in FLOWS. Raises
    ValueError, in words for people, where a filter cannot hold them.
    """
    text = " or ".join(_each(sides, _shark_term))
    if len(text) > MOST_TEXT:
        raise _too_many(sides)
    return text


def bpf(sides: pl.DataFrame) -> str:
    """The same as a capture filter (pcap-filter(7)). Raises ValueError."""
    if sides.height > MOST_FLOWS:
        raise _too_many(sides)
    return " or ".join(_each(sides, _bpf_term))


def python(sides: pl.DataFrame, source: str) -> str:
    """Lines of Python that choose them from `source`, a call with a report; any number of them."""
    numbers = ", ".join(str(number) for number in sorted(set(sides["flow_id"].to_list())))
    return (
        "import polars as pl\nimport wiretell\n\n"
        f"report = {source}\n"
        f'flows = report.flows.filter(pl.col("flow_id").is_in([{numbers}]))\n'
    )


def _each(sides: pl.DataFrame, write: Callable[[_Term], str]) -> list[str]:
    return [f"({write(term)})" for term in _terms(sides)]


def _too_many(sides: pl.DataFrame) -> ValueError:
    return ValueError(
        f"{sides.height} flows are too many for such a filter: choose fewer, or take another form"
    )


def _terms(sides: pl.DataFrame) -> Iterator[_Term]:
    groups = (
        sides.with_columns(pl.col("src_port", "dst_port").fill_null(0))
        .group_by("proto", "src", "dst", "dst_port", maintain_order=True)
        .agg(pl.col("src_port").unique().sort())
    )
    for proto, src, dst, dst_port, ports in groups.iter_rows():
        yield _Term(proto, _address(src), _address(dst), int(dst_port), tuple(ports))


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _shark_term(term: _Term) -> str:
    ip = "ipv6" if ":" in term.src else "ip"
    ends = f"{ip}.addr == {term.src} and {ip}.addr == {term.dst}"
    if (name := _PORTED.get(term.proto)) is not None:
        own = f"{name}.port in {{{', '.join(map(str, term.ports))}}}"
        return f"{ends} and {name}.port == {term.dst_port} and {own}"
    if (name := _ICMP_SHARK.get(term.proto)) is not None:
        return f"{ends} and {name}"
    number = "ipv6.nxt" if ip == "ipv6" else "ip.proto"
    return f"{ends} and {number} == {term.proto}"


def _bpf_term(term: _Term) -> str:
    ends = f"host {term.src} and host {term.dst}"
    if (name := _PORTED.get(term.proto)) is not None:
        return f"{name} and {ends} and port {term.dst_port} and {_any_port(term.ports)}"
    if (name := _ICMP.get(term.proto)) is not None:
        return f"{name} and {ends}"
    family = "ip6" if ":" in term.src else "ip"
    return f"{family} proto {term.proto} and {ends}"


def _any_port(ports: Iterable[int]) -> str:
    words = [f"port {port}" for port in ports]
    return words[0] if len(words) == 1 else f"({' or '.join(words)})"
