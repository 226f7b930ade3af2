"""Two captures: which machine of one is which of the other, how sure, and how often that errs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from wiretell.findings.match.arguments import (
    Argument,
    World,
    arguments,
    measured,
    rate_arguments,
    world,
)
from wiretell.model.profiles import Profile, ProfileSet
from wiretell.stats.drift import DriftModel

FloatArray = NDArray[np.float64]

SAME, PERHAPS, OTHER, NOTHING = "same machine", "perhaps", "no match", "no information"
SURE = 0.9
MAYBE = 0.5
RECURS = 0.5
"""Chance, before anything is compared, that a machine of one capture is in the other at all."""
LEAST_CANDIDATES = 10
"""Captures of few machines are no likelier to be of the same ones: as if of so many."""
INFORMED_BITS = 3.0
"""The best candidate must have as much, or be contradicted by as much, or nothing is known."""
HELD, KNOWN_PPM, ALONE_BITS = 0.1, 2.0, -2.0
"""A rate is nobody's where its clock is surely free and known so well, and each other's rate says
as much against it."""
NOTED_PPM = 0.5
MAX_PAIRS = 1_000_000
LEAST_SHUFFLED = 20
"""With fewer wrong pairs a false-match rate would be a guess."""


@dataclass(frozen=True)
class Match:
    """A machine of `a` and its best candidate of `b`.

    `bits` is the sum of the arguments, `probability` that it is this machine, all other
    candidates and none asked. `rivals` is how many other candidates have as much.
    `n_as_high` of `n_shuffled` wrong pairs score as high.
    """

    decision: str
    a: Profile
    b: Profile | None
    bits: float
    probability: float
    arguments: tuple[Argument, ...]
    reason: str
    n_as_high: int = 0
    n_shuffled: int = 0

    @property
    def false_match_rate(self) -> float | None:
        """Share of wrong pairs that score as high; None where too few were there to tell."""
        if self.n_shuffled < LEAST_SHUFFLED:
            return None
        return (self.n_as_high + 1) / (self.n_shuffled + 1)


@dataclass(frozen=True)
class Matching:
    """What comparing two sets of profiles gave; matches of `a`'s machines in its order."""

    a: ProfileSet
    b: ProfileSet
    matches: tuple[Match, ...]
    n_shuffled: int
    n_false: int
    """Wrong pairs that score as high as the weakest pair that is called the same machine; where
    none is, as high as it would need."""
    drift: DriftModel
    notes: tuple[str, ...] = ()
    left_over: tuple[Profile, ...] = ()
    """Machines of `b` that no machine of `a` is."""
    bits: FloatArray = field(default_factory=lambda: np.zeros((0, 0)), compare=False, repr=False)
    """Bits of every pair, shape (machines of `a`, machines of `b`)."""

    @property
    def false_match_rate(self) -> float | None:
        """Share of wrong pairs that would be called the same machine, with one more to be safe;
        None where too few wrong pairs were there to tell."""
        if self.n_shuffled < LEAST_SHUFFLED:
            return None
        return (self.n_false + 1) / (self.n_shuffled + 1)


More = Callable[[Profile, Profile], Sequence[Argument]]


