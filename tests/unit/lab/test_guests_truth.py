"""The join of the two captures, on packets made up for it."""

import csv
from dataclasses import replace

import pytest

from lab.guests.pcap import ACK, SYN, TCP, UDP, Packet
from lab.guests.scenario import parse
from lab.guests.truth import TruthError, join, write_devices, write_flows

NAT = "203.0.113.9"
SERVER = "198.51.100.20"
MAC = {"a": "02:00:00:00:00:0b", "b": "02:00:00:00:00:0c"}
IP = {"a": "10.77.0.11", "b": "10.77.0.12"}
MS = 1_000_000


def inner(who, sport, *, ms, ipid=1, seq=1, flags=ACK, proto=TCP, payload=b"", tsval=None):
    return Packet(
        time_ns=ms * MS,
        mac=MAC[who],
        proto=proto,
        src=IP[who],
        sport=sport,
        dst=SERVER,
        dport=80,
        ttl=64,
        ipid=ipid,
        payload_bytes=len(payload),
        payload=payload,
        seq=seq,
        flags=flags,
        tsval=tsval,
    )


def outer(packet, nat_port, *, delay_ns=20_000):
    """What the NAT makes of it."""
    return Packet(
        time_ns=packet.time_ns + delay_ns,
        mac="02:00:00:00:00:ff",
        proto=packet.proto,
        src=NAT,
        sport=nat_port,
        dst=packet.dst,
        dport=packet.dport,
        ttl=packet.ttl - 1,
        ipid=packet.ipid,
        payload_bytes=packet.payload_bytes,
        payload=packet.payload,
        seq=packet.seq,
        flags=packet.flags,
        tsval=packet.tsval,
    )


def answer(nat_port, *, ms):
    return Packet(ms * MS, "02:00:00:00:00:fe", TCP, SERVER, 80, NAT, nat_port, 64, 0, 0, b"")


def sender(flow):
    (endpoint,) = flow.senders
    return endpoint.mac, endpoint.ip, endpoint.port


def test_every_flow_gets_the_machine_that_sent_it():
    a = inner("a", 5000, ms=10, ipid=7, seq=100, flags=SYN, tsval=1234)
    b = inner("b", 5000, ms=10, ipid=9, seq=200, flags=SYN)
    outside = [outer(a, 5000), answer(5000, ms=11), outer(b, 61000)]
    first, second = join(outside, [a, b], {NAT})
    assert sender(first) == (MAC["a"], IP["a"], 5000)
    assert (first.first_tsval, first.first_ipid, first.n_out, first.n_in) == (1234, 7, 1, 1)
    assert sender(second) == (MAC["b"], IP["b"], 5000)
    assert second.nat_port == 61000


def test_twins_are_told_apart_by_their_later_packets():
    twins = [inner(who, 5000, ms=10, ipid=7, seq=100, flags=SYN) for who in "ab"]
    later = [inner(who, 5000, ms=20, ipid=8 + n, seq=101) for n, who in enumerate("ab")]
    outside = [outer(twins[0], 5000), outer(twins[1], 61000),
               outer(later[0], 5000), outer(later[1], 61000)]  # fmt: skip
    flows = join(outside, [*twins, *later], {NAT})
    assert [sender(flow)[0] for flow in flows] == [MAC["a"], MAC["b"]]


def test_twins_that_nothing_tells_apart_are_refused():
    twins = [inner(who, 5000, ms=10, ipid=7, seq=100, flags=SYN) for who in "ab"]
    with pytest.raises(TruthError, match="2 machines"):
        join([outer(twins[0], 5000)], twins, {NAT})


def test_a_flow_nobody_sent_is_refused():
    stranger = inner("a", 5000, ms=10)
    with pytest.raises(TruthError, match="0 machines"):
        join([outer(stranger, 5000)], [], {NAT})


def test_the_same_packet_of_another_time_does_not_count():
    early = inner("b", 5000, ms=10, seq=100)
    late = inner("a", 5000, ms=900, seq=100)
    (flow,) = join([outer(late, 5000)], [early, late], {NAT})
    assert sender(flow)[0] == MAC["a"]


def test_a_packet_past_the_nat_is_refused():
    with pytest.raises(TruthError, match="past the NAT"):
        join([inner("a", 5000, ms=10)], [], {NAT})


