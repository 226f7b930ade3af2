"""nmap runs once, tcpdump listens at three places. READ FIRST."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.guests.needs import network_lacks
from lab.guests.processes import CommandError, Processes, run
from lab.scans.network import TAP, ZOMBIE_MAC, Network, network
from lab.scans.scenario import OPEN_PORTS, Scenario

_ROOT = Path(__file__).parents[2]
PLACES = ("target", "zombie", "scanner")
"""Where is listened: what each machine's wire carries."""
ZOMBIE_TTL, FIRST_ID = 255, 4711
LWIP_WAITS_MS = 3_600_000
"""lwIP's machine ends with its plan: one look-up, an hour from now."""
SNAPLEN_BYTES = 128
NMAP = ("nmap", "-n", "-T4", "--disable-arp-ping", "--host-timeout", "120")


def lacks() -> list[str]:
    """Why no scan can be recorded here; empty when it can."""
    missing = [] if shutil.which("nmap") else ["nmap"]
    if not Path("/dev/net/tun").exists():
        missing.append("/dev/net/tun")
    return [*network_lacks(), *missing]


@dataclass(frozen=True)
class Recording:
    """Captures by place, what nmap wrote, and the truth as a file."""

    captures: dict[str, Path]
    said: str
    truth: Path


@contextlib.contextmanager
def laboratory(
    work: Path, *, lan: bool, lwip: Path | None = None
) -> Iterator[tuple[Network, Processes]]:
    """The network with its machines running; `lwip`: the program (`lab.guests.build`) that is the
    zombie, instead of ours. Raises CommandError.
    """
    with network(lan=lan) as net, Processes(work) as processes:
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        ports = [str(port) for port in OPEN_PORTS]
        listen = [sys.executable, "-m", "lab.scans.listener", net.hosts.target, *ports]
        zombie = _zombie(net, work, lwip)
        processes.start("listener", net.inside("target", *listen), environment)
        processes.start("zombie", net.inside("core", *zombie), environment)
        processes.wait_for("listener", "ready")
        if lwip is None:
            processes.wait_for("zombie", "ready")
        yield net, processes


def _zombie(net: Network, work: Path, lwip: Path | None) -> list[str]:
    """The command line of the machine to scan by."""
    if lwip is None:
        return [sys.executable, "-m", "lab.scans.zombie", TAP, net.hosts.zombie, ZOMBIE_MAC,
                str(ZOMBIE_TTL), str(FIRST_ID)]  # fmt: skip
    gateway = net.hosts.zombie.rpartition(".")[0] + ".1"
    plan = work / "zombie.plan"
    plan.write_text(f"dns {LWIP_WAITS_MS} {gateway} 53 never.example\n", encoding="ascii")
    return [str(lwip), TAP, ZOMBIE_MAC, net.hosts.zombie, gateway, str(plan), "0",
            str(ZOMBIE_TTL), "1"]  # fmt: skip


def record(
    scenario: Scenario, lab: tuple[Network, Processes], out: Path, places: Sequence[str] = PLACES
) -> Recording:
    """Runs one scan in `lab`; captures are `NAME.PLACE.pcap`. Raises CommandError, OSError."""
    net, processes = lab
    out.mkdir(parents=True, exist_ok=True)
    captures = {place: out / f"{scenario.name}.{place}.pcap" for place in places}
    names = [_listen(net, processes, place, path) for place, path in captures.items()]
    said = run(*net.inside("scanner", *NMAP, *scenario.arguments))
    for name in reversed(names):
        processes.stop(name)
        if "0 packets dropped by kernel" not in processes.log(name):
            raise CommandError(f"{name} lost packets: {processes.log(name)}")
    truth = out / f"{scenario.name}.truth.json"
    told = asdict(scenario) | {"nmap": said.splitlines(), "open": OPEN_PORTS}
    truth.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return Recording(captures, said, truth)


def _listen(net: Network, processes: Processes, place: str, path: Path) -> str:
    space, device = ("core", TAP) if place == "zombie" else (place, "eth0")
    name = f"tcpdump-{place}"
    words = ["tcpdump", "-i", device, "-w", str(path), "-U", "-s", str(SNAPLEN_BYTES), "-n",
             "-Z", "root", "--immediate-mode", "--time-stamp-precision=nano", "ip"]  # fmt: skip
    processes.start(name, net.inside(space, *words))
    processes.wait_for(name, "listening on")
    return name
