"""What is wrong with an expression, and where."""

from __future__ import annotations

import unicodedata

from wiretell.errors import ConfigError

_SHOWN = 72
"""Characters of the expression that a message shows around the place."""


class ExpressionError(ConfigError):
    """An expression cannot be understood.

    `problem` says why in words, `at` and `length` are the place in `text` in characters,
    `proposals` are names that could stand there. `str()` is the problem and, below it, the
    expression with the place marked.
    """

    def __init__(
        self, text: str, at: int, length: int, problem: str, proposals: tuple[str, ...] = ()
    ) -> None:
        self.text = text
        self.at = min(at, len(text))
        self.length = max(length, 1)
        self.problem = problem
        self.proposals = proposals
        super().__init__("\n".join(self.lines()))

    def lines(self) -> tuple[str, str, str]:
        """The problem; the expression, or the part of it around the place; a mark below it.

        Characters that steer a terminal or hide are shown as `?`: texts may come off the wire.
        """
        start = max(0, self.at - _SHOWN // 2)
        part = "".join(map(_shown, self.text[start : start + _SHOWN]))
        before = self.at - start
        marked = min(self.length, max(1, len(part) - before))
        propose = f"; did you mean {' or '.join(self.proposals)}?" if self.proposals else ""
        return (
            "".join(map(_shown, self.problem + propose)),
            f"  {part}",
            f"  {' ' * before}{'^' * marked}",
        )


def _shown(character: str) -> str:
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return "?" if hidden else character
