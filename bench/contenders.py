"""What is measured: wiretell, and the tools that people use today, as they use them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISCARD_PORT = 9995
"""Of this machine, where `bench.run` throws away what arrives."""
FIELDS = ("frame.time_epoch", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "ip.id")


@dataclass(frozen=True)
class Contender:
    """One row of the table; `command` gets a capture and a folder for what it writes."""

    name: str
    does: str
    program: str
    command: Callable[[str, str], list[str]]
    slow: bool = False
    """Measured on the first packets of the capture only; its rate is taken to hold for the rest."""

    @property
    def ours(self) -> bool:
        """Whether it is wiretell itself."""
        return self.program == "wiretell"

    def path(self) -> str | None:
        """Where the program is; None where it is not installed."""
        beside = Path(sys.executable).with_name(self.program)
        if beside.exists():
            return str(beside)
        if self.program == "dpkt":
            return sys.executable if self.version() else None
        return shutil.which(self.program, path="/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/bin")

    def version(self) -> str:
        """What it says of its version; empty where it says nothing."""
        try:
            return version(self.program)
        except PackageNotFoundError:
            pass
        for option in ("--version", "-V", "-h"):
            done = subprocess.run(
                [self.path() or self.program, option], capture_output=True, text=True, check=False
            )
            if found := re.search(r"\d+\.\d+(?:\.\d+|[a-z]\b)?", done.stdout + done.stderr):
                return found[0]
        return ""


def _wiretell(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("wiretell")), *words]


def _python(module: str) -> Callable[[str, str], list[str]]:
    return lambda capture, _: [sys.executable, "-m", module, capture]


CONTENDERS = (
    Contender(
        "wiretell, decode + track",
        "every field, flows, clock hulls, IP ID steps",
        "wiretell",
        _python("bench.decode_and_track"),
    ),
    Contender(
        "wiretell devices --csv",
        "all of it: which machine each flow is of",
        "wiretell",
        lambda capture, out: _wiretell("devices", capture, "--csv", f"{out}/devices.csv"),
    ),
    Contender(
        "wiretell flows --count",
        "flows, their totals",
        "wiretell",
        lambda capture, _: _wiretell("flows", capture, "--count"),
    ),
    Contender(
        "tcpdump -w, filter",
        "one filter, copies packets",
        "tcpdump",
        lambda capture, _: ["tcpdump", "-r", capture, "-w", "/dev/null", "tcp port 443"],
    ),
    Contender(
        "p0f",
        "SYN signatures, a flag for shared addresses",
        "p0f",
        lambda capture, out: ["p0f", "-r", capture, "-o", f"{out}/p0f.log"],
    ),
    Contender(
        "nfpcapd",
        "flows",
        "nfpcapd",
        lambda capture, out: ["nfpcapd", "-r", capture, "-w", out],
    ),
    Contender(
        "softflowd",
        "flows",
        "softflowd",
        lambda capture, out: [
            *("softflowd", "-r", capture, "-d", "-m", "1000000"),
            *("-p", f"{out}/softflowd.pid", "-c", "none"),
        ],
    ),
    Contender(
        "tcpdump -nn",
        "one line of text per packet",
        "tcpdump",
        lambda capture, _: ["tcpdump", "-nn", "-r", capture],
    ),
    Contender(
        "dpkt",
        "headers and TCP options, in Python",
        "dpkt",
        _python("bench.dpkt_loop"),
        slow=True,
    ),
    Contender(
        "tshark -T fields",
        f"{len(FIELDS)} fields per packet",
        "tshark",
        lambda capture, _: [
            *("tshark", "-n", "-r", capture, "-T", "fields"),
            *(word for field in FIELDS for word in ("-e", field)),
        ],
        slow=True,
    ),
)

EXPORTERS = (
    Contender(
        "wiretell flows --export v9",
        "flows as NetFlow v9 into a file",
        "wiretell",
        lambda capture, out: _wiretell("flows", capture, "--export", f"v9:{out}/flows", "-q"),
    ),
    Contender(
        "wiretell flows --export ipfix",
        "flows as IPFIX, both directions in one record, into a file",
        "wiretell",
        lambda capture, out: _wiretell("flows", capture, "--export", f"ipfix:{out}/flows", "-q"),
    ),
    Contender(
        "nfpcapd",
        "flows into a file of its own format",
        "nfpcapd",
        lambda capture, out: ["nfpcapd", "-r", capture, "-w", out],
    ),
    Contender(
        "softflowd",
        f"flows as NetFlow v9 to a UDP port (127.0.0.1:{DISCARD_PORT}) that throws them away",
        "softflowd",
        lambda capture, out: [
            *("softflowd", "-r", capture, "-d", "-m", "1000000", "-v", "9"),
            *("-n", f"127.0.0.1:{DISCARD_PORT}", "-p", f"{out}/softflowd.pid", "-c", "none"),
        ],
    ),
)
"""What turns a capture into flow records; compared among themselves."""
