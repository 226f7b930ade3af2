"""What this machine lacks for the kernel to be asked, in words."""

from __future__ import annotations

import os
import shutil
import sys

from lab.guests.processes import CommandError
from lab.oracle.kernel import Kernel, OracleError

_PROGRAMS = {"ip": "iproute2", "nft": "nftables", "ethtool": "ethtool"}
"""Programs, and the Debian packages they are in."""


def oracle_lacks() -> list[str]:
    """Why the kernel cannot be asked here; empty when it can."""
    if sys.platform != "linux":
        return ["Linux"]
    lacks = [f"{name} ({package})" for name, package in _PROGRAMS.items() if not shutil.which(name)]
    if os.geteuid() != 0:
        lacks.append("root")
    if lacks:
        return lacks
    try:
        with Kernel() as kernel:
            kernel.judge([])
    except (CommandError, OracleError, OSError) as error:
        return [f"namespaces with nftables, conntrack and its log ({error})"]
    return []
