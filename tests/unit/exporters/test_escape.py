"""Hidden characters made visible."""

from __future__ import annotations

import pytest

from wiretell.exporters.escape import shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)"),
        ("Jörgs Gerät 携帯", "Jörgs Gerät 携帯"),
        ("\x1b[2J\x07\r\n\t", r"\x1b[2J\x07\x0d\x0a\x09"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("a\u202eb\u2066c\u200b", r"a\u202eb\u2066c\u200b"),
        ("\u2028\ud800\ue000", r"\u2028\ud800\ue000"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_shortened() -> None:
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abcde…"
