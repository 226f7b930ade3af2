"""The truth about a capture: whose flow each one is, and what each machine was set to."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from lab.sim.address import text
from lab.sim.packets import TCP, Packet

FLOW_COLUMNS = (
    "proto",
    "nat_ip",
    "nat_port",
    "dst_ip",
    "dst_port",
    "device_id",
    "capture",
    "device_mac",
    "orig_ip",
    "orig_port",
    "first_ts",
    "last_ts",
    "pkts_out",
    "pkts_in",
    "first_tsval",
    "first_ipid",
)


@dataclass(slots=True)
class FlowTruth:
    """One flow as seen at the tap, and the machine (an index) it belongs to."""

    proto: int
    nat_ip: int
    nat_port: int
    dst_ip: int
    dst_port: int
    machine: int
    orig_ip: int
    orig_port: int
    first_ns: int = -1
    last_ns: int = -1
    n_out: int = 0
    n_in: int = 0
    first_tsval: int | None = None
    first_ip_id: int | None = None

    def count_out(self, p: Packet, time_ns: int) -> None:
        if self.first_ns < 0:
            self.first_ip_id = p.ip_id
        if self.first_tsval is None and p.tsval is not None and "ts" in p.options:
            self.first_tsval = p.tsval & 0xFFFFFFFF
        self.n_out += 1
        self._stretch(time_ns)

    def count_in(self, time_ns: int) -> None:
        self.n_in += 1
        self._stretch(time_ns)

    def _stretch(self, time_ns: int) -> None:
        if self.first_ns < 0:
            self.first_ns = time_ns
        self.last_ns = time_ns


@dataclass(frozen=True)
class DeviceTruth:
    """One machine as it was set. Its lists are joined by `` | `` in the file."""

    device_id: str
    stack: str
    os: str
    habit: str
    mac: str
    ip: str
    nat_ip: str
    set_skew_ppm: float
    hz: float | None
    """Timestamp ticks a second; ``None`` if the stack sends none."""
    ts_regime: str
    ip_id_rule: str
    tcp_port_rule: str
    ntp: bool
    boots: int
    suspensions: int
    initial_ttl: int
    user_agents: tuple[str, ...]
    flows: int


@dataclass(frozen=True)
class Truth:
    """Both tables; ``flows[i].machine`` is an index into ``devices``."""

    capture: str
    devices: tuple[DeviceTruth, ...]
    flows: tuple[FlowTruth, ...]


def seconds_text(ns: int) -> str:
    """Exact: a float does not hold nanoseconds since 1970."""
    return f"{ns // 10**9}.{ns % 10**9:09d}"


def _flow_row(truth: Truth, flow: FlowTruth) -> list[object]:
    device = truth.devices[flow.machine]
    return [
        "tcp" if flow.proto == TCP else "udp",
        text(flow.nat_ip),
        flow.nat_port,
        text(flow.dst_ip),
        flow.dst_port,
        device.device_id,
        truth.capture,
        device.mac,
        text(flow.orig_ip),
        flow.orig_port,
        seconds_text(flow.first_ns),
        seconds_text(flow.last_ns),
        flow.n_out,
        flow.n_in,
        "" if flow.first_tsval is None else flow.first_tsval,
        "" if flow.first_ip_id is None else flow.first_ip_id,
    ]


def _device_row(device: DeviceTruth) -> list[object]:
    values = [getattr(device, field.name) for field in fields(device)]
    return [
        " | ".join(x) if isinstance(x, tuple) else int(x) if x is True or x is False else x
        for x in values
    ]


def write_table(path: Path, header: Sequence[str], rows: Iterable[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def beside(capture: Path) -> tuple[Path, Path]:
    """Names of the truth about flows and of that about machines."""
    stem = capture.name.split(".")[0]
    return capture.with_name(f"{stem}.truth.csv"), capture.with_name(f"{stem}.devices.csv")


def write_truth(path: Path | str, truth: Truth) -> tuple[Path, Path]:
    """Write ``NAME.truth.csv`` and ``NAME.devices.csv`` beside the capture ``path``."""
    flows, devices = beside(Path(path))
    write_table(flows, FLOW_COLUMNS, (_flow_row(truth, flow) for flow in truth.flows))
    columns = [field.name for field in fields(DeviceTruth)]
    write_table(devices, columns, (_device_row(device) for device in truth.devices))
    return flows, devices
