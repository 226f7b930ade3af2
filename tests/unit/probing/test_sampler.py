"""The sampler against simulated hosts: what it promises to send, and what it measures."""

import math

import pytest
from fixtures.remote_host import DAY_MS, RemoteHost

from wiretell.probing.sampler import (
    MOST_OPENINGS,
    MOST_REFUSALS,
    MOST_SILENT_AT_FIRST,
    PATIENCE_NS,
    REOPEN_NS,
    Reason,
    Settings,
)

ICMP = Settings(1.0, 300.0, 4.0, DAY_MS, 1000.0, connects=False)
TCP = Settings(1.0, 300.0, 4.0, 2**32, None, connects=True)
SEEDS = range(6)


def rms(errors):
    return math.sqrt(sum(error**2 for error in errors) / len(errors))


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        (ICMP, {"skew_ppm": 80.0}),
        (ICMP, {"skew_ppm": -35.0, "base_s": 0.001, "jitter_s": 0.001}),
        (TCP, {"skew_ppm": 12.0, "hz": 1000.0}),
        (TCP, {"skew_ppm": -400.0, "hz": 250.0}),
        (TCP, {"skew_ppm": 3.0, "hz": 100.0}),
    ],
)
def test_a_skew_is_measured_to_one_ppm_within_five_minutes(settings, host):
    for seed in SEEDS:
        remote = RemoteHost(seed, modulus=settings.modulus, **host)
        sampler = remote.run(settings)
        found = sampler.estimate
        assert abs(found.skew_ppm - remote.skew_ppm) < 1.0
        assert found.nominal_hz == remote.hz
        low, high = found.certain_ppm
        assert low <= remote.skew_ppm <= high
        assert sampler.stopped in (Reason.PRECISE, Reason.TIME)
        assert sampler.stopped is not Reason.PRECISE or 2 * found.se_ppm <= 1.0


def test_its_errors_are_honest():
    """Of sixty estimates the truth lies within two standard errors of nearly all."""
    within = 0
    for seed in range(60):
        remote = RemoteHost(seed, base_s=0.001, jitter_s=0.0005)
        found = remote.run(ICMP).estimate
        within += abs(found.skew_ppm - remote.skew_ppm) <= 2 * found.se_ppm
    assert within >= 52


@pytest.mark.parametrize(("hz", "gain"), [(100.0, 3.0), (10.0, 10.0)])
def test_meeting_the_ticks_makes_slow_clocks_sharp(hz, gain):
    """As Zander and Murdoch (2008) found; the same number of requests in the same time."""
    settings = Settings(0.01, 60.0, 4.0, 2**32, hz, connects=False)
    errors = {}
    for aims in (True, False):
        hosts = [RemoteHost(seed, hz=hz, modulus=2**32) for seed in range(10)]
        samplers = [host.run(settings, aims=aims) for host in hosts]
        errors[aims] = rms([sampler.estimate.skew_ppm - 80.0 for sampler in samplers])
    assert errors[True] * gain < errors[False]


@pytest.mark.parametrize("settings", [ICMP, TCP], ids=["icmp", "tcp"])
@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_requests_are_never_closer_than_the_rate_and_none_comes_after_the_end(settings, loss):
    wanted = Settings(1e-3, 60.0, 10.0, settings.modulus, settings.nominal_hz, settings.connects)
    host = RemoteHost(1, modulus=settings.modulus, loss=loss)
    sampler = host.run(wanted)
    gaps = [b - a for a, b in zip(host.sent_ns, host.sent_ns[1:], strict=False)]
    assert min(gaps) >= 100_000_000
    assert max(host.sent_ns) < 60e9
    assert sampler.stopped is Reason.TIME
    assert sampler.n_sent == len(host.sent_ns)
    assert len(host.sent_ns) > (500 if not loss else 100)


def test_a_request_waits_for_the_answer_to_the_last_one():
    host = RemoteHost(1, base_s=0.4, jitter_s=0.001)
    host.run(Settings(1.0, 30.0, 20.0, DAY_MS, 1000.0, connects=False))
    gaps = [b - a for a, b in zip(host.sent_ns, host.sent_ns[1:], strict=False)]
    assert min(gaps) >= 400_000_000


def test_a_silent_host_is_soon_left_alone():
    host = RemoteHost(1, answers=False)
    sampler = host.run(ICMP)
    assert sampler.stopped is Reason.SILENT
    assert len(host.sent_ns) == sampler.n_unanswered == MOST_SILENT_AT_FIRST
    assert host.sent_ns[-1] <= MOST_SILENT_AT_FIRST * (PATIENCE_NS + 10**9)
    assert sampler.estimate is None


