"""Arguments in bits, added up to a probability. What each weighs is in weights.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

MOST_BITS = 60.0
"""Beyond this a sum says no more: nothing is that sure."""


@dataclass(frozen=True)
class Reason:
    """One argument: positive `bits` speak for the finding, negative ones for what is innocent."""

    topic: str
    text: str
    bits: float


def reason(about: str, topic: str, *, times: int = 1, **words: object) -> Reason:
    """The argument `topic` of the table `about`, met `times` times, filled with `words`."""
    entry = _weights()[about][topic]
    bits = float(entry["bits"]) if "bits" in entry else min(times * entry["each"], entry["cap"])
    return Reason(f"{about}.{topic}", str(entry["says"]).format(n=times, **words), bits)


def bits_of(reasons: Iterable[Reason]) -> float:
    """Their sum."""
    return sum(each.bits for each in reasons)


def probability(reasons: Iterable[Reason]) -> float:
    """How sure the finding is: 1 / (1 + 2^-bits), priors being among the reasons."""
    bits = max(-MOST_BITS, min(MOST_BITS, bits_of(reasons)))
    return float(1.0 / (1.0 + 2.0**-bits))


def shares(bits: Iterable[float]) -> list[float]:
    """Probabilities of hypotheses of which exactly one is true, from the bits for each."""
    given = list(bits)
    top = max(given, default=0.0)
    powers = [2.0 ** max(-MOST_BITS, each - top) for each in given]
    return [power / sum(powers) for power in powers]


@cache
def _weights() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    return tomllib.loads(files(__package__).joinpath("weights.toml").read_text("utf-8"))


@dataclass(frozen=True)
class Meaning:
    """What a kind of finding is called and means, what to do about it, what else it could be."""

    called: str
    means: str
    remedy: str
    alternatives: tuple[str, ...]


@cache
def meaning(kind: str) -> Meaning:
    """Of one of `finding.KINDS`."""
    text = files(__package__).joinpath("meanings.toml").read_text("utf-8")
    entry = tomllib.loads(text)[kind]
    return Meaning(**{**entry, "alternatives": tuple(entry["alternatives"])})


def alternatives(kind: str) -> tuple[str, ...]:
    """What else a finding of this kind could be."""
    return meaning(kind).alternatives
