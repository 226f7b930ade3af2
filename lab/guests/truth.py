"""Who it was: joins the capture outside the NAT with the one inside.

A NAT leaves much of a packet as it was: destination, IP identification, sequence numbers, flags,
length. Every packet that a machine sent through the NAT is looked up inside by these, and all
packets of a flow must agree on one machine.
"""

from __future__ import annotations

import collections
import csv
import dataclasses
import re
from collections.abc import Collection, Hashable, Iterable, Mapping
from pathlib import Path

from lab.guests import offsets, skew
from lab.guests.pcap import TCP, UDP, Packet
from lab.guests.scenario import Machine, Scenario

WINDOW_NS = 50_000_000
"""A packet is inside at most this long before it is outside."""

UDP_SILENCE_NS = 30_000_000_000
"""After so long (nf_conntrack_udp_timeout) the NAT may give a port to another machine. A mapping
that lives on is of the same machine, so the flow that begins too soon is right, too."""

FLOW_COLUMNS = ("proto", "nat_ip", "nat_port", "dst_ip", "dst_port", "device_id", "capture",
                "device_mac", "orig_ip", "orig_port", "first_ts", "last_ts", "pkts_out",
                "pkts_in", "first_tsval", "first_ipid")  # fmt: skip
DEVICE_COLUMNS = ("device_id", "capture", "mac", "ips", "syns", "syns_with_ts", "packets",
                  "start", "end", "initial_ttls", "user_agents", "stack", "tcp_timestamps",
                  "set_skew_ppm", "measured_skew_ppm", "notes")  # fmt: skip
_USER_AGENT = re.compile(rb"\r\nUser-Agent: ([^\r\n]*)\r\n")


