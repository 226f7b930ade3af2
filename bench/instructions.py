"""Instructions that the core executes for a packet: a slow-down is seen without timing.

Counted by callgrind (valgrind) while a small generated capture is read, decoded and tracked in one
thread. The figure hardly depends on the machine and not on what else runs there; caches and
branches it leaves out. `python -m bench.instructions` prints it beside the stored one,
`--renew` stores it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from bench.generate import HEADER_ONLY_SNAPLEN, generate
from bench.one_thread import TOTALS

N_PACKETS = 50_000
STORED = Path(__file__).parent / "results" / "instructions.toml"
PASSES = {"decode_and_count": TOTALS, "decode_and_track": "", "with_connections": "linux"}
"""What is counted, and how `bench.one_thread` is asked for it: totals of flows alone; everything
but connections; these too, under the settings of their tracker."""

_COLLECTED = re.compile(r"Collected : (\d+)")


class CountError(Exception):
    """There is no valgrind, or the core has no symbols; in words."""


def instructions_per_packet(capture: Path, ct: str) -> float:
    """Of reading, decoding and tracking `capture`, which has `N_PACKETS` packets.

    Raises CountError.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CountError("valgrind is not installed")
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            [
                *(valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/out"),
                "--toggle-collect=*__pymethod_consume__*",
                *(sys.executable, "-m", "bench.one_thread", str(capture), ct),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    found = _COLLECTED.search(told.stderr)
    if told.returncode != 0 or found is None:
        raise CountError(f"callgrind failed: {told.stderr[-500:]}")
    if found[1] == "0":
        raise CountError("the core was built without symbols")
    return int(found[1]) / N_PACKETS


def counted() -> dict[str, float]:
    """Every pass, on a capture made for it. Raises CountError."""
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "headers.pcap"
        generate(capture, N_PACKETS, HEADER_ONLY_SNAPLEN)
        return {name: instructions_per_packet(capture, ct) for name, ct in PASSES.items()}


def stored() -> Mapping[str, float]:
    """The figures that were stored last."""
    with STORED.open("rb") as file:
        figures: dict[str, float] = tomllib.load(file)["instructions_per_packet"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renew", action="store_true", help="store what is counted")
    arguments = parser.parse_args()
    now = counted()
    before = stored() if STORED.exists() else {}
    for name, figure in now.items():
        print(f"{name}: {figure:.0f} instructions a packet, stored {before.get(name, 0):.0f}")
    if arguments.renew:
        lines = [f"{name} = {figure:.0f}" for name, figure in now.items()]
        STORED.parent.mkdir(exist_ok=True)
        STORED.write_text("\n".join(["[instructions_per_packet]", *lines, ""]))


if __name__ == "__main__":
    main()
