"""By how much were the times of a trace moved? Its clock lines vote.

Two lines of one machine go on in one another for one shift alone, which is that of all machines;
lines of different machines ask for shifts that fall anywhere. So the shift is where votes bunch,
and chance says how large a bunch is no accident (Poisson, times the number of places).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import pdtrc

CIRCLE_S = 2.0**32 / 1000.0
"""Shifts are told modulo the time in which a counter of 1000 Hz wraps: 49.7 days. Slower clocks
wrap after whole multiples of that, nearly: 250 Hz, 100 Hz."""
WIDTH_S = 0.5
SURE_P = 1e-3
MAX_VOTES = 2_000_000


@dataclass(frozen=True)
class Shift:
    """Seconds that the trace's times are ahead; None where nothing tells.

    `n_pairs` pairs of machines voted for it; `p_value` is the chance of as many anywhere.
    """

    seconds: float | None
    n_pairs: int
    p_value: float

    @property
    def kept(self) -> bool:
        """Times were not moved, as far as lines tell."""
        return self.seconds is not None and abs(self.seconds) < WIDTH_S


@dataclass
class Votes:
    """Pairs of machines and the shift that each pair of their lines asks for."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    shifts: list[float] = field(default_factory=list)

    def add(self, a: int, b: int, shift_s: float, hz: float) -> None:
        """A vote of machines `a` and `b`; clocks of another kind of rate have no vote."""
        turn = 2.0**32 / hz / CIRCLE_S
        if len(self.shifts) < MAX_VOTES and abs(turn / round(max(turn, 1.0)) - 1.0) < 2e-3:
            self.pairs.append((a, b))
            self.shifts.append(shift_s)


def find_shift(votes: Votes) -> Shift:
    """Where the votes bunch, if they do; times not moved need fewer votes."""
    if not votes.shifts:
        return Shift(None, 0, 1.0)
    at = np.mod(np.array(votes.shifts), CIRCLE_S)
    pairs = np.array(votes.pairs)
    order = np.argsort(at, kind="stable")
    at, pairs = at[order], pairs[order]
    around = np.concatenate([at, at + CIRCLE_S])
    chance = len(at) * WIDTH_S / CIRCLE_S
    last = np.searchsorted(around, at + WIDTH_S, side="right")
    sizes = last - np.arange(len(at))
    best, most = 0, 0
    for first in np.argsort(-sizes, kind="stable")[:64].tolist():
        n = _distinct(pairs, first, int(last[first]))
        if n > most:
            best, most = first, n
    zero = np.flatnonzero((at <= WIDTH_S / 2.0) | (at >= CIRCLE_S - WIDTH_S / 2.0))
    n_zero = min(len({int(p) for p in pairs[zero, 0]}), len({int(p) for p in pairs[zero, 1]}))
    p_zero = float(pdtrc(n_zero - 1, chance)) if n_zero else 1.0
    if p_zero <= SURE_P and n_zero >= most:
        return Shift(0.0, n_zero, p_zero)
    p_value = min(1.0, len(at) * float(pdtrc(most - 1, chance)))
    if most < 2 or p_value > SURE_P:
        return Shift(None, most, p_value)
    seconds = float(np.median(around[best : int(last[best])])) % CIRCLE_S
    if seconds > CIRCLE_S / 2.0:
        seconds -= CIRCLE_S
    return Shift(seconds, most, p_value)


def _distinct(pairs: np.ndarray[tuple[int, int], np.dtype[np.int64]], first: int, last: int) -> int:
    """Machines of the side that has fewer of them, in a bunch that may run over the end."""
    inside = [(first + i) % len(pairs) for i in range(last - first)]
    return min(len({int(pairs[i, 0]) for i in inside}), len({int(pairs[i, 1]) for i in inside}))
