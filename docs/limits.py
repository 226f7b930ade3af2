"""The README's section "What cannot be separated": `.venv/bin/python docs/limits.py [--measure N]`.

Renews the words from `exporters/limits.toml`. With `--measure N` also the figures: two machines of
each kind behind each kind of router are simulated for a minute and for ten, N times with held-out
seeds, and judged. `--measure 10` takes a quarter of an hour; not run by the tests.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

import wiretell
from lab.score import score
from lab.sim.draws import HELD_OUT_FROM
from lab.sim.scenario import MachineSpec, NatSpec, Scenario
from lab.sim.simulate import simulate
from lab.sim.truth import write_truth
from lab.sim.write import write_pcapng
from wiretell.exporter import Options
from wiretell.exporters import csv
from wiretell.exporters.limits import limits, markdown

README = Path(__file__).resolve().parents[1] / "README.md"
ROUTERS = {
    "keeps ports": NatSpec(),
    "draws ports": NatSpec(ports="random"),
    "renews IP IDs and timestamps too": NatSpec(
        ports="random", randomizes_ip_id=True, modulates_timestamps=True, clears_df=True
    ),
}
MINUTES = (1, 10)
HEAD = """\
Two alike machines, a minute and ten minutes of them: how often two are found, and the median
adjusted Rand index of their TCP flows (1: all where they belong; 0: as by chance).

"""


def pair(stack: str, nat: NatSpec, minutes: int, seed: int, folder: Path) -> tuple[bool, float]:
    """Are two simulated machines found as two, and the ARI of their TCP flows."""
    scenario = Scenario((MachineSpec(stack), MachineSpec(stack)), seconds=60.0 * minutes, nat=nat)
    capture, truth, flows = (folder / name for name in ("pair.pcapng", "pair.truth.csv", "flows"))
    drawn = simulate(scenario, seed)
    write_pcapng(capture, drawn.packets, scenario.snaplen)
    write_truth(capture, drawn.truth)
    report = wiretell.analyze(capture)
    csv.write(report, flows, Options())
    (address,) = nat.public_ips
    counts = dict(report.addresses.select("address", "n_devices").iter_rows())
    return counts.get(address) == 2, score(truth, flows, frozenset({"tcp"})).ari


def cell(stack: str, nat: NatSpec, minutes: int, n: int) -> str:
    """`9/10, 0.98` of `n` held-out seeds."""
    with tempfile.TemporaryDirectory() as name:
        seeds = range(HELD_OUT_FROM, HELD_OUT_FROM + n)
        found = [pair(stack, nat, minutes, seed, Path(name)) for seed in seeds]
    ari = float(np.median([ari for _, ari in found]))
    return f"{sum(two for two, _ in found)}/{n}, {ari:.2f}"


def measured(n: int) -> str:
    """The table of figures, with `n` draws in each cell."""
    heads = [f"{router}, {minutes} min" for router in ROUTERS for minutes in MINUTES]
    lines = [f"| two alike machines of | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for kind in limits().kinds:
        cells = [cell(kind.stack, nat, m, n) for nat in ROUTERS.values() for m in MINUTES]
        lines.append(f"| {kind.machines} (`{kind.stack}`) | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr, flush=True)
    last = HELD_OUT_FROM + n - 1
    return f"{HEAD}{chr(10).join(lines)}\n\nSimulated; seeds {HELD_OUT_FROM} to {last}."


def renewed(text: str, name: str, content: str) -> str:
    """`text` with the block between the marks of `name` replaced; ValueError without them."""
    block = re.compile(rf"<!-- {name} -->.*<!-- end of {name} -->", re.DOTALL)
    new = f"<!-- {name} -->\n{content}\n<!-- end of {name} -->"
    found, n = block.subn(lambda _: new, text)
    if n != 1:
        raise ValueError(f"{n} blocks {name!r} between marks")
    return found


def main() -> int:
    """Renews the words, and the figures where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--measure", type=int, metavar="N", help="draws in each cell")
    n = parser.parse_args().measure
    figures = measured(n) if n else None
    text = renewed(README.read_text(encoding="utf-8"), "limits", markdown())
    if figures is not None:
        text = renewed(text, "limits measured", figures)
    README.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
