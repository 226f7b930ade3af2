from __future__ import annotations

import polars as pl
import pytest
from expression_names import NAMES

from wiretell.expressions.meant import MOST_MEANT, meant
from wiretell.expressions.parser import parse

KNOWN = {
    "proto": ["tcp", "udp", "47"],
    "user_agent": ["Wget/1.2", 'say "hi"', "a#3", "b#3", "a#13"],
}
WORDS = {"proto": {"6": "tcp", "1": "icmp"}}


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("proto = TCP", ('proto = "tcp"',)),
        ("proto = 6", ('proto = "tcp"',)),
        ("proto in (UDP, 6, 47)", ('proto = "udp"', 'proto = "tcp"')),
        ("ttl = 3 and not (proto = Udp)", ('proto = "udp"',)),
        ('user_agent = "#3"', ('user_agent = "a#3"', 'user_agent = "b#3"')),
        ("user_agent = 'SAY \"HI\"'", ('user_agent = "say ""hi"""',)),
        ("proto = tcp", ()),
        ("proto = 1", ()),  # no ICMP is there: nothing to propose
        ("proto = sctp", ()),
        ("proto has TC", ()),
        ("user_agent = 3", ()),
        ("user_agent = ''", ()),
        ("ttl = 3", ()),
    ],
)
def test_values_that_exist_are_proposed(text: str, proposed: tuple[str, ...]) -> None:
    found = meant(parse(text, NAMES), lambda name: pl.Series(KNOWN[name]), WORDS)
    assert sorted(found) == sorted(proposed)
    for each in found:
        parse(each, NAMES)


def test_few_are_proposed() -> None:
    many = pl.Series([f"{n}#3" for n in range(50)] + ["41#3", None])
    found = meant(parse("user_agent = '#3'", NAMES), lambda _: many, {})
    assert len(found) == MOST_MEANT
    assert found[0] == 'user_agent = "41#3"'  # the commonest