def test_a_host_that_refuses_is_soon_left_alone():
    host = RemoteHost(1, modulus=2**32, accepts=False)
    sampler = host.run(TCP)
    assert sampler.stopped is Reason.REFUSED
    assert len(host.opened_ns) == MOST_REFUSALS
    assert host.sent_ns == []


def test_connections_that_end_are_opened_again_with_pauses_and_share_one_rate():
    host = RemoteHost(3, modulus=2**32, closes_after_s=60.0)
    sampler = host.run(TCP)
    gaps = [b - a for a, b in zip(host.opened_ns, host.opened_ns[1:], strict=False)]
    assert gaps
    assert min(gaps) >= REOPEN_NS
    assert sampler.clock.n_lines == len(host.opened_ns)
    assert sampler.clock.n_steps == 0
    assert abs(sampler.estimate.skew_ppm - 80.0) < 2.0


def test_connections_of_one_offset_are_one_line():
    host = RemoteHost(3, modulus=2**32, closes_after_s=60.0, new_offset=False)
    sampler = host.run(TCP)
    assert len(host.opened_ns) > 1
    assert sampler.clock.n_lines == 1
    assert abs(sampler.estimate.skew_ppm - 80.0) < 1.0


def test_connections_too_short_for_a_rate_are_joined_once_it_is_known():
    host = RemoteHost(3, modulus=2**32, closes_after_s=2.0, new_offset=False)
    settings = Settings(1.0, 120.0, 20.0, 2**32, None, connects=True)
    sampler = host.run(settings)
    assert len(host.opened_ns) > 10
    assert sampler.clock.n_lines == 1
    assert abs(sampler.estimate.skew_ppm - 80.0) < 2.0


def test_a_host_that_closes_every_connection_is_not_called_for_ever():
    settings = Settings(1.0, 3600.0, 4.0, 2**32, None, connects=True)
    host = RemoteHost(3, modulus=2**32, closes_after_s=1.0)
    sampler = host.run(settings)
    assert sampler.stopped is Reason.CLOSES
    assert len(host.opened_ns) == MOST_OPENINGS


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        (lambda stamp, rng: 0, "all zero"),
        (lambda stamp, rng: 77, "never change"),
        (lambda stamp, rng: rng.randrange(DAY_MS), "no clock"),
        (lambda stamp, rng: stamp + rng.randrange(60_000), "no clock"),
    ],
)
def test_what_shows_no_clock_is_named_and_left(stamp, words):
    host = RemoteHost(1, stamp=stamp)
    sampler = host.run(ICMP)
    assert sampler.stopped is Reason.NO_CLOCK
    assert words in sampler.clock.oddity().value
    assert len(host.sent_ns) < 60


def test_rounded_stamps_are_measured_by_their_own_ticks():
    sampler = RemoteHost(1, quantum=10).run(ICMP)
    assert sampler.estimate.tick == 10
    assert sampler.clock.n_steps == 0
    assert abs(sampler.estimate.skew_ppm - 80.0) < 1.0


@pytest.mark.parametrize("ticks", [5_000, -5_000])
def test_a_clock_that_is_set_gives_two_lines_of_one_rate(ticks):
    wanted = Settings(0.01, 300.0, 4.0, DAY_MS, 1000.0, connects=False)
    sampler = RemoteHost(1, step_at_s=150.0, step_ticks=ticks).run(wanted)
    assert (sampler.clock.n_steps, sampler.clock.n_lines) == (1, 2)
    assert abs(sampler.estimate.skew_ppm - 80.0) < 1.0


def test_the_stamps_wrap_at_midnight():
    host = RemoteHost(1, modulus=100_000)  # a day of 100 s
    sampler = host.run(Settings(0.01, 300.0, 4.0, 100_000, 1000.0, connects=False))
    assert sampler.clock.n_steps == 0
    assert abs(sampler.estimate.skew_ppm - 80.0) < 1.0


def test_an_interruption_keeps_what_was_measured():
    host = RemoteHost(1)
    sampler = host.run(ICMP, interrupt_s=45.0)
    assert sampler.stopped is Reason.INTERRUPTED
    assert max(host.sent_ns) < 46e9
    assert abs(sampler.estimate.skew_ppm - 80.0) < 10.0


def test_the_same_events_give_the_same_commands():
    first, second = RemoteHost(4, loss=0.1), RemoteHost(4, loss=0.1)
    a, b = first.run(ICMP), second.run(ICMP)
    assert first.sent_ns == second.sent_ns
    assert a.estimate == b.estimate
