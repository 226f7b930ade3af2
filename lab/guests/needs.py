"""What this machine lacks for a recording, in words."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from lab.guests.processes import CommandError, run
from lab.guests.scenario import Machine

_PROBE = (
    "table ip probe {\n chain c {\n type nat hook postrouting priority 100\n masquerade\n }\n}\n"
)
_TOOLS = {
    "ip": "iproute2",
    "ethtool": "ethtool",
    "nft": "nftables",
    "tcpdump": "tcpdump",
    "sysctl": "procps",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "gcc": "gcc",
}
"""Programs, and the Debian packages they are in."""


def network_lacks() -> list[str]:
    """Why no network can be built here; empty when it can."""
    if sys.platform != "linux":
        return ["not Linux"]
    lacks = [f"{tool} ({package})" for tool, package in _TOOLS.items() if not shutil.which(tool)]
    if os.geteuid() != 0:
        lacks.append("root")
    if lacks:
        return lacks
    try:
        run("unshare", "-n", "nft", "-f", "-", stdin=_PROBE)
    except CommandError as error:
        return [f"network namespaces with nftables masquerade ({error})"]
    return []


def machine_lacks(machine: Machine) -> list[str]:
    """What else this one machine needs; its kernel or lwIP's source is asked for later."""
    lacks = []
    if machine.stack != "namespace" and not Path("/dev/net/tun").exists():
        lacks.append("/dev/net/tun")
    if machine.kernel:
        lacks += [
            f"{tool} ({package})"
            for tool, package in (
                ("qemu-system-x86_64", "qemu-system-x86"),
                ("busybox", "busybox-static"),
            )
            if not shutil.which(tool)
        ]
    return lacks
