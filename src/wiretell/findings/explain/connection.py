"""A flow explained: survey, walk, sentences and verdicts put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from wiretell.findings.explain.causes import Case
from wiretell.findings.explain.datagrams import explain_datagrams
from wiretell.findings.explain.explanation import Connection, Explanation, Party, Sentence
from wiretell.findings.explain.headline import headline
from wiretell.findings.explain.later import Later
from wiretell.findings.explain.sentences import Names, sentences
from wiretell.findings.explain.step import Step, flag_names
from wiretell.findings.explain.survey import Survey, parties, survey
from wiretell.findings.explain.texts import texts
from wiretell.findings.explain.verdict import verdict
from wiretell.findings.explain.walk import walk

MAX_LISTED = 12
"""INVALID packets named where they are not explained themselves."""


def explain(
    flow: Mapping[str, Any],
    packets: pl.DataFrame,
    segments: pl.DataFrame,
    *,
    related: pl.DataFrame | None = None,
    n_fitting: int = 1,
    limit: int | None = None,
    only: int | None = None,
) -> Connection:
    """Explains the first `limit` packets of a flow, or `only` the one of that number.

    `flow` is its row of FLOWS; `packets` and `segments` are its rows of PACKETS and SEGMENTS.
    `related` are SEGMENTS of other flows that this one announced, or that are errors about it;
    `n_fitting` says how many flows had fitted the question.
    Raises ValueError where `only` is no packet of the flow.
    """
    whole = survey(packets, segments)
    numbers = whole.rows["packet"]
    if only is not None and not bool((numbers == only).any()):
        raise ValueError(f"packet {only} does not belong to flow {flow['flow_id']}")
    ends = parties(whole, flow)
    names = (ends[0].name, ends[1].name)
    wanted = {only} if only is not None else set(numbers.head(limit or len(numbers)).to_list())
    make = _explain_tcp if whole.is_tcp else explain_datagrams
    told = tuple(make(whole, names, wanted))
    invalid = whole.rows.filter(pl.col("ct_state") == "invalid")["packet"].to_list()
    return Connection(
        flow_id=int(flow["flow_id"]),
        proto=int(flow["proto"]),
        parties=ends,
        first_ns=int(flow["first_ns"]),
        last_ns=int(flow["last_ns"]),
        n_packets=len(numbers),
        n_invalid=len(invalid),
        conn_state=flow.get("conn_state"),
        notes=(
            *_choice(flow, n_fitting),
            *_notes(whole, ends, invalid, wanted),
            *_related(related),
        ),
        packets=told,
    )


def _explain_tcp(whole: Survey, names: Names, wanted: set[int]) -> Iterator[Explanation]:
    later = Later(whole.rows)
    setters = set(
        whole.rows.filter(pl.col("packet").is_in(sorted(wanted)))["bound_packet"].drop_nulls()
    )
    kept: dict[int, Step] = {}
    last = max(wanted, default=0)
    for step in walk(whole):
        if step.packet in setters:
            kept[step.packet] = step
        if step.packet in wanted:
            yield _told(Case(step, kept.get(step.bound_packet or 0), whole, later, names))
        if step.packet >= last:
            break


def _told(case: Case) -> Explanation:
    step = case.step
    said, causes = verdict(case)
    return Explanation(
        packet=step.packet,
        time_ns=step.time_ns,
        side=step.side,
        flags=flag_names(step.flags),
        headline=headline(step, case.names),
        numbers=step.numbers,
        marks=step.marks,
        ct_state=step.ct_state,
        tcp_state=step.tcp_state,
        reason=step.reason or step.note,
        bound=step.bound,
        excess=step.excess,
        bound_packet=step.bound_packet,
        causes=causes,
        sentences=(*said, *sentences(step, case.names, case.whole.sides)),
    )


def _notes(
    whole: Survey, ends: tuple[Party, Party], invalid: list[int], wanted: set[int]
) -> Iterator[Sentence]:
    """What holds for the whole flow."""
    if whole.is_tcp:
        for key in _of_the_whole(whole):
            yield _note(key)
    silent = [end.name for end in ends if not end.n_packets]
    if silent:
        yield _note("one_sided", name=silent[0])
    untold = [packet for packet in invalid if packet not in wanted]
    if untold:
        named = ", ".join(str(packet) for packet in untold[:MAX_LISTED])
        more = ", ..." if len(untold) > MAX_LISTED else ""
        yield _note("invalid_elsewhere", n=len(untold), packets=f"{named}{more}")


def _choice(flow: Mapping[str, Any], n_fitting: int) -> Iterator[Sentence]:
    if n_fitting > 1:
        yield _note("several", n=n_fitting, flow=flow["flow_id"])


def _related(related: pl.DataFrame | None) -> Iterator[Sentence]:
    """Flows that hang on this one, by their first packets."""
    if related is None or related.is_empty():
        return
    firsts = related.group_by("flow_id").agg(pl.col("packet").min()).sort("packet")
    named = ", ".join(
        f"{flow} (packet {packet})" for flow, packet in firsts.head(MAX_LISTED).iter_rows()
    )
    more = ", ..." if firsts.height > MAX_LISTED else ""
    yield _note("related", flows=f"{named}{more}")


def _of_the_whole(whole: Survey) -> Iterator[str]:
    yield "relative"
    seen = [side.syn_seen for side in whole.sides]
    if not any(seen):
        yield "no_syn"
    elif not all(seen):
        yield "one_syn"


def _note(key: str, **values: object) -> Sentence:
    entry = texts("datagrams")["whole"][key]
    return Sentence("note", entry["text"].format(**values), tuple(entry["cites"]))