def test_without_a_nat_every_machine_is_seen_under_its_own_address():
    a, b = (inner(who, 5000, ms=10, ipid=7, seq=100, flags=SYN) for who in "ab")
    outside = [replace(a, time_ns=a.time_ns + 20_000), replace(b, time_ns=b.time_ns + 20_000)]
    flows = join(outside, [a, b], set(IP.values()))
    assert [(flow.nat_ip, sender(flow)[0]) for flow in flows] == [
        (IP["a"], MAC["a"]),
        (IP["b"], MAC["b"]),
    ]


def test_a_port_used_again_is_another_flow_and_a_repeated_syn_is_not():
    first = inner("a", 5000, ms=10, seq=100, flags=SYN)
    repeated = inner("a", 5000, ms=1010, seq=100, flags=SYN)
    second = inner("b", 5000, ms=9000, seq=300, flags=SYN)
    packets = [first, repeated, second]
    flows = join([outer(packet, 5000) for packet in packets], packets, {NAT})
    assert [(sender(flow)[0], flow.n_out) for flow in flows] == [(MAC["a"], 2), (MAC["b"], 1)]


@pytest.mark.parametrize(
    ("again_ms", "who", "n_out"), [(20_000, "a", [2]), (40_000, "a", [1, 1]), (40_000, "b", [1, 1])]
)
def test_a_udp_port_used_again_after_a_silence_is_another_flow(again_ms, who, n_out):
    first = inner("a", 5000, ms=10, ipid=1, proto=UDP, flags=0)
    second = inner(who, 5000, ms=10 + again_ms, ipid=2, proto=UDP, flags=0)
    flows = join([outer(first, 5000), outer(second, 5000)], [first, second], {NAT})
    assert [flow.n_out for flow in flows] == n_out
    assert sender(flows[-1])[0] == MAC[who]


def test_an_answer_keeps_a_udp_flow_alive():
    asked = [inner("a", 5000, ms=ms, ipid=ms % 7, proto=UDP, flags=0) for ms in (10, 40_020)]
    answered = Packet(20_000 * MS, "02:00:00:00:00:fe", UDP, SERVER, 80, NAT, 5000, 64, 0, 0, b"")
    (flow,) = join([outer(asked[0], 5000), answered, outer(asked[1], 5000)], asked, {NAT})
    assert (flow.n_out, flow.n_in) == (2, 1)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_tables_say_who_sent_what(tmp_path):
    scenario = parse(
        "pair",
        {
            "duration_s": 20,
            "nat_ip": NAT,
            "server": [{"address": SERVER, "ports": [80]}],
            "machine": [
                {"name": "first", "stack": "lwip", "skew_ppm": -12.5},
                {"name": "second", "stack": "linux-6.1", "tcp_timestamps": 2},
                {"name": "silent", "stack": "lwip"},
            ],
        },
    )
    syn = inner("a", 5000, ms=1_500, ipid=7, seq=100, flags=SYN, tsval=55)
    request = b"GET /5 HTTP/1.1\r\nUser-Agent: Bulb, 2\r\n\r\n"
    ask = inner("a", 5000, ms=1_600, seq=101, payload=request)
    query = inner("b", 6000, ms=1_700, proto=UDP, payload=b"?", flags=0, seq=0)
    inside = [syn, ask, query]
    flows = join([outer(syn, 5000), outer(ask, 5000), outer(query, 6000)], inside, {NAT})
    device_ids = {machine.mac: machine.name for machine in scenario.machines}

    write_flows(tmp_path / "flows.csv", flows, scenario, device_ids)
    first, second = rows(tmp_path / "flows.csv")
    assert (first["proto"], first["nat_port"], first["device_id"]) == ("tcp", "5000", "first")
    assert (first["first_ts"], first["last_ts"]) == ("1.500020", "1.600020")
    assert (first["pkts_out"], first["first_tsval"], first["first_ipid"]) == ("2", "55", "7")
    assert (second["proto"], second["device_id"], second["first_tsval"]) == ("udp", "second", "")

    stacks = dict.fromkeys(device_ids, "a stack")
    write_devices(tmp_path / "devices.csv", inside, scenario, device_ids, stacks)
    one, two = rows(tmp_path / "devices.csv")
    assert (one["device_id"], one["syns"], one["syns_with_ts"]) == ("first", "1", "1")
    assert (one["user_agents"], one["set_skew_ppm"]) == ("Bulb, 2", "-12.5")
    assert one["measured_skew_ppm"] == ""  # one packet shows no rate
    assert (two["device_id"], two["packets"], two["tcp_timestamps"]) == ("second", "1", "2")
