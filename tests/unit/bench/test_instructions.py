"""The core's hot path executes no more instructions than when its figure was stored."""

from __future__ import annotations

import pytest

from bench.instructions import CountError, counted, stored

TOLERANCE = 0.06
"""Compilers and C libraries differ by less; so may a change that is not meant to slow down."""


def test_no_more_instructions_for_a_packet() -> None:
    try:
        now = counted()
    except CountError as reason:
        pytest.skip(str(reason))
    before = stored()
    assert now.keys() == before.keys()
    for name, figure in now.items():
        print(f"{name}: {figure:.0f} instructions a packet, stored {before[name]:.0f}")
        assert figure <= before[name] * (1 + TOLERANCE), "slower: python -m bench.instructions"
