"""Names machines give themselves, and names they ask for.

Quantities: about the asker: `dns_query` (name), `dns_answer` (what it was told: "NAME ADDRESS",
NAME being the one asked for).
"""

from __future__ import annotations

import polars as pl

from wiretell.payload import Facts, Payload, datagrams, either_port, payloads
from wiretell.protocols import dns

NAME = "names"


def extract(flows: pl.DataFrame) -> pl.DataFrame:
    """Observations of a batch of flows (`FLOWS` and the payload columns)."""
    facts = Facts(NAME)
    for payload in payloads(flows, either_port(53)):
        _dns_facts(facts, payload)
    return facts.frame()


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
                facts.text(of, "dns_answer", f"{asked} {answer.value}", about=of.peer)
