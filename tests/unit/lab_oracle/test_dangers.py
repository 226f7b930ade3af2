"""The three dangers of a tracker in the middle: what flags alone conclude, and what we do.

The kernel's conclusions are compared in `tests/differential/test_conntrack.py`.
"""

from __future__ import annotations

import pytest

from lab.oracle.dangers import Case, Conclusion, cases, conclude

CASES = {case.name: case for case in cases()}


def _concluded(name: str) -> tuple[Case, Conclusion]:
    return CASES[name], conclude(CASES[name], None)


def test_each_case_has_words_and_a_danger_that_flags_alone_do_not_see() -> None:
    assert set(CASES) == {"spoofed_ack", "repeated_fin", "guessed_end"}
    for case in CASES.values():
        conclusion = conclude(case, None)
        assert len(case.packets) == len(conclusion.ours) == len(conclusion.naive)
        assert conclusion.naive != conclusion.ours
        assert case.danger and case.why


def test_a_forged_ack_does_not_establish() -> None:
    _, conclusion = _concluded("spoofed_ack")
    assert conclusion.naive[2] == ("established", "established")
    assert conclusion.ours[2:4] == (("invalid", "syn_recv"), ("invalid", "syn_recv"))
    assert conclusion.ours[5:] == (("established", "established"),) * 3


def test_a_repeated_fin_belongs_to_its_connection() -> None:
    _, conclusion = _concluded("repeated_fin")
    assert conclusion.naive[7:] == (
        ("established", "closed"),
        ("invalid", "none"),
        ("invalid", "none"),
    )
    assert conclusion.ours[7:] == (("established", "time_wait"),) * 3


@pytest.mark.parametrize("forged", [5, 6])
def test_a_guessed_end_is_invalid_and_changes_nothing(forged: int) -> None:
    case, conclusion = _concluded("guessed_end")
    assert case.packets[forged].forged
    assert conclusion.ours[forged] == ("invalid", "established")


def test_a_near_reset_passes_and_the_connection_goes_on() -> None:
    _, conclusion = _concluded("guessed_end")
    assert conclusion.naive[6:] == (("established", "close"), *(("invalid", "none"),) * 4)
    assert conclusion.ours[7:] == (("established", "established"),) * 4
