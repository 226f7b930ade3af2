"""How often who is behind a scan is named: simulated scans with everything drawn.

`python -m lab.scans.draws [N]` prints rows of Markdown: N scans of each sort (default 200), how
many were told to be what they are with the right machine named, the machine left undecided, not
found, or put wrongly.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.scans import simulate
from lab.scans.simulate import Host
from lab.sim.write import CapturedPacket, write_pcap
from wiretell.findings.scans.finding import Finding
from wiretell.pipeline import survey_scans

RIGHT, UNDECIDED, MISSED, WRONG = "right", "undecided", "missed", "wrong"
OUTCOMES = (RIGHT, UNDECIDED, MISSED, WRONG)
SCANNER, ZOMBIE, TARGET = "203.0.113.77", "192.0.2.9", "198.51.100.10"

Draw = tuple[list[CapturedPacket], Callable[[tuple[Finding, ...]], str]]


def _ports(rng: random.Random) -> list[int]:
    return rng.sample(range(1, 10_000), rng.choice([5, 10, 30, 100, 300]))


def _hosts(rng: random.Random, ports: list[int]) -> tuple[Host, Host]:
    opened = frozenset(rng.sample(ports, min(len(ports), rng.choice([0, 1, 2, 3, 5]))))
    return Host(SCANNER, rng.randrange(1, 20)), Host(TARGET, 0, open_ports=opened)


def idle(place: str, seed: int) -> Draw:
    """An idle scan from drawn distances, of drawn ports, with or without nmap's test."""
    rng = random.Random(f"idle/{place}/{seed}")
    ports = _ports(rng)
    scanner, target = _hosts(rng, ports)
    zombie = Host(ZOMBIE, rng.randrange(1, 20), rng.choice([64, 128, 255]), "global")
    zombie.next_id = rng.randrange(65536)
    tests = rng.choice([0, 4])
    packets = simulate.idle(seed, scanner, zombie, target, ports, place, tests=tests)
    return packets, lambda found: _named(found, "idle_scan", ZOMBIE)


def plain(seed: int) -> Draw:
    """A SYN scan by a machine that counts: what an idle scan must not be taken for."""
    rng = random.Random(f"plain/{seed}")
    ports = _ports(rng)
    scanner, target = _hosts(rng, ports)
    scanner.counter = "global"
    packets = simulate.scan(seed, "syn", scanner, target, ports)
    return packets, lambda found: _named(found, "port_scan", SCANNER)


def decoys(kind: str, seed: int) -> Draw:
    """Two to twelve names, some of living machines at drawn distances."""
    rng = random.Random(f"decoys/{kind}/{seed}")
    ports = _ports(rng)
    scanner, target = _hosts(rng, ports)
    others = [Host(f"192.0.2.{n}", rng.randrange(1, 20)) for n in range(1, rng.randrange(2, 13))]
    alive = [host for host in others if rng.random() < 0.4]
    names = [*others, scanner]
    rng.shuffle(names)
    packets = simulate.decoys(seed, kind, scanner, names, target, ports, alive=alive)
    return packets, lambda found: _named(found, "decoy_scan", None, {h.address for h in names})


def _named(
    found: tuple[Finding, ...], kind: str, zombie: str | None, names: set[str] | None = None
) -> str:
    own = [each for each in found if each.kind == kind]
    if len(own) != 1:
        return WRONG if any(each.kind != "port_scan" for each in found) else MISSED
    (each,) = own
    if kind == "idle_scan" and (each.zombie != zombie or each.targets != (TARGET,)):
        return WRONG
    if names is not None and set(each.sources) != names:
        return WRONG
    if each.scanner is None:
        return UNDECIDED
    return RIGHT if each.scanner == SCANNER else WRONG


SORTS: dict[str, Callable[[int], Draw]] = {
    "idle scan, seen at the target": lambda seed: idle("target", seed),
    "idle scan, seen at the zombie": lambda seed: idle("zombie", seed),
    "idle scan, seen at the scanner": lambda seed: idle("scanner", seed),
    "SYN scan by a machine that counts": plain,
    "SYN scan with decoys": lambda seed: decoys("syn", seed),
    "FIN scan with decoys": lambda seed: decoys("fin", seed),
}


def outcomes(sort: str, n: int) -> Counter[str]:
    """How `n` scans of a sort came out."""
    return Counter(_outcomes(SORTS[sort], n))


def _outcomes(draw: Callable[[int], Draw], n: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="wiretell-lab-") as folder:
        path = Path(folder) / "drawn.pcap"
        for seed in range(n):
            packets, judge = draw(seed)
            write_pcap(path, packets)
            yield judge(survey_scans(path).likely)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for name in SORTS:
        counted = outcomes(name, number)
        print(f"| {name} | {' | '.join(str(counted[each]) for each in OUTCOMES)} |", flush=True)
