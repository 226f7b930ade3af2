"""How much speaks for two groups of sides being one machine: bits, each with its reason.

Correlated arguments are discounted (`discounted`): the second strongest of a sign counts half,
the third a quarter, because handwriting of one kind seldom comes alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrc

from wiretell.devices.group import Group
from wiretell.devices.meeting import Clocks, meeting
from wiretell.signal import Clock, LabelRule
from wiretell.stats.clock_agreement import agreement_bits, free_bits
from wiretell.stats.counter_lines import MODULUS, wrapped

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Agreement = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]
"""Rates and errors (ppm) of two clocks -> bits for one clock."""


class Argument(NamedTuple):
    """Bits for (+) or against (-) one machine, and why."""

    signal: str
    bits: float
    reason: str
    correlated: bool = False
    """Handwriting: of several such arguments the weaker ones are discounted."""


ONE_MACHINE_BITS = 4.0
"""Prior: machines are not multiplied without need; each further one on an address costs this."""

POPULATION_PPM = 30.0
"""Spread of free-running crystals (Jiao and Zheng 2011: mostly within +-100 ppm)."""
SKEW_BITS = (-20.0, 6.0)
OUTLIER_BITS, OUTLIER_BITS_POOR, POOR_PPM = 2.0, 1.0, 5.0
"""For each clock that would have to be measured wrong: of few, all may be, and short flows that
share a burst of delay more easily than long ones."""

OTHER_RATE_BITS = -20.0
OTHER_RATE = 0.25
"""Difference of two flows' rates that unsteady clocks (ticks lost when idle) do not reach."""
CLOCK_CONFLICT_BITS = -25.0
SURE_BITS, SURE_CONFLICT_BITS = 1.0, -60.0
"""What each further flow on both of two lines adds to their conflict, and the most of it: lines of
many flows do not come of chance, whatever links and handwriting say."""
STRAY_SHARE = 0.02
"""Share of flows in a group that are not its machine's, or whose clock is a proxy's."""
LINE_SLACK_S = 0.5
OVERLAP_S = 2.0

REBOOT_PRIOR = 0.05
REBOOT_EVERY_S = 2 * 86400.0
"""Chance of a reboot in a short silence, and how soon one becomes likely in a long one."""
RESTART_SURE_S = 6 * 3600.0
SUSPEND_PRIOR = 0.05
DELAY_S = 10.0
"""A single flow up to this far off a line may have been delayed; several equally late are not."""
DELAY_PRIOR = 0.02
NEAR_S = 5.0
"""Lines of several flows this near one another say nothing: on a path that holds packets back a
machine shows such, and so do machines that were started together."""


def labels_bits(a: Group, b: Group, rules: Mapping[str, LabelRule]) -> list[Argument]:
    """Arguments from handwriting: one per kind that both groups show."""
    arguments: list[Argument] = []
    for kind in sorted(a.labels.keys() & b.labels.keys()):
        rule = rules[kind]
        mine, theirs = a.labels[kind], b.labels[kind]
        if len(mine) == len(theirs) == 1 and mine.keys() == theirs.keys():
            (text,) = mine  # most often: all of both show it
            same = f"same {rule.words}: {text}"
            arguments.append(Argument(kind, rule.bits_equal, same, correlated=True))
            continue
        # Sorted: sums and ties are the same in every process.
        shared = sorted(mine.keys() & theirs.keys())
        ours, others = mine.total(), theirs.total()
        if shared:
            overlap = sum(min(mine[t] / ours, theirs[t] / others) for t in shared)
            most = max(shared, key=lambda t: mine[t] + theirs[t])
            bits = rule.bits_equal * min(1.0, 0.25 + overlap)
            arguments.append(Argument(kind, bits, f"same {rule.words}: {most}", correlated=True))
        elif rule.bits_other:
            sure = 1.0 - 2.0 ** (-min(ours, others) / rule.sure_after * 2.0)
            words = (
                f"{rule.words} differs: {mine.most_common(1)[0][0]} / {theirs.most_common(1)[0][0]}"
            )
            arguments.append(Argument(kind, rule.bits_other * sure, words, correlated=True))
    return arguments


