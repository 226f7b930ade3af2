"""How fast plots open on very many packets: `python -m bench.plot_points FOLDER [-n PACKETS]`.

Makes a saved report with that many packets in FOLDER, unless it is there: machines behind one
address with IP ID counters of their own, timestamps, and flows of 20 to 2000 packets. Then it
measures, in a process of its own: the report opened and the first picture of the whole, then
zoom steps into it, and the most memory held. `--quantities` draws several plots, as the explorer
does.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.model.points import POINTS
from wiretell.model.report import Report
from wiretell.model.tables import (
    ADDRESSES,
    DEVICES,
    EVIDENCE,
    FLOWS,
    MEMBERS,
    OBSERVATIONS,
    SAMPLES,
)
from wiretell.plots.clock import clock_lines
from wiretell.plots.cloud import load_clouds
from wiretell.plots.columns import quantity
from wiretell.plots.grid import Window, shade
from wiretell.plots.highlight import highlight
from wiretell.plots.pyramid import Pyramid
from wiretell.plots.sides import flow_sides
from wiretell.sources.points import PointWriter
from wiretell.sources.saved import load

ADDRESS, SERVER = "203.0.113.7", "192.0.2.10"
N_MACHINES = 40
START_NS = 1_790_000_000_000_000_000
SPAN_NS = 24 * 3600 * 1_000_000_000
PACKETS_PER_FLOW = 200
BATCH = 1 << 20
WIDTH, HEIGHT = 1200, 300
ZOOMS = ((0.0, 1.0), (0.2, 0.9), (0.25, 0.6), (0.4, 0.5), (0.44, 0.45), (0.4444, 0.4446))
"""Parts of the time axis that are shown, one after the other."""


def main() -> int:
    """Makes the report and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", type=int, default=50_000_000, metavar="PACKETS")
    parser.add_argument("--highlight", default="device")
    parser.add_argument("--quantities", default="ip_id", metavar="NAME,...")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.folder, given.highlight, given.quantities.split(","))))
        return 0
    if not given.folder.exists():
        start = time.perf_counter()
        make(given.folder, given.n)
        print(f"made in {time.perf_counter() - start:.1f} s", file=sys.stderr)
    alone = [sys.executable, "-m", "bench.plot_points", "--measure", str(given.folder)]
    alone += ["--highlight", given.highlight, "--quantities", given.quantities]
    told = json.loads(subprocess.run(alone, check=True, stdout=subprocess.PIPE, text=True).stdout)
    for name, value in told.items():
        print(f"{name:28} {value}")
    return 0


