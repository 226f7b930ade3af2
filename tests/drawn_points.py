"""Points made by hand, and a report that they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from fixtures.report import make_report

from wiretell.model.points import POINTS
from wiretell.plots.cloud import Cloud
from wiretell.sources.points import PointFrames


def cloud(x: Any, y: Any, layer: Any = None, **more: Any) -> Cloud:
    """A cloud of these places; layer 0 where none is given."""
    n = len(x)
    return Cloud(
        np.asarray(x, np.int64),
        np.asarray(y),
        np.zeros(n, np.uint32),
        np.asarray(np.zeros(n) if layer is None else layer, np.uint8),
        **more,
    )


def random_cloud(seed: int, n: int, n_layers: int = 3) -> Cloud:
    """Places at random, in order of x."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.integers(0, 10_000_000, n)) + 1_790_000_000_000_000_000
    return cloud(x, rng.integers(0, 65536, n).astype(np.uint16), rng.integers(0, n_layers, n))


def points_of_samples() -> PointFrames:
    """Two packets for each flow side of the report made by hand, every column filled."""
    flows = make_report().flows
    rows = [
        {
            "packet": 4 * number + 2 * side + place + 1,
            "time_ns": flow["first_ns"] + place * 1_000_000 + side * 500_000,
            "flow_id": flow["flow_id"],
            "side": side,
            "wire_len": 60 + 100 * place,
            "payload_len": 100 * place,
            "ttl": 63 if side == 0 else 57,
            "ipid": (number * 7 + place) % 65536,
            "tsval": 1000 * number + place if number % 2 else None,
            "sport": flow["orig_p"] if side == 0 else flow["resp_p"],
            "dport": flow["resp_p"] if side == 0 else flow["orig_p"],
            "flags": 0x02 if place == 0 else 0x10,
            "isn": number if place == 0 else None,
            "window_bytes": 65_535,
            "rtt_ns": 2_000_000 if place else None,
        }
        for number, flow in enumerate(flows.sort("flow_id").iter_rows(named=True))
        for side in (0, 1)
        for place in (0, 1)
    ]
    return PointFrames(
        [pl.DataFrame(rows, schema=POINTS.schema).sort("time_ns", maintain_order=True)]
    )
