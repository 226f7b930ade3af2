"""Any stamps at any times: a clock or none, never an exception."""

from hypothesis import given, settings
from hypothesis import strategies as st

from wiretell.probing.reading import Reading
from wiretell.probing.remote_clock import RemoteClock

GAPS_NS = st.sampled_from([0, 1, 1000, 10**6, 250 * 10**6, 10**9, 10**13])


@given(
    st.lists(st.tuples(GAPS_NS, GAPS_NS, st.integers(0, 2**32 - 1), st.booleans()), max_size=60),
    st.sampled_from([None, 1000.0, 0.5, 1e6]),
    st.sampled_from([2**32, 86_400_000, 2]),
)
@settings(max_examples=150, deadline=None)
def test_any_stamps_are_taken(steps, nominal_hz, modulus):
    clock = RemoteClock(modulus, nominal_hz)
    now_ns = 0
    for wait_ns, rtt_ns, stamp, is_new in steps:
        sent_ns = now_ns + wait_ns
        now_ns = sent_ns + rtt_ns
        if is_new:
            clock.meet_anew()
        clock.add(Reading(sent_ns, now_ns, stamp % modulus))
        aim_ns = clock.meet_tick_ns(now_ns)
        assert aim_ns is None or aim_ns >= now_ns
    found = clock.estimate()
    clock.oddity()
    assert clock.n == len(steps)
    assert 1 <= clock.n_lines <= clock.n or not steps
    if found:
        assert found.se_ppm >= 0.0
        clock.ways(found.nominal_hz)


@given(st.lists(st.integers(0, 2**20), min_size=20, max_size=80), st.booleans())
@settings(max_examples=150, deadline=None)
def test_small_steps_of_any_size_are_taken(steps, knows_rate):
    """Stamps that nearly make a clock."""
    clock = RemoteClock(2**32, 1000.0 if knows_rate else None)
    stamp = 0
    for number, step in enumerate(steps):
        stamp = (stamp + step % 1000) % 2**32
        sent_ns = number * 500_000_000
        clock.add(Reading(sent_ns, sent_ns + step, stamp))
    found = clock.estimate()
    if found:
        assert found.rate_hz > 0.0
        clock.ways(found.nominal_hz)
