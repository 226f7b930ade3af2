"""Idle scans: a machine that counts is asked in its name, and its counter tells the answers.

The scanner sends SYNs to the target that claim to be the zombie's. An open port answers the zombie
with a SYN/ACK, and the zombie, who asked for nothing, with a reset, which takes a number of its
IP ID counter (Antirez 1998). The scanner reads the counter before and after. At the target the
probes and the resets are of two machines; at the zombie one address polls while another "answers";
where the scanner is seen, its own polls name it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from wiretell.findings.scans.asked import shared_value
from wiretell.findings.scans.belief import Reason, alternatives, bits_of, probability, reason
from wiretell.findings.scans.distance import apart
from wiretell.findings.scans.finding import IDLE_SCAN, IP_ID_WATCH, LIKELY, Finding, Ports
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.machines import (
    POLLED_STEP,
    counter,
    events_of_pairs,
    is_reset,
    is_syn_ack,
    link_addresses,
    sender,
)
from wiretell.findings.scans.polls import Polls, polls
from wiretell.findings.scans.probes import EVENTS

MIN_ANSWERS = 2
MARGIN_NS = 2_000_000_000
"""Polls begin before the first probe and end after the last; answers may be this late."""
LEAST_GAPS = 2
MAX_CANDIDATES = 2_000
"""Pairs of a possible zombie and target, those of the largest scans first."""
_NONE = EVENTS.to_frame()
_NOBODY: tuple[Polls | None, ...] = (None,)


@dataclass(frozen=True)
class _Seen:
    """What this capture holds of one zombie and one target, in order of time."""

    zombie: str
    target: str
    probes: pl.DataFrame
    answers: pl.DataFrame
    resets: pl.DataFrame
    forged: frozenset[int] = frozenset()

    def without_forged(self, watch: Polls) -> _Seen:
        """The answers but those that the watcher wrote: they have its acknowledgement numbers."""
        forged = pl.col("ack").is_in(sorted(watch.acks)) & is_syn_ack(pl.col("flags"))
        written = frozenset(self.answers.filter(forged)["ack"].to_list())
        return replace(self, answers=self.answers.filter(~forged), forged=written)

    @property
    def times_ns(self) -> list[int]:
        """Of probes, or where they are not seen, of the target's answers."""
        rows = self.probes if self.probes.height else self.answers
        return rows["time_ns"].to_list()


def idle_scans(
    scans: Sequence[Finding], decoys: Sequence[Finding], gathered: Gathered
) -> Iterator[Finding]:
    """Idle scans, and watched counters that no scan goes with. `scans`: the likely port scans;
    `decoys`: decoy scans found of them, whose living decoys look like zombies."""
    names = {
        (source, each.targets[0])
        for each in decoys
        if each.probability >= LIKELY
        for source in each.sources
    }
    watched = list(polls(gathered))
    used: set[tuple[str | None, str | None]] = set()
    judged: dict[tuple[str | None, str | None, str], Finding] = {}
    for seen in _candidates(scans, watched, gathered):
        fitting = [each for each in watched if each.zombie == seen.zombie]
        own = [each for each in fitting if each.scanner != seen.target]
        is_decoy = (seen.zombie, seen.target) in names
        found = max(
            (_judge(seen, each, gathered, is_decoy) for each in (own or _NOBODY)), key=_bits
        )
        judged[found.scanner, found.zombie, seen.target] = found
    for (scanner, zombie, target), found in judged.items():
        other = judged.get((target, zombie, scanner or ""))
        if other is not None and _bits(other) > _bits(found):
            continue  # the same traffic, scanner and target exchanged
        if not any(each.bits > 0 for each in found.reasons):
            continue
        if found.probability >= LIKELY and found.scanner is not None:
            used |= {(scanner, zombie), (target, zombie)}
        yield found
    for each in watched:
        if (each.scanner, each.zombie) not in used:
            yield _watch(each)


def _bits(found: Finding) -> float:
    return bits_of(found.reasons)


