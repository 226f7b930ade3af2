"""Guests whose clocks were set are probed from outside: what comes out beside what was set.

`python -m lab.guests.probed -o OUTDIR` builds the network of `scenarios/probed.toml`, runs
`wiretell probe` by ICMP and by TCP at once against all of its machines for five minutes, and
prints a table. The captures of both sides of the router are kept, so that it can be seen what was
sent.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.guests.namespaces import Network
from lab.guests.processes import CommandError, Processes
from lab.guests.record import UnavailableError, default_cache, record
from lab.guests.scenario import Scenario, read

SCENARIO = Path(__file__).parent / "scenarios" / "probed.toml"
METHODS = ("icmp", "tcp")
BOOT_S = 15.0
"""Guests are up by then; the rest of the scenario's time is for probing."""
SKIPPED = 77


@dataclass(frozen=True)
class Result:
    """One machine, asked in one way. `error_ppm` is measured less set; None: no rate."""

    name: str
    method: str
    set_ppm: float
    skew_ppm: float | None
    interval_ppm: float | None
    certain: bool | None
    seconds: float
    n_packets: int
    stopped: str

    @property
    def error_ppm(self) -> float | None:
        return None if self.skew_ppm is None else self.skew_ppm - self.set_ppm


def results(scenario: Scenario, documents: Sequence[tuple[str, str]]) -> list[Result]:
    """What `wiretell probe --json` wrote, by method, beside what the scenario set."""
    found = []
    machines = {machine.ip: machine for machine in scenario.machines}
    for method, text in documents:
        document = json.loads(text)
        for clock, probe in zip(document["clocks"], document["probes"], strict=True):
            machine = machines[clock["address"]]
            error = clock.get("skew_se_ppm")
            found.append(
                Result(
                    machine.name,
                    method,
                    machine.skew_ppm,
                    clock.get("skew_ppm"),
                    None if error is None else 2 * error,
                    _is_within(machine.skew_ppm, probe),
                    probe["probed_s"],
                    probe["n_packets_sent"],
                    probe["stopped"],
                )
            )
    return found


def _is_within(set_ppm: float, probe: dict[str, float]) -> bool | None:
    low, high = probe.get("certain_low_ppm"), probe.get("certain_high_ppm")
    return None if low is None or high is None else low <= set_ppm <= high


def table(found: Sequence[Result]) -> str:
    """Text, a line per result."""
    head = "machine  method  set ppm  measured        error  certain  seconds  packets  ended"
    lines = [head]
    for each in found:
        skew = "none" if each.skew_ppm is None else f"{each.skew_ppm:+.2f} ±{each.interval_ppm:.2f}"
        error = "" if each.error_ppm is None else f"{each.error_ppm:+.2f}"
        certain = {True: "holds", False: "FAILS", None: ""}[each.certain]
        lines.append(
            f"{each.name:<8} {each.method:<6} {each.set_ppm:>8g}  {skew:<14} {error:>6}"
            f"  {certain:<7} {each.seconds:>8.0f} {each.n_packets:>8}  {each.stopped}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.guests.probed", description=__doc__)
    parser.add_argument("-o", "--out-dir", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--precision", type=float, default=1.0, help="ppm, at which probing ends")
    parser.add_argument("--rate", type=float, default=4.0, help="requests per second")
    options = parser.parse_args(arguments)
    scenario = read(SCENARIO)
    work = options.out_dir / "work"

    def probe(net: Network, processes: Processes) -> None:
        time.sleep(BOOT_S)
        for method in METHODS:
            left_s = scenario.duration_s - BOOT_S - 30.0
            words = [sys.executable, "-m", "wiretell", "probe", "--i-may-probe", "--method", method,
                     "--for", f"{min(left_s, 300.0):g}", "--precision", f"{options.precision:g}",
                     "--rate", f"{options.rate:g}", f"--json={work / method}.json",
                     *(["--port", "80"] if method == "tcp" else []),
                     *(machine.ip for machine in scenario.machines)]  # fmt: skip
            processes.start(f"probe_{method}", net.inside(net.server, *words), dict(os.environ))

    try:
        record(scenario, options.out_dir, cache=options.cache, work=work, say=_say, also=probe)
        documents = [(method, (work / f"{method}.json").read_text()) for method in METHODS]
    except UnavailableError as reason:
        _say(f"skipped: {reason}")
        return SKIPPED
    except (CommandError, OSError) as error:
        _say(f"error: {error}")
        return 1
    found = results(scenario, documents)
    print(table(found))
    return 0


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
