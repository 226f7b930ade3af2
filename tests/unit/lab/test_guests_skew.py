"""The lab's own measurement of skews, on clocks of known rate and late packets."""

import dataclasses
import random

import numpy as np
import pytest

from lab.guests.pcap import ACK, SYN, TCP, Packet
from lab.guests.skew import lines, skew_ppm, step_s


def packet(time_s, tsval):
    return Packet(
        time_ns=round(time_s * 1e9),
        mac="02:00:00:00:00:0b",
        proto=TCP,
        src="10.77.0.11",
        sport=40_000,
        dst="198.51.100.20",
        dport=80,
        ttl=64,
        ipid=0,
        payload_bytes=0,
        payload=b"",
        flags=ACK,
        tsval=tsval,
    )


def machine(ppm, offsets, *, n=60, span_s=300.0, seed=1, late_s=0.02):
    """`n` packets on each offset's line; a tenth of them late by up to a second."""
    rng = random.Random(seed)
    sent = []
    for offset in offsets:
        for _ in range(n):
            at_s = rng.uniform(0, span_s)
            late = rng.expovariate(1 / late_s) if rng.random() < 0.9 else rng.random()
            tsval = int(offset + 1000 * at_s * (1 + ppm * 1e-6)) % 2**32
            sent.append(packet(1_700_000_000 + at_s + late, tsval))
    return sorted(sent, key=lambda each: each.time_ns)


@pytest.mark.parametrize("ppm", [-80, -30, 0, 45, 500])
@pytest.mark.parametrize(
    "offsets",
    [[123], [2**32 - 40_000], [7, 10**9, 3 * 10**9], [40_000_000 * k for k in range(100)]],
    ids=["one line", "across the end", "three servers", "a hundred connections"],
)
def test_the_rate_is_found_whatever_the_offsets(ppm, offsets):
    assert skew_ppm(machine(ppm, offsets)) == pytest.approx(ppm, abs=7)


def test_more_lines_of_one_clock_make_it_sharper():
    errors = [
        np.mean([abs(skew_ppm(machine(20, offsets, seed=s)) - 20) for s in range(5)])
        for offsets in ([0], [40_000_000 * k for k in range(60)])
    ]
    assert errors[1] < errors[0]


def test_each_offset_is_one_line():
    found = lines(machine(30, [5, 10**9, 2**32 - 2], n=20))
    assert [len(line) for line in found] in ([20, 40], [40, 20])  # 2^32 - 2 and 5 are neighbours
    assert len(lines(machine(30, [40_000_000 * k for k in range(100)]))) == 100


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [packet(1, None)] * 50,
        machine(10, [5], n=9),
        machine(10, [5], span_s=15, late_s=0.001)[:40],
    ],
    ids=["nothing", "no timestamps", "few", "short"],
)
def test_too_little_shows_no_rate(sent):
    assert skew_ppm(sent) is None


def test_a_clock_that_lost_the_time_in_which_it_was_not_run_is_told():
    whole = [packet(t, 5_000_000 + 1000 * t) for t in range(0, 300, 7)]
    late = packet(200.9, 5_000_000 + 199_000)
    assert step_s(sorted([*whole, late], key=lambda each: each.time_ns)) is None
    lost = [each if each.time_ns < 150e9 else
            dataclasses.replace(each, tsval=each.tsval - 42_950) for each in whole]  # fmt: skip
    assert step_s(lost) == pytest.approx(-42.95)


def test_a_port_used_again_has_an_offset_of_its_own():
    again = dataclasses.replace(packet(100, 77), flags=SYN)
    assert step_s([packet(0, 5_000_000), again, packet(101, 1077)]) is None
