"""The truth about a superposition, in the files that the simulator writes beside its captures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.sim.address import mac_text, text
from lab.sim.truth import FLOW_COLUMNS, beside, seconds_text, write_table
from lab.superpose.datagram import ICMP, TCP
from lab.superpose.superpose import Device, Superposition

DEVICE_COLUMNS = ("device_id", "capture", "mac", "ips", "nat_ip", "family", "syns", "syns_with_ts",
                  "packets", "start", "end", "initial_ttls", "shift_s",
                  "user_agents")  # fmt: skip


def write_truth(path: Path | str, made: Superposition) -> tuple[Path, Path]:
    """Write ``NAME.truth.csv`` and ``NAME.devices.csv`` beside the capture ``path``.

    ``capture`` names the input that a flow or machine is from. Facts of a machine are those of its
    whole input; ``start`` and ``end`` are in the time of the superposition.
    """
    flows, devices = beside(Path(path))
    write_table(flows, FLOW_COLUMNS, _flow_rows(made))
    write_table(devices, DEVICE_COLUMNS, (_device_row(made, x) for x in made.devices))
    return flows, devices


def _flow_rows(made: Superposition) -> Iterator[list[object]]:
    for flow in made.flows:
        inner = flow.inner
        device = made.devices[inner.machine]
        host = device.facts.host
        yield [
            {TCP: "tcp", ICMP: "icmp"}.get(inner.proto, "udp"),
            made.public_ip,
            flow.port,
            text(inner.far),
            inner.far_port,
            device.device_id,
            device.facts.capture.name,
            mac_text(host.mac) if host.mac else "",
            text(inner.ip),
            inner.port,
            seconds_text(flow.first_ns),
            seconds_text(flow.last_ns),
            flow.n_out,
            flow.n_in,
            "" if flow.first_tsval is None else flow.first_tsval,
            "" if flow.first_ip_id is None else flow.first_ip_id,
        ]


def _device_row(made: Superposition, device: Device) -> list[object]:
    facts = device.facts
    start_ns = facts.first_ns + device.shift_ns
    return [
        device.device_id,
        facts.capture.name,
        mac_text(facts.host.mac) if facts.host.mac else "",
        " | ".join(facts.ips),
        made.public_ip,
        facts.family,
        facts.syns,
        facts.syns_with_ts,
        facts.n_sent + facts.n_got,
        seconds_text(start_ns),
        seconds_text(start_ns + round(facts.seconds * 1e9)),
        " ".join(map(str, facts.ttls)),
        f"{device.shift_ns / 1e9:.6f}",
        " | ".join(facts.user_agents),
    ]
