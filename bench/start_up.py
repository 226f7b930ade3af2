"""How long `wiretell --help` takes, from process start to exit: median of several runs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

N_RUNS = 15


def measure(arguments: list[str]) -> list[float]:
    """Wall-clock seconds of each run, after one run that warms the caches."""
    command = [str(Path(sys.executable).with_name("wiretell")), *arguments]
    seconds = []
    for _ in range(N_RUNS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main() -> None:
    for arguments in (["--help"], ["--version"], ["devices", "--help"]):
        seconds = measure(arguments)
        print(
            f"wiretell {' '.join(arguments):16} median {statistics.median(seconds) * 1000:.0f} ms, "
            f"slowest of {N_RUNS} {max(seconds) * 1000:.0f} ms"
        )


if __name__ == "__main__":
    main()