def skew_bits(a: Group, b: Group) -> list[Argument]:
    """Argument from the measured rates of both clocks."""
    mine, theirs = a.skew(), b.skew()
    if mine is None or theirs is None:
        return []
    if mine[0] != theirs[0]:
        apart = abs(mine[0] / theirs[0] - 1.0)
        doubt = 4e-6 * (mine[2] + theirs[2]) + 0.08
        if apart <= doubt:
            return []
        return [
            Argument(
                "tcp_timestamp",
                OTHER_RATE_BITS,
                f"clock rates differ: {mine[0]:g} / {theirs[0]:g} Hz",
            )
        ]
    error = math.hypot(mine[2], theirs[2])
    if error > POPULATION_PPM:
        return []
    bits = float(_equal_bits(np.array(a.rate_row()), np.array(b.rate_row()), agreement_bits))
    words = "agree" if bits > 0 else "differ"
    reason = f"clock skews {words}: {mine[1]:+.1f} and {theirs[1]:+.1f} ppm (+-{error:.1f})"
    return [Argument("tcp_timestamp", bits, reason)]


def skews_bits(skews: FloatArray, a: int, others: IntArray) -> FloatArray:
    """What rates say of group `a` against each of `others`: `skews` has a `rate_row` of each group.

    A nominal rate of 0 says that a group has no clock. All are taken to run free: this is for the
    order in which groups are merged, where flows of one clock must not be sorted by their noise.
    What agreement is worth, `skew_bits` says.
    """
    mine = skews[a]
    hz, error = float(mine[0]), float(mine[2])
    bits = np.zeros(len(others))
    if not hz:
        return bits
    rows = skews.take(others, axis=0)
    equal = rows[:, 0] == hz
    rated = np.flatnonzero((rows[:, 0] != 0.0) & ~equal)
    if len(rated):
        bits[rated] = _clocked_bits(rows[rated], mine, free_bits)
    if error <= POPULATION_PPM:
        known = np.flatnonzero(equal & (np.hypot(rows[:, 2], error) <= POPULATION_PPM))
        if len(known):
            bits[known] = _equal_bits(rows.take(known, axis=0), mine, free_bits)
    return bits


def held_bits(these: FloatArray, those: FloatArray) -> float:
    """What agreeing rates of a pair say less because NTP holds many clocks to one rate.

    Of two `rate_row`s the bits of `rates_bits` with the population, less those of free clocks.
    """
    hz, ppm, error, _ = these
    other_hz, other_ppm, other_error, _ = those
    if not hz or hz != other_hz or np.hypot(error, other_error) > POPULATION_PPM:
        return 0.0
    if free_bits(ppm, error, other_ppm, other_error) <= 0.0:
        return 0.0  # what does not agree is weighed alike
    return float(_equal_bits(these, those, agreement_bits) - _equal_bits(these, those, free_bits))


def rates_bits(
    these: FloatArray, those: FloatArray, agree: Agreement = agreement_bits
) -> FloatArray:
    """`skew_bits` of rows (nominal Hz, ppm, error in ppm, flows): any shapes that broadcast."""
    asked = (these[..., 0] != 0.0) & (those[..., 0] != 0.0)
    bits = np.zeros(asked.shape)
    if asked.any():  # most of what is attached has no clock
        mine, other = (np.broadcast_to(x, (*asked.shape, 4))[asked] for x in (these, those))
        bits[asked] = _clocked_bits(mine, other, agree)
    return bits


def _clocked_bits(these: FloatArray, those: FloatArray, agree: Agreement) -> FloatArray:
    """`rates_bits` of pairs that both have a clock: shapes (n, 4), the second may be (4,)."""
    hz, _, errors, _ = these.T
    other_hz, _, other_errors, _ = those.T
    off = np.abs(hz / other_hz - 1.0) > 4e-6 * (errors + other_errors) + 0.08
    bits: FloatArray = np.where(off, OTHER_RATE_BITS, 0.0)
    # Of one nominal rate, with errors that leave something to be said: few pairs of short flows.
    equal = hz == other_hz
    bits[equal] = 0.0
    known = np.flatnonzero(equal & ~(np.hypot(errors, other_errors) > POPULATION_PPM))
    if len(known):
        bits[known] = _equal_bits(these[known], those if those.ndim == 1 else those[known], agree)
    return bits


