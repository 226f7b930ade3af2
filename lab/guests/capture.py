"""tcpdump on both sides of the NAT."""

from __future__ import annotations

import re
from pathlib import Path

from lab.guests.namespaces import Network
from lab.guests.processes import Processes

SNAPLEN_BYTES = 320
"""Headers and the request's first lines with the User-Agent; bodies are cut."""


def start(processes: Processes, network: Network, device: str, path: Path) -> str:
    """Captures all IPv4 of one device of the router; the name of the process."""
    name = f"tcpdump_{device}"  # no machine has a name with _
    # --immediate-mode: without it the last second is lost when tcpdump is ended.
    words = ["tcpdump", "-i", device, "-w", str(path), "-U", "-s", str(SNAPLEN_BYTES), "-n",
             "-Z", "root", "-B", "16384", "--immediate-mode",
             "--time-stamp-precision=nano", "ip"]  # fmt: skip
    processes.start(name, network.inside(network.router, *words))
    processes.wait_for(name, "listening on")
    return name


def stop(processes: Processes, name: str) -> int:
    """Ends a capture; the number of packets the kernel dropped from it."""
    processes.stop(name)
    dropped = re.search(r"(\d+) packets dropped by kernel", processes.log(name))
    return int(dropped[1]) if dropped else 0
