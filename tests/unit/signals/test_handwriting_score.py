"""Facts read in payloads become labels of sides."""

from __future__ import annotations

import polars as pl
import pytest
from sides_builder import CLIENT, Wire

from wiretell.model.tables import OBSERVATIONS
from wiretell.signals.handwriting import RULES, score


def observed(*facts: tuple[int, int, str, str | None]) -> pl.DataFrame:
    """Observations of (flow_id, side, quantity, text)."""
    names = ("flow_id", "side", "quantity", "text")
    rows = [dict(zip(names, fact, strict=True)) | {"address": CLIENT} for fact in facts]
    return OBSERVATIONS.frame(rows)


def labels(wire: Wire, facts: pl.DataFrame) -> list[tuple[int, str, str]]:
    return [(x.side, x.kind, x.text) for x in score(wire.sides(), facts).labels]


@pytest.fixture
def wire() -> Wire:
    two = Wire()
    two.call(10.0)
    two.call(0.0)  # begins earlier: flow 1 is side number 0
    return two


def test_a_label_goes_to_the_side_by_its_number_in_time(wire: Wire) -> None:
    facts = observed((0, 0, "user_agent", "curl/8"), (1, 0, "ja4", "t13d"))
    assert labels(wire, facts) == [(1, "user_agent", "curl/8"), (0, "ja4", "t13d")]


def test_once_said_is_enough(wire: Wire) -> None:
    facts = observed((0, 0, "user_agent", "curl/8"), (0, 0, "user_agent", "curl/8"))
    assert labels(wire, facts) == [(1, "user_agent", "curl/8")]


def test_facts_without_a_text_a_rule_or_a_side_are_left(wire: Wire) -> None:
    facts = observed(
        (0, 0, "user_agent", None),
        (0, 0, "mac", "02:00:00:00:00:01"),
        (0, 1, "user_agent", "said by the other side"),
        (9, 0, "user_agent", "of no flow here"),
    )
    assert labels(wire, facts) == []


def test_a_session_issued_and_one_offered_are_one_kind(wire: Wire) -> None:
    facts = observed((0, 0, "tls_session_issued", "ab"), (1, 0, "tls_ticket_offered", "ab"))
    assert labels(wire, facts) == [(1, "tls_session", "ab"), (0, "tls_session", "ab")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Android 5.1.1", ["Android", "Android 5.1.1"]),
        ("Windows", ["Windows"]),
        ("Ubuntu", ["Linux"]),
        ("Linux Mint", ["Linux"]),
        ("Mac OS X 10.15", ["Mac OS X", "Mac OS X 10.15"]),
        ("BeOS 5", []),
    ],
)
def test_systems(wire: Wire, text: str, expected: list[str]) -> None:
    found = labels(wire, observed((0, 0, "user_agent_os", text)))
    assert [x[2] for x in found] == expected
    assert [x[1] for x in found] == ["system", "system version"][: len(expected)]


def test_rules_are_sane() -> None:
    kinds = [rule.kind for rule in RULES]
    assert len(kinds) == len(set(kinds))
    assert all(rule.bits_equal > 0.0 >= rule.bits_other for rule in RULES)
    assert all(rule.sure_after >= 1 and rule.words for rule in RULES)
    # What a server gave to one client never speaks against a machine that keeps it back.
    assert all(r.bits_other == 0.0 for r in RULES if r.kind in ("http_cookie", "tls_session"))
