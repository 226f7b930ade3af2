"""The figures of the README's section "How well": `.venv/bin/python docs/accuracy.py`.

Judges the three examples and some simulated lines, scores them against their truth, and renews
the block between the marks in README.md. Takes some two minutes; not run by the tests.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SEED = "7"
EXAMPLES = {
    "office": "three Linux machines, three devices",
    "counters": "four devices of one model",
    "single": "one Linux machine, two User-Agents",
}
SIMULATED = {
    "alike": "three Windows 10, two Macs",
    "legacy": "seven stacks of before 2018",
    "counters-only": "Windows and a printer",
    "random-ports": "seven modern machines",
    "pf": "the same, timestamps and IDs rewritten too",
    "modern-20": "twenty modern machines",
    "modern-20 --nat random": "the same, ports drawn",
}
HEAD = """\
| capture | machines | found (90 %) | ARI | ARI of TCP | flows given a machine |
|---|---|---|---|---|---|
"""


def run(module: str, *arguments: str) -> str:
    """What `python -m MODULE ARGUMENTS` prints."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def score(truth: Path, prediction: Path, proto: str) -> dict[str, Any]:
    """Scores of the flows of some protocols, by name."""
    found: dict[str, Any] = json.loads(
        run("lab.score", str(truth), str(prediction), "--proto", proto, "--json")
    )
    return found


def row(words: str, capture: Path, truth: Path, folder: Path) -> str:
    """One line of the table; the address judged is that of the truth."""
    prediction, report = folder / "flows.csv", folder / "report.json"
    outputs = ("--csv", str(prediction), "--json", str(report))
    run("wiretell", "devices", "-q", str(capture), *outputs)
    with truth.open(newline="") as file:
        nat = next(csv.DictReader(file))["nat_ip"]
    addresses = json.loads(report.read_text())["addresses"]
    judged = next(address for address in addresses if address["address"] == nat)
    every, tcp = (score(truth, prediction, proto) for proto in ("tcp,udp,icmp", "tcp"))
    count = f"{judged['n_devices']} ({judged['low']}-{judged['high']})"
    covered = judged["low"] <= every["n_true"] <= judged["high"]
    return (
        f"| {words} | {every['n_true']} | {count if covered else f'**{count}**'} "
        f"| {every['ari']:.3f} | {tcp['ari']:.3f} | {100.0 * every['coverage']:.1f} % |\n"
    )


def main() -> int:
    """Renews the table in README.md."""
    table = HEAD
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for example, words in EXAMPLES.items():
            path = ROOT / "examples" / example
            capture, truth = path.with_suffix(".pcap.zst"), path.with_suffix(".truth.csv")
            table += row(f"example `{example}`: {words}", capture, truth, folder)
        for preset, words in SIMULATED.items():
            capture = folder / "line.pcapng"
            run("lab.sim", "--preset", *preset.split(), "--seed", SEED, "-o", str(capture))
            table += row(f"`{preset}`: {words}", capture, folder / "line.truth.csv", folder)
    readme = ROOT / "README.md"
    block = f"<!-- accuracy -->\n{table}<!-- end of accuracy -->"
    text = re.sub(
        r"<!-- accuracy -->.*<!-- end of accuracy -->",
        lambda _: block,
        readme.read_text(),
        flags=re.S,
    )
    readme.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