def match(
    a: ProfileSet,
    b: ProfileSet,
    drift: DriftModel | None = None,
    *,
    ignored: Iterable[str] = (),
    same_capture: bool = False,
    one_to_one: bool = True,
    lines: bool = True,
    more: More | None = None,
) -> Matching:
    """Machines of `a` looked for in `b`; each is at most one, and by `one_to_one` is no other's.

    `ignored` are kinds of labels that are not compared; without `lines` clock lines are not;
    `more` adds arguments to those of `arguments`. Raises ValueError where the sets cannot be
    compared: too many pairs, or hashed with different keys.
    """
    drift = drift or DriftModel()
    if a.key_id != b.key_id:
        raise ValueError(f"{a.source} and {b.source}: texts were hashed with different keys")
    if len(a.profiles) * len(b.profiles) > MAX_PAIRS:
        raise ValueError(f"{len(a.profiles)} x {len(b.profiles)} machines: too many pairs")
    of = world(
        a.profiles,
        b.profiles,
        drift,
        same_capture=same_capture,
        ignored=ignored,
        others=(a.others, b.others),
    )

    def weigh(x: Profile, y: Profile) -> list[Argument]:
        found = arguments(x, y, of, lines=lines)
        return found if more is None else [*found, *more(x, y)]

    bits = _scores(a.profiles, b.profiles, weigh)
    chosen = assigned(bits) if one_to_one else _each_best(bits)
    posterior = _posterior(bits, one_to_one=one_to_one)
    wrong = np.concatenate([_unpaired(bits, chosen), _within(a, weigh), _within(b, weigh)])
    wrong.sort()
    matches = []
    for i, profile in enumerate(a.profiles):
        j = int(chosen[i]) if chosen[i] >= 0 else _best(bits, i)
        other = None if j is None else b.profiles[j]
        found = [] if other is None else weigh(profile, other)
        score = 0.0 if j is None else float(bits[i, j])
        chance = 0.0 if j is None else float(posterior[i, j])
        alone = _rate_is_alone(profile, b.profiles, of)
        taken = int(chosen[i]) < 0
        decision, reason = _decided(profile, j, score, chance, bits[i], taken=taken, alone=alone)
        as_high = len(wrong) - int(np.searchsorted(wrong, score, side="left"))
        ordered = tuple(sorted(found, key=lambda x: -abs(x.bits)))
        matches.append(
            Match(decision, profile, other, score, chance, ordered, reason, as_high, len(wrong))
        )
    paired = {m.b.device for m in matches if m.b is not None and m.decision in (SAME, PERHAPS)}
    return Matching(
        a,
        b,
        tuple(matches),
        len(wrong),
        _n_false(matches, wrong, len(b.profiles)),
        drift,
        _notes(of),
        tuple(p for p in b.profiles if p.device not in paired),
        bits,
    )


def total(found: Sequence[Argument]) -> float:
    """Sum of bits."""
    return math.fsum(x.bits for x in found)


def _scores(a: Sequence[Profile], b: Sequence[Profile], weigh: More) -> FloatArray:
    rows = [[total(weigh(x, y)) for y in b] for x in a]
    return np.array(rows, dtype=np.float64).reshape(len(a), len(b))


def assigned(bits: FloatArray) -> NDArray[np.int64]:
    """The one-to-one assignment of the greatest sum: row -> column, or -1 for none.

    A pair is worth its bits and the prior of its being a pair at all.
    """
    n, m = bits.shape
    chosen = np.full(n, -1, dtype=np.int64)
    if n == 0 or m == 0:
        return chosen
    worth = bits + _prior_bits(max(n, m))
    padded = np.zeros((n, m + n))
    padded[:, :m] = worth
    rows, columns = linear_sum_assignment(padded, maximize=True)
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        if j < m and worth[i, j] > 0.0:
            chosen[i] = j
    return chosen


def _prior_bits(n: int) -> float:
    """log2 odds of a candidate out of n against no candidate at all."""
    return math.log2(RECURS / max(n, LEAST_CANDIDATES) / (1.0 - RECURS))


def _each_best(bits: FloatArray) -> NDArray[np.int64]:
    """Row -> its best column, or -1 where none is worth its prior."""
    n, m = bits.shape
    if not n or not m:
        return np.full(n, -1, dtype=np.int64)
    best = bits.argmax(axis=1).astype(np.int64)
    worth = bits[np.arange(n), best] + _prior_bits(m)
    return np.where(worth > 0.0, best, -1)


def _posterior(bits: FloatArray, *, one_to_one: bool) -> FloatArray:
    """Probability of each pair beside all that share a machine with it, and beside none.

    One to one: the lesser of what the row and what the column says.
    """
    n, m = bits.shape
    if n == 0 or m == 0:
        return np.zeros((n, m))
    weight = bits + _prior_bits(max(n, m) if one_to_one else m)
    weight = np.clip(weight, -200.0, 200.0)
    odds = np.exp2(weight)
    by_row = odds / (1.0 + odds.sum(axis=1, keepdims=True))
    if not one_to_one:
        only: FloatArray = by_row
        return only
    by_column = odds / (1.0 + odds.sum(axis=0, keepdims=True))
    least: FloatArray = np.minimum(by_row, by_column)
    return least


