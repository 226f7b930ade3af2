"""What more traffic would decide whether two flows are one machine's."""

from __future__ import annotations

import math

from wiretell.devices.assign import Evidence, grouped
from wiretell.devices.balance import NAMES, topic_of_label
from wiretell.devices.compare import POPULATION_PPM
from wiretell.devices.group import Group
from wiretell.devices.silence import Regimes, regime_of

DECIDED = 0.99
"""From this probability on, either way, nothing more is asked for."""
ENOUGH_PPM = 2.0
"""An error of clock rates below which more length says little: disciplined clocks are as close."""
RUNNING = frozenset({"sequential", "even", "global", "per destination", "bytes swapped"})
"""Regimes of ports and IP IDs in which a counter goes on from flow to flow."""


def more_traffic(
    evidence: Evidence,
    regimes: Regimes,
    i: int,
    j: int,
    probability: float,
    *,
    alike: bool = False,
    serves: bool = False,
) -> list[str]:
    """Sentences, the most telling first.

    `alike`: several machines may stand under one number; `serves`: the address only answers.
    """
    if not 1.0 - DECIDED < probability < DECIDED:
        return ["nothing more is needed"]
    if serves:
        return ["more answers with TCP timestamps: two clock lines would be two machines"]
    a, b = grouped(evidence, [[i], [j]])
    wanted = [*_clock(a, b, regimes, i, j), *_counter(regimes, i, j)]
    if alike:
        wanted.append(
            "push connections that overlap: a machine keeps one at a time, so two kept at once"
            " are two machines'"
        )
    named = {x.side for x in evidence.labels if topic_of_label(x.kind) == NAMES}
    if not {i, j} <= named:
        wanted.append(
            "a name or secret in clear from both: DHCP, mDNS or NetBIOS name, cookie, resumed TLS"
            " session"
        )
    if not (a.labels.keys() & b.labels.keys()):
        wanted.append("the beginning of a connection of each: its SYN shows the stack")
    return wanted


def _clock(a: Group, b: Group, regimes: Regimes, i: int, j: int) -> list[str]:
    words: list[str] = []
    scopes = {regime_of(regimes, "tcp_timestamp", side) for side in (i, j)}
    if scopes == {"per destination"} and a.peers.isdisjoint(b.peers):
        words.append(
            "connections of both to one and the same server: their clock lines can be compared"
            " only there"
        )
    if "absent" in scopes:
        return [*words, "no clock will tell: one of them sends no TCP timestamps"]
    mine, theirs = a.skew(), b.skew()
    if mine is None or theirs is None:
        return [*words, "connections of a minute or more, with TCP timestamps: a clock rate each"]
    error = math.hypot(mine[2], theirs[2])
    if mine[0] == theirs[0] and error > ENOUGH_PPM:
        longer = error / ENOUGH_PPM
        words.append(
            f"longer connections: clock rates are known to ±{error:.1f} ppm, and free-running"
            f" clocks lie some {math.sqrt(2.0) * POPULATION_PPM:.0f} ppm apart;"
            f" {longer:.0f} times as long gives ±{ENOUGH_PPM:.0f} ppm"
        )
    return words


def _counter(regimes: Regimes, i: int, j: int) -> list[str]:
    for signal, what in (("source_port", "source ports"), ("ip_id", "IP IDs")):
        kinds = [regime_of(regimes, signal, side) for side in (i, j)]
        if RUNNING.issuperset(kinds) and kinds[0] == kinds[1]:
            same = " to one server" if kinds[0] == "per destination" else ""
            return [
                f"more connections of both in the same minutes{same}: one run of {what} goes on,"
                " or two run side by side"
            ]
    return []
