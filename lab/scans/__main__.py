"""`python -m lab.scans [NAME...] -o OUTDIR`: records the scans of scenarios.toml, or some.

Prints a row per capture: what is true and what wiretell finds (the tables of docs/scans.md).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from lab.guests.build import lwip_machine
from lab.guests.processes import CommandError
from lab.guests.record import default_cache
from lab.scans.judged import judged
from lab.scans.record import laboratory, lacks, record
from lab.scans.scenario import scenarios

SKIPPED = 77
"""Exit code of a recording that this computer cannot make, as test harnesses use it."""


def main(arguments: list[str] | None = None) -> int:
    known = scenarios()
    parser = argparse.ArgumentParser(prog="python -m lab.scans", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("-o", "--out-dir", type=Path, required=True)
    parser.add_argument("--lwip", action="store_true", help="the zombie is lwIP, not our own")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    if missing := lacks():
        print(f"skipped: needs {', '.join(missing)}", file=sys.stderr)
        return SKIPPED
    chosen = [known[name] for name in options.names or known]
    try:
        lwip = lwip_machine(default_cache(), timestamps=False) if options.lwip else None
        for lan in (False, True):
            own = [scenario for scenario in chosen if scenario.lan == lan]
            if not own:
                continue
            with (
                tempfile.TemporaryDirectory(prefix="wiretell-lab-") as work,
                laboratory(Path(work), lan=lan, lwip=lwip) as lab,
            ):
                for scenario in own:
                    made = record(scenario, lab, options.out_dir)
                    print(made.truth, file=sys.stderr)
                    for line in judged(scenario, made):
                        print(line)
    except (CommandError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
