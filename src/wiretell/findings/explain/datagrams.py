"""Packets that are not TCP: short, as there is little to number. Texts: datagrams.toml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wiretell.findings.explain.amounts import duration, n_bytes
from wiretell.findings.explain.explanation import Explanation, Sentence
from wiretell.findings.explain.survey import Survey
from wiretell.findings.explain.texts import texts

NS_PER_S = 1_000_000_000
_ICMP = frozenset({1, 58})
_UDP = frozenset({17, 136})
_REQUESTS = frozenset({(1, 8), (1, 13), (1, 15), (1, 17), (58, 128)})
_REPLIES = {(1, 0): 8, (1, 14): 13, (1, 16): 15, (1, 18): 17, (58, 129): 128}
_ERRORS = frozenset({(1, 3), (1, 4), (1, 5), (1, 11), (1, 12), (58, 1), (58, 2), (58, 3), (58, 4)})

Row = dict[str, Any]


def explain_datagrams(
    whole: Survey, names: tuple[str, str], wanted: set[int]
) -> Iterator[Explanation]:
    """The wanted packets of a flow without TCP."""
    requests: dict[tuple[int, int, int], int] = {}
    answered = False
    for place, row in enumerate(whole.rows.iter_rows(named=True)):
        if row["packet"] in wanted:
            yield _told(row, names, requests, answered=answered, first=place == 0)
        answered = answered or row["side"] == 1
        if row["icmp_type"] is not None:
            key = (row["icmp_type"], row["icmp_id"] or 0, row["icmp_seq"] or 0)
            requests.setdefault(key, row["time_ns"])


def _told(
    row: Row,
    names: tuple[str, str],
    requests: dict[tuple[int, int, int], int],
    *,
    answered: bool,
    first: bool,
) -> Explanation:
    who = names[row["side"]]
    proto = row["proto"]
    if proto in _ICMP and row["icmp_type"] is not None:
        head, said = _icmp(row, who, requests)
    elif proto in _UDP:
        head = f"The {who} sends {n_bytes(row['payload_len'] or 0)}"
        said = [_sentence("udp", _udp_key(row, answered=answered, first=first))]
        said += _parent(row, "other")
    else:
        head = f"The {who} sends {n_bytes(row['payload_len'] or 0)} of IP protocol {proto}"
        said = [_sentence("other", "any", proto=proto), *_parent(row, "other")]
    return Explanation(
        packet=row["packet"],
        time_ns=row["time_ns"],
        side=row["side"],
        flags=(),
        headline=head,
        numbers=None,
        marks=tuple(row["analysis"] or ()),
        ct_state=row["ct_state"],
        tcp_state=None,
        reason=row["reason"] or row["note"],
        bound=None,
        excess=None,
        bound_packet=None,
        causes=(),
        sentences=(*_verdict(row), *said, *_rest(row)),
    )


def _udp_key(row: Row, *, answered: bool, first: bool) -> str:
    if first:
        return "first"
    if row["side"] == 1 and not answered:
        return "answer"
    return "goes_on" if answered else "again"


def _icmp(
    row: Row, who: str, requests: dict[tuple[int, int, int], int]
) -> tuple[str, list[Sentence]]:
    proto, kind = row["proto"], row["icmp_type"]
    name = texts("datagrams")["icmp_types"].get(f"{proto}/{kind}", f"ICMP type {kind}")
    values = {"kind": name, "id": row["icmp_id"], "seq": row["icmp_seq"]}
    head = f"The {who} sends: {name[:1].lower()}{name[1:]}"
    if (proto, kind) in _REQUESTS:
        return head, [_sentence("icmp", "request", **values)]
    if (proto, kind) in _REPLIES:
        key = (_REPLIES[proto, kind], row["icmp_id"] or 0, row["icmp_seq"] or 0)
        asked = requests.get(key)
        after = "" if asked is None else f", {duration(row['time_ns'] - asked)} after it"
        return head, [_sentence("icmp", "reply", after=after, **values)]
    if (proto, kind) in _ERRORS:
        head += f", code {row['icmp_code']}"
        return head, [_sentence("icmp", "error", **values), *_parent(row, "icmp")]
    return head, [_sentence("icmp", "other", **values)]


def _parent(row: Row, topic: str) -> list[Sentence]:
    if row["ct_state"] != "related" or row["parent_flow"] is None:
        return []
    return [_sentence(topic, "related", flow=row["parent_flow"])]


def _verdict(row: Row) -> Iterator[Sentence]:
    told = row["reason"] or row["note"]
    if told is None:
        return
    known = texts("invalid")["reason"]
    lead = "INVALID: " if row["ct_state"] == "invalid" else "Accepted, but odd: "
    words = told.replace("_", " ")
    cites: tuple[str, ...] = ()
    if told in known and "{" not in known[told]["text"]:
        words, cites = known[told]["text"], tuple(known[told]["cites"])
    yield Sentence("verdict", f"{lead}{words}.", cites)


def _rest(row: Row) -> Iterator[Sentence]:
    if row["ct_state"] == "untracked":
        yield _sentence("other", "untracked")
    if row["timeout_s"]:
        yield _sentence("other", "timeout", timeout=duration(row["timeout_s"] * NS_PER_S))
    if row["weird"] is not None:
        yield Sentence("note", f"Odd about the frame: {row['weird'].replace('_', ' ')}.")
    if row["damaged"]:
        yield Sentence("note", "Its checksum is wrong: the receiver drops it if it arrives so.")


def _sentence(topic: str, key: str, **values: object) -> Sentence:
    entry = texts("datagrams")[topic][key]
    return Sentence("note", entry["text"].format(**values), tuple(entry["cites"]))