def _best(bits: FloatArray, i: int) -> int | None:
    return int(bits[i].argmax()) if bits.shape[1] else None


def _unpaired(bits: FloatArray, chosen: NDArray[np.int64]) -> FloatArray:
    """Scores of pairs shuffled: every pair of machines that are not assigned to each other."""
    wrong = np.ones(bits.shape, dtype=bool)
    for i, j in enumerate(chosen.tolist()):
        if j >= 0:
            wrong[i, j] = False
    return bits[wrong]


def _within(of_set: ProfileSet, weigh: More) -> FloatArray:
    """Scores of machines of one capture that one address holds apart: certainly wrong pairs."""
    found = []
    profiles = of_set.profiles[:200]
    for i, x in enumerate(profiles):
        found += [total(weigh(x, y)) for y in profiles[i + 1 :] if y.address == x.address]
    return np.array(found, dtype=np.float64)


def _decided(
    profile: Profile,
    j: int | None,
    score: float,
    chance: float,
    row: FloatArray,
    *,
    taken: bool,
    alone: str,
) -> tuple[str, str]:
    if j is None:
        return OTHER, "there is nobody to compare it with"
    if not taken and chance >= SURE:
        return SAME, "all other candidates, and none, are less likely"
    rivals = int((row >= max(score, INFORMED_BITS) - INFORMED_BITS).sum()) - 1
    if not taken and chance >= MAYBE:
        return PERHAPS, _rivals(rivals)
    if score <= -INFORMED_BITS or (score < INFORMED_BITS and bool((row <= -INFORMED_BITS).all())):
        return OTHER, alone or "the likeliest candidate is contradicted"
    if alone and score < INFORMED_BITS:
        return OTHER, alone
    if score < INFORMED_BITS:
        return NOTHING, _why_nothing(profile)
    if rivals > 0:
        return NOTHING, _rivals(rivals)
    return NOTHING, "what agrees is too common to say which machine it is"


def _rate_is_alone(profile: Profile, others: Sequence[Profile], of: World) -> str:
    """In words, where its free clock runs at a rate that none of the others has; else empty."""
    rate = measured(profile.clock)
    if rate is None or of.clocks_a.held(rate) > HELD or rate.error_ppm > KNOWN_PPM:
        return ""
    told = [x for y in others for x in rate_arguments(profile, y, of)]
    if not told or any(x.bits > ALONE_BITS for x in told):
        return ""
    known = "" if len(told) == len(others) else f" of the {len(told)} whose rate is known"
    return f"its clock runs free, at {rate.ppm:+.2f} +-{rate.error_ppm:.2f} ppm: none{known} does"


def _rivals(n: int) -> str:
    if n <= 0:
        return "what agrees is too common to be sure"
    return f"{n} other {'machine fits' if n == 1 else 'machines fit'} about as well"


def _why_nothing(profile: Profile) -> str:
    if profile.clock is None:
        return "it shows no clock, and nothing else tells it from others"
    if not math.isfinite(profile.clock.error_ppm):
        return "its clock was read too shortly for a rate, and nothing else tells it from others"
    return (
        "its clock rate tells it from nobody (held by NTP or read coarsely), nor does anything else"
    )


def _n_false(matches: Sequence[Match], wrong: FloatArray, n: int) -> int:
    claimed = [m.bits for m in matches if m.decision == SAME]
    needed = math.log2(SURE / (1.0 - SURE)) - _prior_bits(max(n, 1))
    return int((wrong >= min(claimed, default=needed)).sum())


def _notes(of: World) -> tuple[str, ...]:
    notes = []
    for name, clocks in (("first", of.clocks_a), ("second", of.clocks_b)):
        if clocks.bunched and abs(clocks.centre_ppm) > NOTED_PPM:
            notes.append(
                f"in the {name} capture most clocks bunch at {clocks.centre_ppm:+.2f} ppm: that is"
                " taken for true time, and rates for the distance from it"
            )
    return tuple(notes)
