"""What an expression may name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "text", "address", "time", "flag"]


@dataclass(frozen=True)
class Name:
    """A column by its name in expressions, and other names for it.

    `kind` says which tests and values it takes: time columns hold int64 ns UTC, address columns
    text (RFC 5952 for IPv6), flags Boolean. `values` are words that completion offers.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    aliases: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


class Names:
    """The columns that expressions may use, found by name or alias, small letters or capital."""

    def __init__(self, names: Iterable[Name]) -> None:
        self.all = tuple(names)
        self._by_word: Mapping[str, Name] = {
            word.lower(): each for each in self.all for word in (each.name, *each.aliases)
        }

    def find(self, word: str) -> Name | None:
        """The column of that name; None: there is none."""
        return self._by_word.get(word.lower())

    def words(self) -> tuple[str, ...]:
        """Every name and alias, sorted."""
        return tuple(sorted(self._by_word))
