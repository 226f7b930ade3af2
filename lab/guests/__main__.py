"""`python -m lab.guests SCENARIO.toml -o OUTDIR`"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

from lab.guests.processes import CommandError
from lab.guests.record import UnavailableError, default_cache, record
from lab.guests.scenario import NAT_PORTS, ROUTED, ScenarioError, read
from lab.guests.truth import TruthError

SKIPPED = 77
"""Exit code of a recording that this computer cannot make, as test harnesses use it."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.guests", description=__doc__)
    parser.add_argument("scenario", type=Path, metavar="SCENARIO.toml")
    parser.add_argument("-o", "--out-dir", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_cache(), help="kernels and programs")
    parser.add_argument(
        "--nat-ports", choices=(*NAT_PORTS, ROUTED), help="how the NAT draws source ports, or none"
    )
    parser.add_argument("--seconds", type=float, help="instead of the scenario's: to rehearse it")
    parser.add_argument("--work", type=Path, help="keep plans, logs and the inside capture here")
    options = parser.parse_args(arguments)
    # An ended recording still takes its network and processes down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        scenario = read(options.scenario, nat_ports=options.nat_ports, duration_s=options.seconds)
        with _work(options.work) as work:
            made = record(scenario, options.out_dir, cache=options.cache, work=Path(work), say=_say)
    except UnavailableError as reason:
        _say(f"skipped: {reason}")
        return SKIPPED
    except (ScenarioError, CommandError, TruthError, OSError) as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    _say(
        f"{made.capture}: {made.n_flows} flows of {made.n_machines} machines,"
        f" {made.n_dropped} packets dropped by the captures"
    )
    return 0


def _work(kept: Path | None) -> contextlib.AbstractContextManager[Path | str]:
    if kept:
        return contextlib.nullcontext(kept)
    return tempfile.TemporaryDirectory(prefix="wiretell-lab-")


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