def _equal_bits(these: FloatArray, those: FloatArray, agree: Agreement) -> FloatArray:
    """`rates_bits` of pairs of one nominal rate whose errors are small: shapes (..., 4)."""
    _, ppm, errors, flows = these.T
    _, other_ppm, other_errors, other_flows = those.T
    outlier = np.where(np.hypot(errors, other_errors) < POOR_PPM, OUTLIER_BITS, OUTLIER_BITS_POOR)
    floor = np.maximum(SKEW_BITS[0], -outlier * (1.0 + np.minimum(flows, other_flows)))
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = agree(ppm, errors, other_ppm, other_errors)
    same: FloatArray = np.minimum(np.maximum(bits, floor), SKEW_BITS[1])
    return same


def clock_bits(a: Group, b: Group) -> list[Argument]:
    """Argument from clock lines that one machine cannot both have, or can by reboot or suspend.

    Flows off the other group's common line ("host" or "destination" scope) are strays: a few
    among many may have been put into the wrong group, all of a group's flows may not.
    """
    return lines_bits(a, b, meeting(Clocks(a), Clocks(b)))


def lines_bits(a: Group, b: Group, pairs: Iterable[tuple[Clock, Clock]]) -> list[Argument]:
    """The same from `pairs` alone: clocks of `a` and of `b` that one machine may not both have."""
    worst: Argument | None = None
    strays: tuple[set[int], set[int]] = set(), set()
    n_sure = 0
    clocked: tuple[int, int] | None = None
    for mine, theirs in pairs:
        argument = _line_bits(mine, theirs)
        if argument is None:
            continue
        if worst is None or argument.bits < worst.bits:
            worst = argument
        if argument.bits < 0.0:
            clocked = clocked or (a.n_clocked, b.n_clocked)
            few = min(len(mine.sides), len(theirs.sides))
            # Of two as large, the line that is said to hold for the whole host is the odd one.
            odd = (len(mine.sides), mine.scope != "host") < (
                len(theirs.sides),
                theirs.scope != "host",
            )
            strays[0 if odd else 1].update((mine if odd else theirs).sides)
            if argument.bits <= CLOCK_CONFLICT_BITS:
                n_sure = max(n_sure, few)
            if worst.bits <= CLOCK_CONFLICT_BITS and _strays(strays, clocked) <= worst.bits:
                break  # nothing can say more: large groups have thousands of pairs
    if worst is None:
        return []
    floor = _strays(strays, clocked) if clocked else 0.0
    bits = max(worst.bits, floor, CLOCK_CONFLICT_BITS)
    if bits <= CLOCK_CONFLICT_BITS:
        bits = max(bits - SURE_BITS * max(n_sure - 1, 0), SURE_CONFLICT_BITS)
    return [Argument(worst.signal, bits, worst.reason)]


def _strays(strays: Sequence[set[int]], clocked: Sequence[int]) -> float:
    """log2 of the chance that so many of each group's clocked flows do not belong to it."""
    return sum(_stray_bits(len(k), n) for k, n in zip(strays, clocked, strict=True))


def _stray_bits(n_strays: int, n_clocked: int) -> float:
    if n_strays == 0:
        return 0.0
    tail = float(pdtrc(n_strays - 1, n_clocked * STRAY_SHARE))
    return math.log2(max(tail, 2.0**CLOCK_CONFLICT_BITS))


