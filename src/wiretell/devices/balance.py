"""Arguments put side by side: bits for and against one machine, by topic, that add up.

Of correlated arguments only a part counts (`compare.discounted`); a line has both that part and
the full bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wiretell.devices.assign import Evidence, grouped
from wiretell.devices.compare import ONE_MACHINE_BITS, Argument, compare
from wiretell.devices.exclusive import holds_bits
from wiretell.devices.group import Group
from wiretell.devices.interleave import Interleaving, agreement
from wiretell.devices.link_path import best_path
from wiretell.devices.ties import Ties
from wiretell.stats.likelihood import probability

PRIOR, HANDWRITING, NAMES, CLOCKS = "prior", "handwriting", "names", "clocks"
COUNTERS, LOOK_UPS, PUSH = "counters", "look-ups", "push connections"
ACTIVITY, SERVICES, DESTINATIONS = "activity", "services", "destinations"
TOPICS = (
    PRIOR,
    HANDWRITING,
    NAMES,
    CLOCKS,
    COUNTERS,
    LOOK_UPS,
    PUSH,
    ACTIVITY,
    SERVICES,
    DESTINATIONS,
)
_TOPIC_OF = {
    "dhcp_hostname": NAMES,
    "mdns_name": NAMES,
    "netbios_name": NAMES,
    "bittorrent_peer": NAMES,
    "sip_contact": NAMES,
    "http_cookie": NAMES,
    "tls_session": NAMES,
    "tcp_timestamp": CLOCKS,
    "resolution": LOOK_UPS,
    "push": PUSH,
    "activity": ACTIVITY,
    "services": SERVICES,
    "peers": DESTINATIONS,
}
PRIOR_WORDS = "machines are not multiplied without need"

SLIGHT_WORDS = "moments of both, too slight to be named"


@dataclass(frozen=True)
class Line:
    """One argument: what it counts for in the sum, what it would alone, and why."""

    topic: str
    signal: str
    bits: float
    full_bits: float
    reason: str


@dataclass(frozen=True)
class Balance:
    """What was weighed against what, and the sum in bits; lines in the order of `TOPICS`."""

    title: str
    lines: tuple[Line, ...]
    note: str = ""
    """What the sum means beside others, in words."""

    @property
    def bits(self) -> float:
        """The sum: log2 of the odds for one machine."""
        return sum(line.bits for line in self.lines)

    @property
    def probability(self) -> float:
        """Probability of one machine by these arguments alone."""
        return probability(self.bits)


def balance(
    title: str, arguments: Iterable[Argument], note: str = "", bits: float | None = None
) -> Balance:
    """The prior and `arguments` as lines.

    `bits` is what the engine summed them to, where that is known: what it found too slight for
    words is then a line too.
    """
    lines = [Line(PRIOR, PRIOR, ONE_MACHINE_BITS, ONE_MACHINE_BITS, PRIOR_WORDS)]
    counted = {1: 0, -1: 0}
    for x in sorted(arguments, key=lambda x: (-abs(x.bits), x.reason)):
        counts = x.bits
        if x.correlated:
            sign = 1 if x.bits > 0.0 else -1
            counts *= 0.5 ** counted[sign]
            counted[sign] += 1
        lines.append(Line(_topic(x), x.signal, counts, x.bits, x.reason))
    rest = 0.0 if bits is None else bits - sum(line.bits for line in lines)
    if abs(rest) > 1e-9:
        lines.append(Line(ACTIVITY, "activity", rest, rest, SLIGHT_WORDS))
    lines.sort(key=lambda line: TOPICS.index(line.topic))
    return Balance(title, tuple(lines), note)


def _topic(argument: Argument) -> str:
    if argument.correlated:
        return topic_of_label(argument.signal)
    return _TOPIC_OF.get(argument.signal, COUNTERS)


def topic_of_label(kind: str) -> str:
    """The topic of a label's kind: names and secrets, else handwriting."""
    return _TOPIC_OF.get(kind, HANDWRITING)


def of_two_sides(evidence: Evidence, i: int, j: int) -> list[Argument]:
    """What two sides say, all others aside but those on the same clock line."""
    a, b = grouped(evidence, [[i], [j]])
    _, found = compare(a, b, evidence.rules)
    found += holds_bits(a, b)
    line = next((c for c in evidence.clocks if i in c.sides and j in c.sides), None)
    on_line = best_path((x for x in evidence.links if x.signal == "tcp_timestamp"), i, j)
    if line is not None and on_line:
        weakest = min(link.bits for link in on_line)
        words = f"both on one clock line of {len(line.sides)} flows, {line.hz:.2f} Hz"
        found.append(Argument("tcp_timestamp", weakest, words))
    direct = [x for x in evidence.links if {x.a, x.b} == {i, j}]
    for link in direct:
        if link.signal == "tcp_timestamp" and line is not None:
            continue
        found.append(Argument(link.signal, link.bits, link.reason))
        other = agreement(link, evidence.counters)
        if other:
            words = "go on as well" if other > 0.0 else "are far apart"
            found.append(Argument("counters", other, f"the other counters of both {words}"))
    return found


def of_two_groups(groups: Sequence[Group], evidence: Evidence, a: int, b: int) -> list[Argument]:
    """What the engine weighs for groups `a` and `b` of `groups` being one machine."""
    a, b = min(a, b), max(a, b)
    _, found = compare(groups[a], groups[b], evidence.rules)
    found += holds_bits(groups[a], groups[b])
    tie = Ties.between(groups, evidence.links).argument(a, b)
    sides = [groups[a].sides, groups[b].sides]
    apart = Interleaving(sides, evidence.counters).argument(0, 1)
    return [*found, *(x for x in (tie, apart) if x is not None)]
