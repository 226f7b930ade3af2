"""Judges cases whole and in windows, and writes the table: ``python -m bench.seams``.

Records are kept in bench/data, so that a run that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bench.seams.cases import KINDS, WHOLE, Case
from bench.seams.measure import Record, record
from bench.seams.table import table
from wiretell.devices.engine import find_devices
from wiretell.signals import ALL

RECORDS = Path(__file__).parents[1] / "data"
HELD_OUT = 10_000
"""Seeds from here on are for reports, those below to develop with."""


def judged(case: Case) -> list[Record]:
    """The case judged whole, and in its windows."""
    found: list[Record] = []
    for way, cut in (("whole", WHOLE), ("windows", case.cut)):
        begin_s = time.process_time()
        findings = find_devices(case.flows, case.observations, ALL, cut=cut)
        found.append(record(case, way, findings, time.process_time() - begin_s))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.seams", description=__doc__)
    parser.add_argument("--kinds", default="tables,lines", help="(default: %(default)s)")
    parser.add_argument("--draws", type=int, default=40, help="of each kind (default: 40)")
    parser.add_argument("--first-seed", type=int, default=HELD_OUT, help="(default: %(default)s)")
    arguments = parser.parse_args()
    path = RECORDS / f"seams-{arguments.first_seed}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = [Record(**json.loads(line)) for line in path.open()] if path.exists() else []
    done = {(each.kind, each.seed) for each in known}
    with path.open("a", encoding="utf-8") as file:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.draws):
            for kind in arguments.kinds.split(","):
                if (kind, seed) in done:
                    continue
                print(f"{kind} {seed}", file=sys.stderr)
                for each in judged(KINDS[kind](seed)):
                    known.append(each)
                    file.write(json.dumps(asdict(each)) + "\n")
                file.flush()
    print(table(known))


if __name__ == "__main__":
    main()
