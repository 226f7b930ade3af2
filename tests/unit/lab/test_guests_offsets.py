"""What timestamp offsets are common to, on SYNs of known offsets."""

import pytest

from lab.guests.offsets import n_lines, scope
from lab.guests.pcap import ACK, SYN, TCP, Packet

SERVERS = ("198.51.100.20", "192.0.2.40", "192.0.2.30")


def syn(number, offset, *, server=SERVERS[0], flags=SYN, tsval=True, skew_ppm=0.0):
    """Connection `number`, ten seconds after the one before it."""
    elapsed_ms = 10_000 * number
    shown = (offset + round(elapsed_ms * (1 + skew_ppm * 1e-6))) % 2**32
    return Packet(
        time_ns=elapsed_ms * 1_000_000,
        mac="02:00:00:00:00:0b",
        proto=TCP,
        src="10.77.0.11",
        sport=40_000 + number,
        dst=server,
        dport=80,
        ttl=64,
        ipid=0,
        payload_bytes=0,
        payload=b"",
        seq=number,
        flags=flags,
        tsval=shown if tsval else None,
    )


def spread(offset_of, n=30):
    return [syn(n, offset_of(n), server=SERVERS[n % 3]) for n in range(n)]


@pytest.mark.parametrize(
    ("packets", "said"),
    [
        ([], "no TCP timestamps"),
        ([syn(n, 0, tsval=False) for n in range(9)], "no TCP timestamps"),
        ([syn(0, 7), syn(1, 9_000_000, server=SERVERS[1])], "too few connections"),
        (spread(lambda _: 77), "one timestamp offset for all servers"),
        ([syn(n, 77) for n in range(9)], "one timestamp offset"),
        (spread(lambda n: 1_000_000_000 * (n % 3)), "per address pair"),
        (spread(lambda n: 100_000_000 * n), "per connection"),
        (spread(lambda n: 100_000_000 * (n // 10)), "mixed scope"),
    ],
)
def test_the_scope_is_what_shares_an_offset(packets, said):
    assert said in scope(packets)


def test_a_skewed_clock_over_an_hour_is_one_line():
    packets = [syn(n, 2**32 - 500, skew_ppm=500, server=SERVERS[n % 3]) for n in range(360)]
    assert scope(packets) == "one timestamp offset for all servers"


def test_a_repeated_syn_is_no_second_connection():
    once = [syn(0, 0), syn(1, 900_000_000, server=SERVERS[1])]
    assert scope([*once, *once]) == scope(once)


def test_answers_to_others_do_not_count():
    packets = spread(lambda _: 77)
    strange = [syn(50 + n, 10_000_000 * n, flags=SYN | ACK) for n in range(20)]
    assert scope([*packets, *strange]) == scope(packets)


@pytest.mark.parametrize(
    ("offsets", "n"),
    [([5], 1), ([5, 6, 900], 1), ([5, 2_000_000], 2), ([2**32 - 3, 2], 1), ([0, 1001, 2002], 3)],
)
def test_lines_are_counted_around_the_circle(offsets, n):
    assert n_lines(offsets) == n
