"""Items come in order, errors come through, and nothing goes on after the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from wiretell.sources.read_ahead import ReadAhead


def test_items_in_order_and_no_thread_left() -> None:
    with closing(ReadAhead(iter(range(50)))) as ahead:
        assert list(ahead) == list(range(50))
    assert all(thread.name != "read-ahead" for thread in threading.enumerate())


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    taken = []
    with closing(ReadAhead(items())) as ahead, pytest.raises(OSError, match="gone"):
        for item in ahead:
            taken.append(item)
    assert taken == [1]


def test_closed_early_it_makes_no_more() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(10**9):
            made.append(number)
            yield number

    ahead = ReadAhead(items(), n_items=2)
    assert next(iter(ahead)) == 0
    ahead.close()
    assert len(made) <= 5
    assert all(thread.name != "read-ahead" for thread in threading.enumerate())
