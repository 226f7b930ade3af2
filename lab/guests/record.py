"""One recording from beginning to end. READ FIRST."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.guests import build, capture, needs, pcap, qemu, traffic, truth
from lab.guests.namespaces import GATEWAY, Network, network
from lab.guests.processes import CommandError, Processes, run
from lab.guests.scenario import Machine, Scenario

_ROOT = Path(__file__).parents[2]
CONSOLE_CHARACTERS = 1500
"""Of a guest's last words, in the message that says that it died."""
INSIDE, OUTSIDE = "inside.pcap", "outside.pcap"
"""The two captures in the working directory."""

_START_GAP_S = 2.0
"""Between the starts of guests: booting all at once would starve the capture of time."""


_WATCH_S = 2.0
"""How often the machines are looked after: a guest that died is no reason to wait for the end."""


class UnavailableError(RuntimeError):
    """This computer cannot make the recording; the message says what it lacks."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A machine ready to start. `start` gets the network; `stack` describes it in the truth."""

    machine: Machine
    stack: str
    start: Callable[[Network, Processes], None]


@dataclasses.dataclass(frozen=True)
class Recording:
    """What was written."""

    capture: Path
    flows: Path
    devices: Path
    n_flows: int
    n_machines: int
    n_dropped: int


def default_cache() -> Path:
    """Where kernels and programs are kept between recordings."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "wiretell-lab"


def record(
    scenario: Scenario,
    out_dir: Path,
    *,
    cache: Path,
    work: Path,
    say: Callable[[str], None],
    also: Callable[[Network, Processes], None] | None = None,
) -> Recording:
    """Makes the recording; takes the scenario's duration and a little more.

    `also` is called once the machines have been started, and may start processes of its own.

    Plans, logs and the inside capture go to `work`. A machine that cannot be had here is left
    out, and `say` is told why. Raises UnavailableError when none is left or no network can be
    built, CommandError, TruthError, OSError.
    """
    lacks = needs.network_lacks()
    if lacks:
        raise UnavailableError(f"needs {', '.join(lacks)}")
    out_dir.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    with _locked(cache):
        prepared = _prepare_all(scenario, cache, work, say)
    with network(scenario) as net, Processes(work) as processes:
        _start_servers(net, scenario, processes)
        captures = [
            capture.start(processes, net, "lan", work / INSIDE),
            capture.start(processes, net, "wan", work / OUTSIDE),
        ]
        end_s = time.monotonic() + scenario.duration_s
        for each in prepared:
            each.start(net, processes)
            if each.machine.kernel:
                time.sleep(_START_GAP_S)
        if also:
            also(net, processes)
        while (left_s := end_s - time.monotonic()) > 0.0:
            time.sleep(min(left_s, _WATCH_S))
            _check(prepared, processes, work)
        # Outside first: what is outside must be inside, too.
        n_dropped = sum(capture.stop(processes, name) for name in reversed(captures))
    return _write(scenario, prepared, work, out_dir, n_dropped)


@contextlib.contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Keeps two recordings from filling the cache at once."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare_all(
    scenario: Scenario, cache: Path, work: Path, say: Callable[[str], None]
) -> list[Prepared]:
    prepared = []
    for machine in scenario.machines:
        lacks = needs.machine_lacks(machine)
        try:
            if lacks:
                raise CommandError(f"needs {', '.join(lacks)}")
            prepared.append(_prepare(machine, scenario, cache, work))
        except CommandError as error:
            say(f"without {machine.name} ({machine.stack}): {error}")
    if not prepared:
        raise UnavailableError("none of the machines can be had here")
    return prepared


def _prepare(machine: Machine, scenario: Scenario, cache: Path, work: Path) -> Prepared:
    plan = work / f"{machine.name}.plan"
    plan.write_text(traffic.plan(machine, scenario), encoding="utf-8")
    if machine.stack == "lwip":
        return _prepare_lwip(machine, plan, cache)
    program = build.sockets_machine(cache)
    if machine.kernel is None:
        return _prepare_namespace(machine, plan, program)
    kernel = qemu.fetch_kernel(machine.kernel, cache)
    initrd = work / f"{machine.name}.initrd"
    initrd.write_bytes(qemu.file_system(machine, kernel, program, plan.read_text()))
    console = work / f"{machine.name}.console"

    def start(net: Network, processes: Processes) -> None:
        words = qemu.command(machine, kernel, initrd, net.add_tap(machine), console)
        processes.start(machine.name, net.inside(net.router, *words))

    return Prepared(machine, f"Linux {kernel.version} guest", start)


def _prepare_lwip(machine: Machine, plan: Path, cache: Path) -> Prepared:
    program = build.lwip_machine(cache, timestamps=machine.tcp_timestamps > 0)

    def start(net: Network, processes: Processes) -> None:
        words = [str(program), net.add_tap(machine), machine.mac, machine.ip, GATEWAY, str(plan),
                 str(machine.skew_ppm), str(machine.ttl), str(machine.seed)]  # fmt: skip
        processes.start(machine.name, net.inside(net.router, *words))

    return Prepared(machine, "lwIP 2.1.3", start)


def _prepare_namespace(machine: Machine, plan: Path, program: Path) -> Prepared:
    def start(net: Network, processes: Processes) -> None:
        namespace = net.add_namespace(machine)
        processes.start(machine.name, net.inside(namespace, str(program), str(plan)))

    return Prepared(machine, f"Linux {os.uname().release.split('-')[0]} namespace", start)


def _start_servers(net: Network, scenario: Scenario, processes: Processes) -> None:
    endpoints = [f"{s.address}:{port}" for s in scenario.servers for port in s.ports]
    words = [sys.executable, "-m", "lab.guests.servers", *endpoints]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    processes.start("servers_outside", net.inside(net.server, *words), environment)
    processes.wait_for("servers_outside", "ready")


def _check(prepared: list[Prepared], processes: Processes, work: Path) -> None:
    """Raises CommandError if a machine failed; a guest never ends by itself, unless it panics."""
    for each in prepared:
        name = each.machine.name
        processes.check(name)
        if each.machine.kernel:
            try:
                processes.check_running(name)
            except CommandError as error:
                said = (work / f"{name}.console").read_text(errors="replace")
                raise CommandError(f"{error}\n{said[-CONSOLE_CHARACTERS:]}") from error


def _write(
    scenario: Scenario, prepared: list[Prepared], work: Path, out_dir: Path, n_dropped: int
) -> Recording:
    device_ids = {each.machine.mac: f"dev{each.machine.number:02d}" for each in prepared}
    stacks = {each.machine.mac: each.stack for each in prepared}
    inside = list(pcap.read(work / INSIDE))
    own = {address for each in prepared for address in each.machine.ips}
    seen_ips = own if scenario.routed else {scenario.nat_ip}
    flows = truth.join(pcap.read(work / OUTSIDE), inside, seen_ips)
    heard = {sender.mac for flow in flows for sender in flow.senders}
    for each in prepared:
        if each.machine.mac not in heard:
            raise CommandError(f"{each.machine.name} ({each.stack}) sent nothing")
    truth.check_clocks(inside, scenario)
    flows_path = out_dir / f"{scenario.name}.truth.csv"
    devices_path = out_dir / f"{scenario.name}.truth.devices.csv"
    truth.write_flows(flows_path, flows, scenario, device_ids)
    truth.write_devices(devices_path, inside, scenario, device_ids, stacks)
    capture_path = out_dir / truth.capture_name(scenario)
    shutil.copyfile(work / OUTSIDE, capture_path)
    if shutil.which("zstd"):
        run("zstd", "-q", "-f", "-19", "--rm", str(capture_path))
        capture_path = capture_path.with_suffix(".pcap.zst")
    return Recording(capture_path, flows_path, devices_path, len(flows), len(heard), n_dropped)
