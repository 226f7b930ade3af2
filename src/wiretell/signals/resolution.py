"""A name looked up, then its address called: both by the same machine.

Physics: a client that resolves a name connects to the answer within moments (RFC 1034, 8305):
half of 545 real ones within 3 ms, one in twenty after more than 0.1 s. How soon behind this
address is learnt from its own look-ups; the sooner and the rarer the call, the surer.
Blind spots: caches, resolvers shared inside, encrypted DNS, machines that ask the same at once.
"""

from __future__ import annotations

import bisect
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from wiretell.signal import Link, Scores, Signal

NAME = "resolution"
WITHIN_S = 5.0
MOST_BITS = 8.0
"""Of the surest look-up: a resolver inside, which asks for all, is always possible."""
WAIT_S, FOLLOWED, WEIGHT = 0.03, 0.75, 5
"""Supposed before any look-up is seen, and weighing as many: the median wait between answer and
call, and the share of answers that are followed by one. Real captures have 3 ms, taken beside the
client, and 75 %."""
MOST_FOLLOWED = 0.9
FIRST = 0.9
"""Share of calls that go to the first of several addresses answered (145 of 149 in real captures);
the others share the rest."""
AROUND_S, PSEUDO_CALLS, SHORTEST_S = 60.0, 0.5, 10.0
"""How often an address is called anyway is counted so long before and after, but for the seconds
in which the look-up's own calls are; with so many calls more than were seen, in no less time."""
NEAREST = 16
"""Calls after an answer, and answers before a call, that are weighed one by one; those further off
weigh as the last of these."""


class _Question(NamedTuple):
    """An answer: when, whose look-up, which name."""

    time_s: float
    asker: int
    name: str


class _Call(NamedTuple):
    """A call after an answer.

    `others_hz`: calls of this address that come anyway, a second, over the share of askers that
    call this one of all they were answered.
    """

    wait_s: float
    address: str
    time_s: float
    caller: int
    others_hz: float


@dataclass(frozen=True)
class _Series:
    """What happened with one address, in order of time: whose sides at which seconds."""

    times_s: list[float]
    numbers: list[int]

    @classmethod
    def of(cls, events: list[tuple[float, int]]) -> _Series:
        events.sort()
        return cls([time_s for time_s, _ in events], [number for _, number in events])

    def within(self, since_s: float, until_s: float) -> range:
        """Places of those from `since_s` to `until_s`."""
        since = bisect.bisect_left(self.times_s, since_s)
        return range(since, bisect.bisect_right(self.times_s, until_s, since))


