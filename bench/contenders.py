"""What is measured: wiretell, and the tools that people use today, as they use them.

`python -m bench.contenders` prints the Debian packages that have them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISCARD_PORT = 9995
"""Of this machine, where `bench.run` throws away what arrives."""
PEERS = Path(__file__).parent / "data" / "peers"
"""An environment of its own for Python programs that are compared and never imported."""
N_PACKETS_SLOW = 300_000
FIELDS = ("frame.time_epoch", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "ip.id")


@dataclass(frozen=True)
class Contender:
    """One row of the table; `command` gets a capture and a folder for what it writes."""

    name: str
    does: str
    program: str
    command: Callable[[str, str], list[str]]
    at_most: int | None = None
    """Measured on so many packets at most; its rate is taken to hold for the rest."""
    package: str | None = None
    """The Debian package that has it; None: installed by `make`."""

    @property
    def ours(self) -> bool:
        """Whether it is wiretell itself."""
        return self.program == "wiretell"

    def path(self) -> str | None:
        """Where the program is; None where it is not installed."""
        beside = Path(sys.executable).with_name(self.program)
        if beside.exists():
            return str(beside)
        if self.package is None:
            return _python_of(self.program)
        return shutil.which(self.program, path="/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/bin")

    def version(self) -> str:
        """What it says of its version; empty where it says nothing."""
        with suppress(PackageNotFoundError):
            return version(self.program)
        if self.package is None:
            return _library_version(self.program)
        for option in ("--version", "-V", "-version", "-h"):
            done = subprocess.run(
                [self.path() or self.program, option], capture_output=True, text=True, check=False
            )
            if found := re.search(r"\d+\.\d+(?:\.\d+)*(?:[a-z]\b)?", done.stdout + done.stderr):
                return found[0]
        return ""


def _python_of(library: str) -> str | None:
    """The interpreter that has a library: this one, or that of the peers."""
    with suppress(PackageNotFoundError):
        return sys.executable if version(library) else None
    return str(PEERS / "bin" / "python") if _library_version(library) else None


def _library_version(library: str) -> str:
    """Of a library in the peers' environment; empty where it is not there."""
    found = sorted(PEERS.glob(f"lib/python3*/site-packages/{library}-*.dist-info"))
    return found[0].stem.partition("-")[2] if found else ""


def _wiretell(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("wiretell")), *words]


def _python(module: str) -> Callable[[str, str], list[str]]:
    return lambda capture, _: [sys.executable, "-m", module, capture]


def _peer(library: str, script: str) -> Callable[[str, str], list[str]]:
    path = str(Path(__file__).with_name(script))
    return lambda capture, _: [_python_of(library) or sys.executable, "-P", path, capture]


CONTENDERS = (
    Contender(
        "wiretell flows --count",
        "flows and their totals: decode + track, keeping of a flow what that takes",
        "wiretell",
        lambda capture, _: _wiretell("flows", capture, "--count"),
    ),
    Contender(
        "wiretell, everything",
        "decode + track: every column, clock hulls, IP ID steps, payloads' beginnings",
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
        "tcpdump -w, filter",
        "one filter, copies packets",
        "tcpdump",
        lambda capture, _: ["tcpdump", "-r", capture, "-w", "/dev/null", "tcp port 443"],
        package="tcpdump",
    ),
    Contender(
        "p0f",
        "SYN signatures, a flag for shared addresses",
        "p0f",
        lambda capture, out: ["p0f", "-r", capture, "-o", f"{out}/p0f.log"],
        package="p0f",
    ),
    Contender(
        "nfpcapd",
        "flows",
        "nfpcapd",
        lambda capture, out: ["nfpcapd", "-r", capture, "-w", out],
        package="nfdump",
    ),
    Contender(
        "softflowd",
        "flows",
        "softflowd",
        lambda capture, out: [
            *("softflowd", "-r", capture, "-d", "-m", "1000000"),
            *("-p", f"{out}/softflowd.pid", "-c", "none"),
        ],
        package="softflowd",
    ),
    Contender(
        "argus",
        "flows with their statistics",
        "argus",
        lambda capture, _: ["argus", "-X", "-r", capture, "-w", "-"],
        package="argus-server",
    ),
    Contender(
        "tcptrace",
        "TCP connections, a line for each",
        "tcptrace",
        lambda capture, _: ["tcptrace", "-n", capture],
        package="tcptrace",
    ),
    Contender(
        "tcpflow",
        "what each TCP connection carried, a file for each",
        "tcpflow",
        lambda capture, out: ["tcpflow", "-r", capture, "-o", out],
        at_most=N_PACKETS_SLOW,
        package="tcpflow",
    ),
    Contender(
        "nfstream",
        "flows with their statistics, in C and Python; no protocols dissected",
        "nfstream",
        _peer("nfstream", "nfstream_loop.py"),
    ),
    Contender(
        "tcpdump -nn",
        "one line of text per packet",
        "tcpdump",
        lambda capture, _: ["tcpdump", "-nn", "-r", capture],
        package="tcpdump",
    ),
    Contender(
        "dpkt",
        "headers and TCP options, in Python",
        "dpkt",
        _peer("dpkt", "dpkt_loop.py"),
        at_most=N_PACKETS_SLOW,
    ),
    Contender(
        "tshark -T fields",
        f"{len(FIELDS)} fields per packet",
        "tshark",
        lambda capture, _: [
            *("tshark", "-n", "-r", capture, "-T", "fields"),
            *(word for field in FIELDS for word in ("-e", field)),
        ],
        at_most=N_PACKETS_SLOW,
        package="tshark",
    ),
    Contender(
        "scapy",
        "every layer of every packet, in Python",
        "scapy",
        _peer("scapy", "scapy_loop.py"),
        at_most=N_PACKETS_SLOW // 10,
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
        package="nfdump",
    ),
    Contender(
        "softflowd",
        f"flows as NetFlow v9 to a UDP port (127.0.0.1:{DISCARD_PORT}) that throws them away",
        "softflowd",
        lambda capture, out: [
            *("softflowd", "-r", capture, "-d", "-m", "1000000", "-v", "9"),
            *("-n", f"127.0.0.1:{DISCARD_PORT}", "-p", f"{out}/softflowd.pid", "-c", "none"),
        ],
        package="softflowd",
    ),
)
"""What turns a capture into flow records; compared among themselves."""


def main() -> None:
    print(*sorted({each.package for each in (*CONTENDERS, *EXPORTERS) if each.package}))


if __name__ == "__main__":
    main()
