"""What cannot be separated, in words: rows and rules of `limits.toml`, for page and README."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Kind:
    """Machines of one kind, and what parts two alike ones behind each kind of router.

    `stack` is the simulated kind that stands for it where that is measured.
    """

    machines: str
    stack: str
    keeps: str
    draws: str
    renews: str
    takes: str


@dataclass(frozen=True)
class Limits:
    """An opening sentence, the kinds of machines, and rules for all of them."""

    about: str
    kinds: tuple[Kind, ...]
    rules: tuple[str, ...]


HEADINGS = (
    "two alike machines of",
    "a router that keeps ports (most homes)",
    "that draws ports (pf, many carriers)",
    "that renews IP IDs and timestamps too (pf scrub)",
    "what traffic it takes",
)


@cache
def limits() -> Limits:
    """The limits as they are shipped."""
    told = tomllib.loads(files(__package__).joinpath("limits.toml").read_text("utf-8"))
    kinds = tuple(Kind(**kind) for kind in told["kind"])
    return Limits(told["about"], kinds, tuple(rule["text"] for rule in told["rule"]))


def rows() -> list[tuple[str, str, str, str, str]]:
    """The table's cells, in the order of `HEADINGS`."""
    return [(k.machines, k.keeps, k.draws, k.renews, k.takes) for k in limits().kinds]


def markdown() -> str:
    """The same as Markdown, for the README."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows()]
    rules = [f"- {rule}" for rule in limits().rules]
    return "\n".join([limits().about, "", *lines, "", *rules])
