"""Which of the addresses of a decoy scan is the scanner's own, with a probability for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from wiretell.findings.scans.belief import Reason, bits_of, reason, shares
from wiretell.findings.scans.distance import Hops, apart, hops
from wiretell.findings.scans.finding import Candidate
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.machines import Sender, link_addresses, own_words
from wiretell.findings.scans.same_machine import Prober


def candidates(members: Sequence[Prober], target: str, gathered: Gathered) -> list[Candidate]:
    """Each member with its reasons, the likeliest first. What is left to 1 is that none is."""
    ttls = [ttl for each in members for ttl in each.probes["ttl"].drop_nulls().to_list()]
    distance = hops(ttls)
    macs = {each.mac for each in members}
    mac = macs.pop() if len(macs) == 1 and len(link_addresses(gathered)) > 2 else None
    answered = {each.address: _n_answered(each) for each in members}
    told = [
        (
            each,
            [
                reason("real", "prior"),
                *_place(own_words(each.address, gathered), distance, mac),
                *_reaction(each, target, gathered),
                *_answers(each.address, answered),
            ],
        )
        for each in members
    ]
    none = bits_of([reason("real", "none_of_them")])
    sure = shares([*(bits_of(reasons) for _, reasons in told), none])
    found = [
        Candidate(each.address, share, tuple(reasons))
        for (each, reasons), share in zip(told, sure[:-1], strict=True)
    ]
    return sorted(found, key=lambda each: (-each.probability, each.address))


def _place(own: Sender, distance: Hops | None, mac: str | None) -> Iterator[Reason]:
    """What it sends by itself, beside the probes."""
    if not own.n:
        return
    differ = apart(own.distance, distance)
    if differ:
        yield reason("real", "not_its_distance", own=own.distance, probe=distance)
    elif differ is False:
        yield reason("real", "own_distance", own=own.distance)
    if mac is not None and own.mac is not None:
        if own.mac == mac:
            yield reason("real", "own_mac")
        else:
            yield reason("real", "not_its_mac", own=own.mac, probe=mac)


def _reaction(member: Prober, target: str, gathered: Gathered) -> Iterator[Reason]:
    """Whether it resets what it is offered; a router's word that it is not there."""
    offered = member.probes.filter((pl.col("kind") == "syn") & (pl.col("answer") == "synack"))
    resets = int(offered["resets"].sum())
    if resets:
        yield reason("real", "reacts", times=resets)
    elif offered.height:
        yield reason("real", "silent", times=offered.height)
    flows = offered.select("flow_id").unique()
    told = gathered.errors.join(flows, on="flow_id", how="semi")
    if told.filter(pl.col("from") != target).height:
        yield reason("real", "unreachable")
    pairs = gathered.pairs.filter(pl.col("src") == member.address)
    used = int(pairs["n_flows"].sum())
    if used:
        yield reason("real", "uses", times=used)


def _n_answered(member: Prober) -> int:
    return int(member.probes["answer"].count())


def _answers(address: str, answered: dict[str, int]) -> Iterator[Reason]:
    """Where answers to one address alone pass this wire, the others' go elsewhere."""
    if [name for name, n in answered.items() if n] == [address]:
        yield reason("real", "only_answered")
    elif not answered[address] and sum(n > 0 for n in answered.values()) == 1:
        yield reason("real", "unanswered")
