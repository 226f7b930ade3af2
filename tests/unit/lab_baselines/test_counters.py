"""Greedy chains of ports and identifications, and Bellovin's strings, on hand-made counters."""

from __future__ import annotations

import polars as pl
import pytest
from baseline_lines import S, line

from lab.baselines import Line
from lab.baselines.bellovin import bellovin, best_strings, most_alive, relaxed_joins
from lab.baselines.chains import Chain, greedy_chains
from lab.baselines.greedy_ports import greedy_ip_ids, greedy_ports
from lab.baselines.line import by_majority


def chains(values: list[int], times: list[int] | None = None, back: int = 0) -> list[list[int]]:
    times = times if times is not None else list(range(len(values)))
    found = greedy_chains(times, values, max_step=16, max_silence_ns=10, max_step_back=back)
    return [chain.members for chain in found]


def test_values_go_to_the_chain_that_is_nearest_below() -> None:
    assert chains([100, 110, 112, 120]) == [[0, 1, 2, 3]]
    assert chains([100, 500, 104, 503, 108]) == [[0, 2, 4], [1, 3]]
    assert chains([100, 110, 109]) == [[0, 1], [2]], "a step back opens a chain"
    assert chains([110, 100, 112]) == [[0, 2], [1]], "2 above is nearer than 12 above"


@pytest.mark.parametrize(("step", "one"), [(1, True), (16, True), (17, False), (0, False)])
def test_limits_of_the_step(step: int, one: bool) -> None:
    assert (len(chains([100, 100 + step])) == 1) is one


def test_a_chain_closes_after_too_long_a_silence() -> None:
    assert chains([1, 2], [0, 10]) == [[0, 1]]
    assert chains([1, 2], [0, 11]) == [[0], [1]]


def test_counters_wrap() -> None:
    assert chains([65_530, 3]) == [[0, 1]]


def test_an_overtaken_value_joins_without_turning_the_counter_back() -> None:
    assert chains([10, 12, 11, 28], back=3) == [[0, 1, 2, 3]]
    assert chains([10, 12, 11], back=0) == [[0, 1], [2]]


def ports(*numbers: int) -> Line:
    return line([{"orig_p": port} for port in numbers])


def test_machines_are_chains_of_three_syns() -> None:
    found = greedy_ports(16, 300)(ports(5000, 9000, 5001, 9003, 5002, 9009, 100, 101))
    assert found.count == 2
    assert found.machine == {0: 0, 2: 0, 4: 0, 1: 1, 3: 1, 5: 1}


def test_flows_without_a_syn_and_other_protocols_do_not_count() -> None:
    numbers = [{"orig_p": port} for port in (1, 2, 3)]
    for odd in ({"orig_syn": None}, {"proto": 17}):
        found = greedy_ports(16, 300)(line([row | odd for row in numbers]))
        assert (found.count, found.machine) == (1, {}), "one machine at least: somebody sent them"
    assert greedy_ports(16, 300)(line()).count == 0


def packets(ids: list[int], every_ns: int, flow_id: int | None, start_ns: int = 0) -> list[dict]:
    return [
        {"time_ns": start_ns + i * every_ns, "ipid": ipid, "flow_id": flow_id}
        for i, ipid in enumerate(ids)
    ]


def merged(*senders: list[dict]) -> Line:
    flows = [{"orig_p": 1000 + i} for i in range(len(senders))]
    sent = sorted((row for rows in senders for row in rows), key=lambda row: row["time_ns"])
    return line(flows, sent)


def test_identifications_of_two_counters() -> None:
    of = merged(
        packets(list(range(100, 130)), S, 0),
        packets(list(range(40_000, 40_030)), S, 1, start_ns=7),
        packets(list(range(9_000, 9_010)), S, 2, start_ns=9),
    )
    found = greedy_ip_ids()(of)
    assert (found.count, found.machine) == (2, {0: 0, 1: 1}), "10 packets are no machine"


def test_a_flow_is_whose_most_packets_are() -> None:
    assert by_majority([5, 5, 5, 6, None], [1, 0, 1, None, 2]) == {5: 1}
    assert by_majority([5, 5], [1, 0]) == {5: 0}


def test_bellovin_separates_two_strings_and_drops_short_ones() -> None:
    of = merged(
        packets(list(range(100, 280, 3)), S, 0),
        packets(list(range(40_000, 40_060)), S, 1, start_ns=7),
        packets(list(range(20_000, 20_049)), S, 2, start_ns=9),
    )
    found = bellovin(of)
    assert (found.count, found.machine) == (2, {0: 0, 1: 1})


def test_bellovin_reads_swapped_counters() -> None:
    swapped = [(x >> 8) | (x & 0xFF) << 8 for x in range(1000, 1060)]
    of = merged(packets(swapped, S, 0), packets(list(range(100, 160)), S, 1, start_ns=7))
    found = bellovin(of)
    assert (found.count, found.machine) == (2, {0: 0, 1: 1})


def test_identification_nought_is_in_no_string() -> None:
    zero = merged(packets([0] * 200, S, 0))
    assert bellovin(zero).machine == {}
    assert bellovin(zero).count == 1


def test_the_relaxed_pass_joins_over_a_pause() -> None:
    before, after = list(range(100, 150)), list(range(400, 450))
    for pause_s, n_strings in ((60, 1), (400, 2)):
        times = [i * S for i in range(50)] + [(50 + pause_s + i) * S for i in range(50)]
        strings = best_strings(times, before + after)
        assert len(strings) == n_strings


def test_strings_that_overlap_in_time_are_not_joined() -> None:
    early = Chain(100, 0, 150, 10 * S)
    during = Chain(160, 5 * S, 190, 20 * S)
    later = Chain(160, 15 * S, 190, 20 * S)
    assert relaxed_joins([early, during]) == [[0], [1]]
    assert relaxed_joins([early, later]) == [[0, 1]]


def test_a_string_continues_the_nearest_below() -> None:
    ends = [Chain(0, 0, 100, S), Chain(0, 1, 130, 2 * S)]
    assert relaxed_joins([*ends, Chain(140, 9 * S, 150, 10 * S)]) == [[0], [1, 2]]


def test_hosts_are_strings_alive_at_once() -> None:
    assert most_alive([(0, 10), (5, 20), (15, 30)]) == 2
    assert most_alive([(0, 10), (10, 20)]) == 2, "they share an instant"
    assert most_alive([(0, 10), (11, 20)]) == 1
    assert most_alive([]) == 0


def test_an_empty_line_is_nobody() -> None:
    assert bellovin(line()).count == 0
    assert greedy_ip_ids()(line()).count == 0
    assert line().packets.select(pl.len()).item() == 0
