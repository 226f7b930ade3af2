"""Real machines of shared captures behind one address: drawn, written with their truth."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from random import Random

from lab.sim.write import write_pcapng
from lab.superpose import HostFacts, Source, pool, superpose, write_truth

ROOT = Path(__file__).resolve().parents[2]
LEAST_SYNS = 15
SECONDS = 600.0
MACHINES = 2, 10


def folder() -> Path | None:
    """Captures of one machine each, where they are: `$WIRETELL_CAPTURES`, else beside us."""
    place = Path(os.environ.get("WIRETELL_CAPTURES", ROOT.parent / "shared" / "captures"))
    own = place / "NAT-source"
    return own if own.is_dir() else None


@cache
def machines() -> tuple[HostFacts, ...]:
    """The machines to draw from, read once a process. Raises OSError where there are none."""
    place = folder()
    if place is None:
        raise FileNotFoundError("no shared captures: set WIRETELL_CAPTURES to their folder")
    found, _ = pool(place, LEAST_SYNS)
    return tuple(found)


def sources(seed: int) -> list[Source]:
    """The machines of a draw, 2 to 10. Raises OSError where there are no captures."""
    rng = Random(f"shared/{seed}")
    known = machines()
    n = min(rng.randint(*MACHINES), len(known))
    return [Source(x.capture, x.host) for x in rng.sample(known, n)]


def make(seed: int, path: Path) -> None:
    """Write the capture of a draw and its truth: ten minutes, ports kept."""
    made = superpose(sources(seed), seed, seconds=SECONDS)
    write_pcapng(path, made.packets)
    write_truth(path, made)