def make(folder: Path, n_packets: int) -> None:
    """Saves a report with that many packets; its points are drawn with a fixed seed."""
    rng = np.random.default_rng(20)
    n_flows = max(N_MACHINES, n_packets // PACKETS_PER_FLOW)
    first_ns = START_NS + np.sort(rng.integers(0, SPAN_NS, n_flows))
    machine = rng.integers(0, N_MACHINES, n_flows)
    kept = folder.with_name(f".{folder.name}.points")
    writer = PointWriter(kept)
    for batch in _packets(rng, n_packets, first_ns, machine):
        writer.add(batch)
    report = _report(first_ns, machine, writer.close())
    parquet.write(report, folder, Options())
    for part in kept.iterdir():
        part.unlink()
    kept.rmdir()


def measure(folder: Path, by: str, names: list[str]) -> dict[str, Any]:
    """Seconds of the first picture and of each zoom step, megabytes held at most."""
    start, start_cpu = time.perf_counter(), time.process_time()
    report = load(folder)
    sides = flow_sides(report)
    found = highlight([by] if by else [], sides)
    asked = [quantity(name) for name in names]
    made = any(each.of == "made" for each in asked)
    assert report.points is not None
    clouds = load_clouds(
        report.points,
        sides,
        asked,
        found.layers,
        clocks=clock_lines(report, sides) if made else None,
    )
    colors = [(0, 0, number) for number in range(len(found.shown))]
    views = [Pyramid(cloud, len(found.shown), WIDTH, HEIGHT) for cloud in clouds]
    times: list[float] = []
    cpu: list[float] = []
    preparing = 0.0
    x0, x1 = int(clouds[0].x[0]), int(clouds[0].x[-1]) + 1
    n_drawn: list[int] = []
    for low, high in ZOOMS:
        n_drawn.append(0)
        for each in views:
            whole = each.whole
            ends = (x0 + int(low * (x1 - x0)), x0 + int(high * (x1 - x0)))
            counts = each.count(Window(*ends, whole.y0, whole.y1), WIDTH, HEIGHT)
            shade(counts, colors)
            n_drawn[-1] += int(counts.sum())
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
        if len(times) == 1:
            start = time.perf_counter()
            for each in views:
                each.prepare()
            preparing = time.perf_counter() - start
        start, start_cpu = time.perf_counter(), time.process_time()
    return {
        "packets": report.points.n_rows,
        "first picture, s": round(times[0], 2),
        "of the processor, s": round(cpu[0], 2),
        "prepared in, s": round(preparing, 2),
        "zoom steps, s": [round(each, 2) for each in times[1:]],
        "of the processor each, s": [round(each, 2) for each in cpu[1:]],
        "points in them": n_drawn,
        "most memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _packets(
    rng: np.random.Generator, n_packets: int, first_ns: np.ndarray[Any, Any], machine: Any
) -> Iterator[pl.DataFrame]:
    """Batches of points: each packet of a flow that began lately; counters of its machine."""
    n_flows = len(first_ns)
    counter = rng.integers(0, 65536, N_MACHINES)
    for done in range(0, n_packets, BATCH):
        n = min(BATCH, n_packets - done)
        place = (done + np.arange(n)) / n_packets
        flow = np.maximum((place * n_flows - rng.exponential(400, n)).astype(np.int64), 0)
        time_ns = START_NS + (place * SPAN_NS).astype(np.int64)
        own = machine[flow]
        ipid = np.empty(n, np.int64)
        for number in range(N_MACHINES):
            mine = np.flatnonzero(own == number)
            steps = np.cumsum(rng.integers(1, 3, len(mine)))
            # A day of a machine wraps its counter a few times; some draw numbers at random.
            slow = counter[number] + steps // (1 + number)
            ipid[mine] = slow if number % 8 else rng.integers(0, 65536, len(mine))
            counter[number] = slow[-1] if len(mine) else counter[number]
        hz = 1000 if len(own) else 1
        tsval = (own * 90_000_000 + (time_ns - START_NS) // (1_000_000_000 // hz)) % 2**32
        yield pl.DataFrame(
            {
                "packet": np.arange(done + 1, done + n + 1, dtype=np.uint64),
                "time_ns": time_ns,
                "flow_id": flow.astype(np.uint64),
                "side": np.zeros(n, np.uint8),
                "wire_len": rng.integers(60, 1500, n, dtype=np.uint32),
                "payload_len": rng.integers(0, 1400, n, dtype=np.uint32),
                "ttl": np.full(n, 63, np.uint8),
                "ipid": (ipid % 65536).astype(np.uint16),
                "tsval": tsval.astype(np.uint32),
                "sport": (1024 + flow % 60_000).astype(np.uint16),
                "dport": np.full(n, 443, np.uint16),
                "flags": np.full(n, 16, np.uint16),
                "isn": pl.repeat(None, n, dtype=pl.UInt32, eager=True),
                "window_bytes": np.full(n, 64_000, np.uint32),
                "rtt_ns": pl.repeat(None, n, dtype=pl.Int64, eager=True),
            },
            schema=POINTS.schema,
        )


def _report(first_ns: Any, machine: Any, points: Any) -> Report:
    n = len(first_ns)
    flow_id = np.arange(n, dtype=np.uint64)
    names = np.array([f"{ADDRESS}#{number + 1}" for number in range(N_MACHINES)])
    zeros = np.zeros(n, np.uint32)
    flows = pl.DataFrame(
        {
            "flow_id": flow_id,
            "proto": np.full(n, 6, np.uint8),
            "orig_h": np.full(n, ADDRESS),
            "orig_p": (1024 + flow_id % 60_000).astype(np.uint16),
            "resp_h": np.full(n, SERVER),
            "resp_p": np.full(n, 443, np.uint16),
            "first_ns": first_ns,
            "orig_pkts": np.full(n, PACKETS_PER_FLOW, np.uint64),
            "orig_ts_first": (machine * 90_000_000 + (first_ns - START_NS) // 1_000_000) % 2**32,
            "orig_ts_first_ns": first_ns,
            "orig_ts_last_ns": first_ns,
            **{f"{side}_ts_{name}": zeros for side in ("orig", "resp") for name in ("n", "sum_x")},
        }
    )
    devices = pl.DataFrame(
        {
            "device": names,
            "address": np.full(N_MACHINES, ADDRESS),
            "clock_hz": np.full(N_MACHINES, 1000.0),
            "skew_ppm": np.zeros(N_MACHINES),
        }
    )
    agents = np.array([f"Agent/{number}" for number in range(N_MACHINES)])
    side = np.zeros(n, np.uint8)
    said = {"flow_id": flow_id, "side": side, "quantity": np.full(n, "user_agent")}
    observations = pl.DataFrame(said | {"text": agents[machine]})
    members = pl.DataFrame({"flow_id": flow_id, "side": side, "device": names[machine]})
    return Report(
        flows=_full(flows, FLOWS.schema),
        samples=SAMPLES.empty(),
        observations=_full(observations, OBSERVATIONS.schema),
        evidence=EVIDENCE.empty(),
        addresses=ADDRESSES.empty(),
        devices=_full(devices, DEVICES.schema),
        members=_full(members, MEMBERS.schema),
        provenance={"files": [], "counters": {}, "damage": []},
        points=points,
    )


def _full(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return frame.select(
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
    )


if __name__ == "__main__":
    raise SystemExit(main())
