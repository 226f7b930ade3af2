"""Labels as columns, and counted by parts, say what labels as objects say."""

from __future__ import annotations

import random
from collections import Counter

from wiretell.devices.group import Group, groups_of
from wiretell.devices.shown import home_of, shown_by
from wiretell.signal import Label, Labels


def drawn(seed: int, n_sides: int = 40) -> list[Label]:
    rng = random.Random(seed)
    return [
        Label(rng.randrange(n_sides), rng.choice("xyz"), rng.choice("abcd")) for _ in range(200)
    ]


def test_labels_as_columns_are_the_labels() -> None:
    labels = drawn(1)
    columns = Labels.of(labels)
    assert list(columns) == labels
    assert (len(columns), columns[7]) == (len(labels), labels[7])
    assert list(columns[3:9]) == labels[3:9]
    assert list(Labels.together([labels[:50], columns[50:], []])) == labels


def test_labels_are_counted_by_parts() -> None:
    parts = [[0, 1, 2], [5], [7, 9, 11], list(range(20, 40))]
    labels = drawn(2)
    told = shown_by(home_of(parts), len(parts), Labels.of(labels))
    for part, shown in zip(parts, told, strict=True):
        expected: dict[str, Counter[str]] = {}
        for label in labels:
            if label.side in part:
                expected.setdefault(label.kind, Counter())[label.text] += 1
        assert shown == expected
        assert [[*texts] for texts in shown.values()] == [[*x] for x in expected.values()]


def test_parts_that_write_alike_share_an_object_until_one_grows() -> None:
    labels = [Label(side, "ua", "x") for side in range(3)] + [Label(3, "ua", "y")]
    one, other, third, last = groups_of([[0], [1], [2], [3]], labels, [], [""] * 4)
    assert one.labels is other.labels is third.labels
    one.absorb(last)
    one.absorb(third)
    assert one.labels == {"ua": Counter(x=2, y=1)}
    assert (other.labels, last.labels) == ({"ua": Counter(x=1)}, {"ua": Counter(y=1)})


def test_nothing_is_shown_by_nobody() -> None:
    assert shown_by(home_of([[0]]), 1, Labels.of([])) == [{}]
    assert shown_by(home_of([[0]]), 1, Labels.of([Label(4, "ua", "x")])) == [{}]
    assert Group([0]).labels == {}
