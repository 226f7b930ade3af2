"""Distinct (TTL class, system, browser): the count of NAT'ed hosts of Maier et al.

Physics: stacks start their TTL at a customary value, and programs name their system and themselves
in clear HTTP. Behind one access line each distinct combination is taken for a machine.
Source: Maier, Schneider, Feldmann: NAT usage in residential broadband networks (PAM 2011). Versions
of one browser are merged here, as far as the family's name tells.
Blind spots: TLS hides the User-Agent; several browsers on one machine count as several machines,
equal machines as one; a machine without clear HTTP counts only where its TTL class is its own.
"""

from __future__ import annotations

import re

import polars as pl

from lab.baselines.line import Counted, Line

_CUSTOMARY_TTLS = (32, 64, 128, 255)
_VERSION = re.compile(r"[ /]v?\d.*$")

Look = tuple[int, str, str]
"""TTL class, system's family, browser's family; empty where not known."""


def ua_ttl(line: Line) -> Counted:
    """Machines are looks; a flow without a User-Agent goes to the only machine of its TTL class.

    Where a TTL class has no User-Agent at all, its flows are one machine of their own. Machines are
    numbered in the order of their first flows.
    """
    texts: dict[tuple[int, str], str] = {}
    told = line.observations.filter(
        pl.col("quantity").is_in(["user_agent_os", "user_agent_client"])
    )
    for flow_id, quantity, text in told.select("flow_id", "quantity", "text").iter_rows():
        texts.setdefault((flow_id, quantity), family(text or ""))
    heard = line.flows.filter(pl.col("orig_ttl").is_not_null())
    ttl_of = {i: ttl_class(ttl) for i, ttl in heard.select("flow_id", "orig_ttl").iter_rows()}

    numbers: dict[Look, int] = {}
    machine: dict[int, int] = {}
    for flow_id, ttl in ttl_of.items():
        system = texts.get((flow_id, "user_agent_os"), "")
        browser = texts.get((flow_id, "user_agent_client"), "")
        if system or browser:
            machine[flow_id] = numbers.setdefault((ttl, system, browser), len(numbers))
    of_class: dict[int, list[int]] = {}
    for (ttl, _, _), number in numbers.items():
        of_class.setdefault(ttl, []).append(number)
    count = len(numbers)
    for flow_id, ttl in ttl_of.items():
        if ttl not in of_class:
            of_class[ttl] = [count]
            count += 1
        if len(of_class[ttl]) == 1:
            machine.setdefault(flow_id, of_class[ttl][0])
    return Counted(count, machine)


def ttl_class(ttl: int) -> int:
    """The least customary initial TTL that can have become `ttl`."""
    return next(initial for initial in _CUSTOMARY_TTLS if ttl <= initial)


def family(text: str) -> str:
    """A system's or browser's name without its version: "Chrome 131" -> "Chrome"."""
    return _VERSION.sub("", text)