def _candidates(
    scans: Sequence[Finding], watched: Sequence[Polls], gathered: Gathered
) -> Iterator[_Seen]:
    """Pairs of a possible zombie and target: of port scans by SYN, and of polled machines that
    another address answers unasked."""
    pairs = {
        (found.sources[0], found.targets[0]): None for found in scans if found.technique == "syn"
    }
    for each in watched:
        answered = gathered.events.filter(
            (pl.col("dst") == each.zombie)
            & (pl.col("dport") == each.port)
            & (pl.col("src") != each.scanner)
            & (is_syn_ack(pl.col("flags")) | is_reset(pl.col("flags")))
        )
        several = answered.group_by("src", maintain_order=True).agg(pl.col("sport").n_unique())
        for target, n in several.iter_rows():
            if n >= MIN_ANSWERS:
                pairs.setdefault((each.zombie, target))
    ways = list(pairs)[:MAX_CANDIDATES]
    events = gathered.events.sort("time_ns", "packet")
    there = events_of_pairs(events, ways)
    back = events_of_pairs(events, [(target, zombie) for zombie, target in ways])
    flags = pl.col("flags")
    for zombie, target in ways:
        out, answers = there.get((zombie, target), _NONE), back.get((target, zombie), _NONE)
        yield _Seen(
            zombie,
            target,
            probes=out.filter(flags & 0x17 == 0x02),
            answers=answers.filter(is_syn_ack(flags) | is_reset(flags)),
            resets=out.filter(is_reset(flags)),
        )


def _judge(seen: _Seen, watch: Polls | None, gathered: Gathered, is_decoy: bool) -> Finding:
    if watch is not None:
        seen = seen.without_forged(watch)
    scanner, told = _who(seen, watch, gathered)
    reasons = [
        reason("idle", "prior"),
        *_unasked(seen),
        *_counting(seen, counts=watch is not None),
        *_two_machines(seen),
        *(_watched(seen, watch) if watch is not None else ()),
        *told,
    ]
    if is_decoy:
        reasons.append(reason("idle", "decoy", zombie=seen.zombie, target=seen.target))
    times = [*seen.times_ns, *(watch.times_ns if watch is not None else ())]
    return Finding(
        kind=IDLE_SCAN,
        technique="idle",
        probability=probability(reasons),
        sources=(seen.zombie,),
        targets=(seen.target,),
        n_targets=1,
        scanner=scanner,
        zombie=seen.zombie,
        first_ns=min(times, default=0),
        last_ns=max(times, default=0),
        n_probes=len(seen.times_ns),
        ports=_ports(seen),
        reasons=tuple(reasons),
        alternatives=alternatives(IDLE_SCAN),
        notes=_notes(seen, scanner),
    )


def _unasked(seen: _Seen) -> Iterator[Reason]:
    """Resets of segments that the target never sent, as far as this wire shows."""
    spoken = pl.concat([seen.probes, seen.answers]).select("flow_id").unique()
    alone = seen.resets.join(spoken, on="flow_id", how="anti")
    words = {"zombie": seen.zombie, "target": seen.target}
    if seen.probes.height and alone.height >= 2:
        yield reason("idle", "unasked_resets", times=alone.height, **words)
    answered = seen.answers["sport"].n_unique()
    if not seen.probes.height and answered >= MIN_ANSWERS:
        yield reason("idle", "answers_unasked", times=answered, **words)
        closed = seen.answers.filter(is_reset(pl.col("flags")))["sport"].n_unique()
        if closed >= MIN_ANSWERS:
            yield reason("idle", "answers_closed", times=closed, **words)


def _counting(seen: _Seen, *, counts: bool) -> Iterator[Reason]:
    """How the resets of the zombie count; `counts`: its polls show that it does."""
    ids = seen.resets["ipid"].drop_nulls().to_list()
    counted = counter(ids, POLLED_STEP)
    if counted.counts:
        words = {"first": ids[0], "last": ids[-1], "of": counted.n_steps}
        yield reason("idle", "counter", times=counted.n_small, zombie=seen.zombie, **words)
        if counted.n_skipped:
            yield reason("idle", "gaps", times=counted.n_skipped)
    elif counted.n_steps >= 2 or (counted.constant is not None and len(ids) > 2):
        what = "drawn IP IDs" if counted.constant is None else f"IP ID {counted.constant} always"
        yield reason("idle", "no_counter", zombie=seen.zombie, what=what)
    elif not counts and not counted.n_small:
        yield reason("idle", "uncounted", zombie=seen.zombie)


def _two_machines(seen: _Seen) -> Iterator[Reason]:
    """Whether probes and resets come from one place."""
    asks, resets = sender(seen.probes), sender(seen.resets)
    if not asks.n or not resets.n:
        return
    differ = apart(asks.distance, resets.distance)
    if differ:
        yield reason("idle", "other_distance", zombie=seen.zombie, probe=asks.distance,
                     own=resets.distance)  # fmt: skip
    elif differ is False and (asks.mac is None or asks.mac == resets.mac):
        yield reason("idle", "same_distance", own=resets.distance)
    if asks.mac and resets.mac and asks.mac != resets.mac:
        yield reason("idle", "other_mac", probe=asks.mac, own=resets.mac)


