"""Frames of scenarios as capture files. `python -m lab.oracle.write FOLDER` writes them all."""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.oracle.scenarios import scenarios
from lab.superpose.frames import Frame

_MAGIC_NANOSECONDS, _LONGEST = 0xA1B23C4D, 262_144


def write_frames(path: Path, frames: Sequence[Frame]) -> None:
    """A nanosecond pcap of frames of one link type."""
    link_type = frames[0].link_type if frames else 101
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", _MAGIC_NANOSECONDS, 2, 4, 0, 0, _LONGEST, link_type))
        for frame in frames:
            seconds, fraction = divmod(frame.time_ns, 10**9)
            head = struct.pack("<IIII", seconds, fraction, len(frame.data), frame.n_wire_bytes)
            file.write(head + frame.data)


def main(words: list[str] | None = None) -> int:
    """Write every scenario of a seed as a capture, and a list of what they are."""
    parser = argparse.ArgumentParser(prog="python -m lab.oracle.write", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(words)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for scenario in scenarios(arguments.seed):
        write_frames(arguments.folder / f"{scenario.name}.pcap", scenario.frames)
        print(f"{scenario.name}.pcap: {len(scenario.frames)} packets, {scenario.description}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
