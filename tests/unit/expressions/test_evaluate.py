from __future__ import annotations

import pytest
from expression_names import matching


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # The example of the documents, and how tests hang together.
        ('user_agent has "Firefox" and not dst_port in (80, 53)', [4]),
        ("ttl = 64 or ttl = 128 and dst_port = 443", [0, 1, 2]),
        ("(ttl = 64 or ttl = 128) and dst_port = 443", [1]),
        ("not not ttl = 64", [0, 2]),
        ("ttl == 64 && !syn || dst_port=8080", [2, 4]),
        # A missing value fails every test; `not` turns that round.
        ("ttl != 64", [1, 3]),
        ("not ttl = 64", [1, 3, 4]),
        ("user_agent", [0, 1, 3, 4]),
        ("not user_agent", [2]),
        ("syn", [0, 3]),
        ("syn = false", [1, 4]),
        # Text: `has` ignores case, `=` does not; a quote is written twice; words need no quotes.
        ("ua has firefox", [0, 4]),
        ("ua = FIREFOX", [4]),
        ('ua = "say ""hi"""', [3]),
        ("ua has 'say \"hi\"'", [3]),
        ("proto in (udp, icmp)", [1, 2]),
        ('ua matches "^[a-z]+$"', [1]),
        (r'ua matches "\d"', [0]),
        ('ua has "."', []),
        # Numbers, ranges with both ends, other ways to write them.
        ("dst_port in 53..443", [0, 1, 2]),
        ("dst_port in (53, 8_000..9_000)", [2, 4]),
        ("dst_port = 0x50", [0]),
        ("ttl < 1e2", [0, 2]),
        ("ttl >= 127.5", [1, 3]),
        ("ttl > 99999999999999999999", []),
        ("ttl < 99999999999999999999", [0, 1, 2, 3]),
        ("ttl in -5..64", [0, 2]),
        ("dst_port not in (80, 443)", [2, 3, 4]),
        # Addresses of either family, networks, ranges; what is no address is in none.
        ("src = 10.0.0.1", [0]),
        ("src in 10.0.0.0/8", [0, 1]),
        ("src in (10.1.0.0/16, 2001:db8::/32)", [1, 2]),
        ("src in 10.0.0.0..10.1.2.3", [0, 1]),
        ("src = 2001:0DB8:0:0::7", [2]),
        ("src != 10.0.0.1", [1, 2, 3]),
        ("src has 10.", [0, 1]),
        # Times: of a day, of any day, over midnight.
        ("time < 1970-01-02", [0, 1, 2]),
        ("time >= 1970-01-02T01:00:00Z", [3, 4]),
        ('time = "1970-01-02 01:00"', [3]),
        ("time in 00:30..01:30", [1, 3]),
        ("time in 22:00..00:30", [0, 2, 4]),
    ],
)
def test_rows_that_match(text: str, rows: list[int]) -> None:
    assert matching(text) == rows