def _watched(seen: _Seen, watch: Polls) -> Iterator[Reason]:
    """What the polls of one watcher say of this zombie and this target."""
    words = {"scanner": watch.scanner, "zombie": seen.zombie}
    yield reason("idle", "polls", times=watch.n_asked, what="SYN/ACKs", **words)
    if watch.drawn_ttls is not None:
        yield reason("idle", "crafted_polls", ttls=watch.drawn_ttls)
    at_zombie = pl.concat([seen.probes["sport"], seen.answers["dport"]])
    named = shared_value(at_zombie.to_list())
    if named is not None and named[0] == watch.port:
        target = seen.target
        yield reason("idle", "watched_port", scanner=watch.scanner, zombie=seen.zombie,
                     target=target, port=watch.port)  # fmt: skip
    times = seen.times_ns
    start, end = watch.times_ns[0] - MARGIN_NS, watch.times_ns[-1] + MARGIN_NS
    inside = sum(start <= time <= end for time in times)
    if times and inside >= 0.8 * len(times):
        yield reason("idle", "between", times=inside, of=len(times))
    right, n_gaps = _gaps_explained(seen, watch)
    if n_gaps >= LEAST_GAPS and right >= 0.8 * n_gaps:
        yield reason("idle", "read_steps", times=right, of=n_gaps, target=seen.target)
    if seen.forged:
        ack = min(seen.forged)
        yield reason("idle", "forged", ack=ack, scanner=watch.scanner, target=seen.target)


def _gaps_explained(seen: _Seen, watch: Polls) -> tuple[int, int]:
    """Gaps between polls that step by 1 and the resets to the target in between; all gaps.

    Only where these resets are on this wire.
    """
    resets = seen.resets["time_ns"].to_list()
    if not resets:
        return 0, 0
    right = n = 0
    for (a, b), (first, last) in zip(
        zip(watch.times_ns, watch.times_ns[1:], strict=False),
        zip(watch.ids, watch.ids[1:], strict=False),
        strict=True,
    ):
        between = sum(a < time < b for time in resets)
        right += (last - first) & 0xFFFF == 1 + between
        n += 1
    return right, n


def _who(
    seen: _Seen, watch: Polls | None, gathered: Gathered
) -> tuple[str | None, tuple[Reason, ...]]:
    """The scanner: who polls, or whose link address the probes' frames carry."""
    if watch is not None:
        return watch.scanner, ()
    asks, resets = sender(seen.probes), sender(seen.resets)
    if asks.mac is None or asks.mac == resets.mac:
        return None, ()
    others = link_addresses(gathered).get(asks.mac, set()) - {seen.zombie, seen.target}
    if len(others) != 1:
        return None, ()
    (scanner,) = others
    return scanner, (reason("idle", "own_link", probe=asks.mac, scanner=scanner),)


def _ports(seen: _Seen) -> Ports:
    """What the scan found out, as this wire shows it."""
    answers = seen.answers
    opened = set(answers.filter(is_syn_ack(pl.col("flags")))["sport"].to_list())
    if seen.probes.height:
        asked = set(seen.probes["dport"].to_list())
    else:
        asked = set(answers["sport"].to_list())
    closed = set(answers.filter(is_reset(pl.col("flags")))["sport"].to_list()) - opened
    return Ports(
        open=tuple(sorted(opened & asked)),
        closed=tuple(sorted(closed & asked)),
        filtered=tuple(sorted(asked - opened - closed)),
    )


def _notes(seen: _Seen, scanner: str | None) -> tuple[str, ...]:
    if scanner is not None:
        return ()
    asks = sender(seen.probes)
    told = f"{asks.distance} hops away" if asks.distance is not None else "unknown distance"
    link = f", link address {asks.mac}" if asks.mac is not None else ""
    return (f"the scanner's own address does not pass this wire; its probes: {told}{link}",)


def _watch(watch: Polls) -> Finding:
    words = {"scanner": watch.scanner, "zombie": watch.zombie}
    reasons = (
        reason("idle", "prior"),
        reason("idle", "polls", times=watch.n_asked, what="SYN/ACKs", **words),
        reason("idle", "counter", times=watch.counter.n_small, zombie=watch.zombie,
               first=watch.ids[0], last=watch.ids[-1], of=watch.counter.n_steps),
    )  # fmt: skip
    return Finding(
        kind=IP_ID_WATCH,
        technique="synack",
        probability=probability(reasons),
        sources=(watch.scanner,),
        targets=(watch.zombie,),
        n_targets=1,
        scanner=watch.scanner,
        zombie=watch.zombie,
        first_ns=watch.times_ns[0],
        last_ns=watch.times_ns[-1],
        n_probes=watch.n_asked,
        ports=Ports(unfiltered=(watch.port,)),
        reasons=reasons,
        alternatives=alternatives(IP_ID_WATCH),
    )