@dataclass(frozen=True)
class _Wait:
    """How machines here wait with the call: half of them `median_s`, few much longer.

    The density falls as in a Lomax distribution of shape 1: real waits have such a long tail.
    """

    median_s: float
    followed: float

    def density_hz(self, wait_s: float) -> float:
        """Share of waits per second."""
        return self.median_s / (self.median_s + wait_s) ** 2


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Links from a DNS flow to the likeliest call of an address that it was answered."""
    answers = observations.filter(
        (pl.col("quantity") == "dns_answer")
        & pl.col("time_ns").is_not_null()
        & pl.col("text").is_not_null()
    ).select("flow_id", "side", "text", "time_ns")
    if answers.is_empty():
        return Scores()
    asked = answers.join(
        sides.select("flow_id", "side", "number"), on=["flow_id", "side"], maintain_order="left"
    ).drop_nulls("number")
    calls: dict[str, list[tuple[float, int]]] = defaultdict(list)
    opened = sides.filter(pl.col("initiator") & (pl.col("peer_port") != 53))
    if opened.is_empty():
        return Scores()
    begin_ns = int(opened["start_ns"].to_numpy().min())
    for peer, call in zip(
        opened["peer"].to_list(), _pairs(opened, "start_ns", begin_ns), strict=True
    ):
        calls[peer].append(call)
    told: dict[str, list[tuple[float, int]]] = defaultdict(list)
    questions: dict[_Question, dict[str, None]] = defaultdict(dict)
    for text, answer in zip(
        asked["text"].to_list(), _pairs(asked, "time_ns", begin_ns), strict=True
    ):
        name, _, address = text.rpartition(" ")
        questions[_Question(*answer, name)][address] = None
        if address in calls:
            told[address].append(answer)
    return Scores(links=_links(questions, _sorted(calls), _sorted(told)))


def _links(
    questions: Mapping[_Question, Mapping[str, None]],
    calls: Mapping[str, _Series],
    told: Mapping[str, _Series],
) -> list[Link]:
    end_s = max(series.times_s[-1] for series in calls.values())
    followed = {
        question: found
        for question in sorted(questions)
        if (found := _calls_after(question.time_s, questions[question], calls, end_s))
    }
    first_s = [min(call.wait_s for call in found) for found in followed.values()]
    share = (FOLLOWED * WEIGHT + len(followed)) / (WEIGHT + len(questions))
    wait = _Wait(statistics.median([WAIT_S] * WEIGHT + first_s), min(share, MOST_FOLLOWED))
    links: list[Link] = []
    for question, found in followed.items():
        weights = [wait.density_hz(call.wait_s) / call.others_hz for call in found]
        best = max(range(len(found)), key=weights.__getitem__)
        call = found[best]
        own = math.log2(weights[best] * wait.followed / (1.0 - wait.followed))
        bits = min(own, MOST_BITS) - math.log2(sum(weights) / weights[best])
        # A wrong asker puts two machines together: who else may have asked counts twice.
        bits -= 2.0 * math.log2(_askers(question.asker, call, told[call.address], wait))
        if bits > 0.0:
            words = f"asked for {question.name}, then called {call.address} after"
            links.append(
                Link(NAME, question.asker, call.caller, bits, f"{words} {call.wait_s:.2f} s")
            )
    return links


def _calls_after(
    answered_s: float, addresses: Mapping[str, None], calls: Mapping[str, _Series], end_s: float
) -> list[_Call]:
    """Calls of any of the addresses soon after the answer, by address and time."""
    found: list[_Call] = []
    for place, address in enumerate(addresses):
        series = calls.get(address)
        soon = series.within(answered_s, answered_s + WITHIN_S) if series else range(0)
        if series is None or not soon:
            continue
        around = series.within(answered_s - AROUND_S, answered_s + AROUND_S)
        span_s = min(answered_s + AROUND_S, end_s) - max(answered_s - AROUND_S, 0.0)
        anyway = len(around) - len(soon) + PSEUDO_CALLS
        others_hz = anyway / max(span_s, SHORTEST_S) / _share(place, len(addresses))
        for i in soon[:NEAREST]:
            time_s = series.times_s[i]
            wait_s = time_s - answered_s
            found.append(_Call(wait_s, address, time_s, series.numbers[i], others_hz))
        found += [found[-1]] * len(soon[NEAREST:])
    return found


def _share(place: int, n: int) -> float:
    """Share of askers that call the address at this place of `n` answered."""
    if n == 1:
        return 1.0
    return FIRST if place == 0 else (1.0 - FIRST) / (n - 1)


def _askers(asker: int, call: _Call, told: _Series, wait: _Wait) -> float:
    """How many may have asked for this call, as much as the asker may: 1 if it is alone."""
    before = told.within(call.time_s - WITHIN_S, call.time_s)[::-1]
    last = {told.numbers[i]: told.times_s[i] for i in reversed(before[:NEAREST])}
    last.pop(asker, None)
    waits_s = [call.time_s - time_s for time_s in last.values()]
    if len(before) > NEAREST:
        waits_s += [call.time_s - told.times_s[before[NEAREST - 1]]] * len(before[NEAREST:])
    own_hz = wait.density_hz(call.wait_s)
    return 1.0 + sum(map(wait.density_hz, waits_s)) / own_hz


def _sorted(events: Mapping[str, list[tuple[float, int]]]) -> dict[str, _Series]:
    return {address: _Series.of(found) for address, found in sorted(events.items())}


def _pairs(rows: pl.DataFrame, time: str, begin_ns: int) -> Iterator[tuple[float, int]]:
    """A time in seconds and the number of the side, of each row."""
    seconds = ((rows[time] - begin_ns) / 1e9).to_list()
    return zip(seconds, rows["number"].to_list(), strict=True)


SIGNAL = Signal(NAME, score=score)