def _line_bits(x: Clock, y: Clock) -> Argument | None:
    """Two lines: None where both may belong to one machine as they are (other destinations)."""
    if x.sides == y.sides or not _comparable(x, y):
        return None
    if y.first_s < x.first_s:
        x, y = y, x
    hz = x.nominal_hz or y.nominal_hz
    if not hz:
        return None
    if x.nominal_hz and y.nominal_hz and abs(x.nominal_hz / y.nominal_hz - 1.0) > OTHER_RATE:
        return Argument(
            "tcp_timestamp", OTHER_RATE_BITS, f"clock rates differ: {x.hz:g} / {y.hz:g} Hz"
        )
    expected = x.v_first + round(hz * (y.first_s - x.first_s))
    jump_s = wrapped(y.v_first - expected) / hz
    if min(len(x.sides), len(y.sides)) > 1 and LINE_SLACK_S < abs(jump_s) <= NEAR_S:
        return None
    other = _uptime_density(_uptime_s(y, hz), MODULUS / hz)
    ways = _ways(x, y, hz, jump_s)
    density, reason = max(ways, default=(0.0, ""))
    bits = math.log2(max(density / other, 2.0**CLOCK_CONFLICT_BITS))
    if bits == CLOCK_CONFLICT_BITS:
        reason = f"clock lines {abs(jump_s):.1f} s apart: one machine shows one"
    return Argument("tcp_timestamp", bits, reason)


def _ways(x: Clock, y: Clock, hz: float, jump_s: float) -> list[tuple[float, str]]:
    """How one machine may show line x and later line y: (density per s of this offset, words)."""
    ways: list[tuple[float, str]] = []
    if min(len(x.sides), len(y.sides)) == 1 and abs(jump_s) <= DELAY_S:
        words = f"clock lines {abs(jump_s):.2f} s apart: delayed packets"
        ways.append((DELAY_PRIOR / DELAY_S, words))
    elif abs(jump_s) <= LINE_SLACK_S:
        ways.append((0.5 / LINE_SLACK_S, "clock lines go on from one to the other"))
    gap = y.first_s - x.last_s
    if gap <= -OVERLAP_S:
        return ways
    gap = max(gap, OVERLAP_S)
    uptime_s = _uptime_s(y, hz)
    if uptime_s <= gap + LINE_SLACK_S:
        words = f"clock restarted in the {gap:.0f} s between: a reboot"
        ways.append((_reboot(gap) * _uptime_density(uptime_s, gap), words))
    if -gap <= jump_s < 0.0:
        words = f"clock stood still for {-jump_s:.0f} s: suspended"
        ways.append((SUSPEND_PRIOR / gap, words))
    if gap > RESTART_SURE_S:
        # Over days a clock may have been set, or restarted with a random base.
        words = f"{gap / 3600.0:.0f} h apart: the clock may be new"
        ways.append((0.5 / (MODULUS / hz), words))
    return ways


def _uptime_density(uptime_s: float, most_s: float) -> float:
    """Density per second of a machine's uptime: half uniform, half logarithmic, up to a most."""
    return 0.5 / most_s + 0.5 / (max(uptime_s, 1.0) * math.log(max(most_s, 3.0)))


def _reboot(gap_s: float) -> float:
    """Probability that a machine restarted within a silence."""
    return 1.0 - (1.0 - REBOOT_PRIOR) * math.exp(-gap_s / REBOOT_EVERY_S)


def _comparable(x: Clock, y: Clock) -> bool:
    """Must one machine show both on one line?"""
    scopes = {x.scope, y.scope}
    if "host" in scopes:
        return True
    if "destination" in scopes:
        return x.peer == y.peer
    return False


def _uptime_s(clock: Clock, hz: float) -> float:
    """Seconds since the counter started, at the line's first reading (two usual starts)."""
    since_zero = clock.v_first / hz
    since_boot_count = ((clock.v_first + 300.0 * hz) % MODULUS) / hz
    return min(since_zero, since_boot_count)


def discounted(arguments: Sequence[Argument]) -> float:
    """Sum of bits with each further argument of the same sign counted half of the one before."""
    total = 0.0
    for sign in (1.0, -1.0):
        bits = sorted((sign * x.bits for x in arguments if sign * x.bits > 0.0), reverse=True)
        total += sign * sum(b * 0.5**i for i, b in enumerate(bits))
    return total


def compare(a: Group, b: Group, rules: Mapping[str, LabelRule]) -> tuple[float, list[Argument]]:
    """Bits for one machine from everything but links, prior included, and the arguments."""
    handwriting = labels_bits(a, b, rules)
    clocks = skew_bits(a, b) + clock_bits(a, b)
    bits = ONE_MACHINE_BITS + discounted(handwriting) + sum(x.bits for x in clocks)
    return bits, handwriting + clocks
