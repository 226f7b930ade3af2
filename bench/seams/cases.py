"""What is judged: tables of many machines, and simulated lines of some ten thousand flows."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.flow_tables import Made, make
from lab.score import TrueFlows, read_truth
from lab.score.flows import flow_key
from lab.sim.draws import draw
from lab.sim.simulate import simulate
from lab.sim.truth import write_truth
from lab.sim.write import write_pcapng
from wiretell._core import Reader, Tracker
from wiretell.devices.windows import Cut
from wiretell.signals import ALL

IntArray = NDArray[np.int64]

MACHINES = (2, 100)
"""Machines of generated tables, uniform in the logarithm."""
TABLE_FLOWS = (16_000, 20_000)
TABLE_CUT = Cut(most=3_000, window=3_000, shared=300)
LINES = ("T1", "T3", "T4")
"""Rows of `lab/sim/rows.toml` in turns, made longer and busier."""
LINE_S, LINE_PACE = 1200.0, 2.5
LINE_CUT = (2_000, 3_000)
"""Sides of a window of a simulated line, uniform in the logarithm; a tenth of them is shared."""
WHOLE = Cut(most=10**9)


@dataclass(frozen=True)
class Case:
    """One address: its tables, the machine of each row of `flows` (-1: not known), its windows."""

    kind: str
    seed: int
    flows: pl.DataFrame
    observations: pl.DataFrame
    machine: IntArray
    cut: Cut

    @property
    def address(self) -> str:
        """The address that most flows come from."""
        return str(self.flows["orig_h"].mode().sort()[0])


def table_case(seed: int) -> Case:
    """Tables of `bench.flow_tables`: usual stacks, all machines equally busy."""
    rng = np.random.default_rng([seed, 1])
    low, high = np.log(MACHINES)
    n_machines = round(float(np.exp(rng.uniform(low, high))))
    made: Made = make(int(rng.integers(*TABLE_FLOWS)), n_machines, 1, seed)
    return Case("tables", seed, made.flows, made.observations, made.machine, TABLE_CUT)


def line_case(seed: int) -> Case:
    """A simulated line, tracked as a capture is."""
    rng = np.random.default_rng([seed, 2])
    size = round(float(np.exp(rng.uniform(*np.log(LINE_CUT)))))
    scenario = draw(LINES[seed % len(LINES)], seed)
    longer = replace(scenario, seconds=LINE_S, pace=LINE_PACE * scenario.pace)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "line.pcapng"
        capture = simulate(longer, seed)
        write_pcapng(path, capture.packets)
        truth, _ = write_truth(path, capture.truth)
        flows, said = _tracked(path)
        machine = _owners(flows, read_truth(truth))
    return Case("lines", seed, flows, said, machine, Cut(size, size, size // 10))


KINDS = {"tables": table_case, "lines": line_case}


def _tracked(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """FLOWS and OBSERVATIONS of a capture."""
    reader, tracker = Reader([str(path)]), Tracker()
    parts: list[pl.DataFrame] = []
    more = True
    while more:
        more = bool(tracker.consume(reader, 1 << 18))
        if not more:
            tracker.finish()
        if (batch := tracker.drain_flows()) is not None:
            parts.append(pl.DataFrame(batch))
    flows = pl.concat(parts).sort("flow_id")
    said = pl.concat(signal.extract(flows) for signal in ALL if signal.extract is not None)
    return flows.drop("orig_payload", "resp_payload", strict=False), said


def _owners(flows: pl.DataFrame, truth: TrueFlows) -> IntArray:
    """Machine of each flow, -1 where the truth does not know it."""
    names: dict[str, int] = {}
    found = np.full(flows.height, -1)
    columns = ("proto", "orig_h", "orig_p", "resp_h", "resp_p", "first_ns")
    for i, row in enumerate(flows.select(columns).rows()):
        places = truth.places(flow_key(*(str(x) for x in row[:5])), row[5])
        if len(places) == 1:
            found[i] = names.setdefault(truth.flows[places[0]].device, len(names))
    return found