class TruthError(RuntimeError):
    """The two captures do not say of every flow which one machine it is of."""


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Who sent a flow, as seen inside."""

    mac: str
    ip: str
    port: int


@dataclasses.dataclass
class Flow:
    """One connection as seen outside; `senders` has one element when the join is exact."""

    proto: int
    nat_ip: str
    nat_port: int
    dst_ip: str
    dst_port: int
    first_ns: int
    last_ns: int
    isn: int | None = None
    n_out: int = 0
    n_in: int = 0
    first_tsval: int | None = None
    first_ipid: int | None = None
    senders: set[Endpoint] = dataclasses.field(default_factory=set)


def _fingerprint(packet: Packet) -> Hashable:
    """What the NAT leaves as it was, and tells packets of one moment apart."""
    return (packet.proto, packet.dst, packet.dport, packet.ipid, packet.seq, packet.ack,
            packet.flags, packet.tsval, packet.payload_bytes, packet.payload)  # fmt: skip


def join(
    outside: Iterable[Packet], inside: Iterable[Packet], seen_ips: Collection[str]
) -> list[Flow]:
    """The flows outside in order of their first packets, with their senders inside.

    `seen_ips` are the addresses that are the machines' outside: the NAT's one, or their own.
    Both captures are in order of time. Raises TruthError unless each flow has one sender.
    """
    seen = collections.defaultdict(list)
    for packet in inside:
        endpoint = Endpoint(packet.mac, packet.src, packet.sport)
        seen[_fingerprint(packet)].append((packet.time_ns, endpoint))
    flows: list[Flow] = []
    current: dict[Hashable, Flow] = {}
    for packet in outside:
        if packet.src in seen_ips:
            flow = _flow_of(packet, current, flows)
            candidates = {
                endpoint
                for time_ns, endpoint in seen[_fingerprint(packet)]
                if 0 <= packet.time_ns - time_ns <= WINDOW_NS
                and (endpoint.ip == packet.src or endpoint.ip not in seen_ips)
            }
            flow.senders = flow.senders & candidates if flow.n_out else candidates
            flow.n_out += 1
            if flow.first_tsval is None:
                flow.first_tsval = packet.tsval
            if flow.first_ipid is None:
                flow.first_ipid = packet.ipid
            flow.last_ns = packet.time_ns
        elif packet.dst in seen_ips:
            key = (packet.proto, packet.dst, packet.dport, packet.src, packet.sport)
            if key in current:
                current[key].n_in += 1
                current[key].last_ns = packet.time_ns
        else:
            raise TruthError(f"a packet from {packet.src} to {packet.dst} came past the NAT")
    for flow in flows:
        if len(flow.senders) != 1:
            raise TruthError(f"{len(flow.senders)} machines sent {flow}")
    return flows


def _flow_of(packet: Packet, current: dict[Hashable, Flow], flows: list[Flow]) -> Flow:
    """The flow of a packet from the NAT; on an old 5-tuple a new SYN, or UDP after a silence,
    begins another."""
    key = (packet.proto, packet.src, packet.sport, packet.dst, packet.dport)
    flow = current.get(key)
    isn = packet.seq if packet.opens else None
    ended = flow is not None and (
        packet.time_ns - flow.last_ns > UDP_SILENCE_NS
        if packet.proto == UDP
        else isn is not None and flow.isn != isn
    )
    if flow is None or ended:
        flow = Flow(packet.proto, packet.src, packet.sport, packet.dst, packet.dport,
                    packet.time_ns, packet.time_ns, isn)  # fmt: skip
        current[key] = flow
        flows.append(flow)
    return flow


def capture_name(scenario: Scenario) -> str:
    """File name of the outside capture, uncompressed."""
    return f"{scenario.name}.pcap"


def write_flows(
    path: Path, flows: Iterable[Flow], scenario: Scenario, device_ids: Mapping[str, str]
) -> None:
    """One row per flow. `device_ids` by MAC address."""
    capture = capture_name(scenario)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(FLOW_COLUMNS)
        for flow in flows:
            (sender,) = flow.senders
            rows.writerow((
                "tcp" if flow.proto == TCP else "udp", flow.nat_ip, flow.nat_port,
                flow.dst_ip, flow.dst_port, device_ids[sender.mac], capture, sender.mac,
                sender.ip, sender.port, _seconds(flow.first_ns), _seconds(flow.last_ns),
                flow.n_out, flow.n_in, flow.first_tsval, flow.first_ipid,
            ))  # fmt: skip


def check_clocks(inside: Iterable[Packet], scenario: Scenario) -> None:
    """Raises TruthError where a machine's clock jumped: its rate is then not the one that was set.

    So it is when the computer that runs the guests stands still, or has no time for them.
    """
    sent: dict[str, list[Packet]] = collections.defaultdict(list)
    for packet in inside:
        sent[packet.mac].append(packet)
    for machine in scenario.machines:
        step_s = skew.step_s(sent[machine.mac])
        if step_s is not None:
            raise TruthError(f"the clock of {machine.name} jumped by {step_s:+.1f} s:"
                             " the machine was not run for too long")  # fmt: skip


def write_devices(
    path: Path,
    inside: Iterable[Packet],
    scenario: Scenario,
    device_ids: Mapping[str, str],
    stacks: Mapping[str, str],
) -> None:
    """One row per machine that sent anything. `device_ids` and `stacks` by MAC address."""
    sent: dict[str, list[Packet]] = collections.defaultdict(list)
    for packet in inside:
        if packet.mac in device_ids:
            sent[packet.mac].append(packet)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(DEVICE_COLUMNS)
        for machine in scenario.machines:
            packets = sent[machine.mac]
            if not packets:
                continue
            syns = [packet for packet in packets if packet.opens]
            agents = {match[1].decode("latin-1"): None for packet in packets
                      if (match := _USER_AGENT.search(packet.payload))}  # fmt: skip
            rows.writerow((
                device_ids[machine.mac], capture_name(scenario), machine.mac,
                " ".join(machine.ips), len(syns),
                sum(syn.tsval is not None for syn in syns), len(packets),
                _seconds(packets[0].time_ns), _seconds(packets[-1].time_ns),
                " ".join(map(str, sorted({packet.ttl for packet in packets}))),
                " | ".join(agents), stacks[machine.mac], machine.tcp_timestamps,
                f"{machine.skew_ppm:g}", _ppm(skew.skew_ppm(packets)), note(machine, packets),
            ))  # fmt: skip


def note(machine: Machine, sent: Iterable[Packet]) -> str:
    """What its stack shows of its clock and counters; of Linux's timestamps, as they were sent."""
    if machine.stack == "lwip":
        return "one IP ID counter for all flows; source ports count up"
    if machine.stack == "namespace":
        return "shares the kernel, and so the clock, of the capture"
    if machine.tcp_timestamps == 2:
        return "timestamps are milliseconds since boot"
    return offsets.scope(sent)


def _ppm(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _seconds(time_ns: int) -> str:
    return f"{time_ns // 1_000_000_000}.{time_ns % 1_000_000_000 // 1000:06d}"
