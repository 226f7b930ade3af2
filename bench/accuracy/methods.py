"""The methods that are compared, by name; ours is first."""

from __future__ import annotations

import time
from functools import partial

from bench.accuracy.answers import Answer, Count, Material, Method
from bench.accuracy.pairs import pair_reliability
from bench.accuracy.regimes import rates, regimes
from lab.baselines import BASELINES, Baseline
from lab.score.flows import most_named


def wiretell_answer(of: Material) -> Answer:
    """What the report says."""
    members = of.places.join(of.report.members, on=["flow_id", "side", "address"], how="left")
    columns = members.select("place", "device", "confidence")
    said = [row for row in columns.iter_rows() if row[1] is not None]
    devices = most_named(len(of.drawn.flows.flows), [(place, name) for place, name, _ in said])
    sure = {(place, name): confidence for place, name, confidence in said}
    counts = {
        row["address"]: Count(
            row["n_devices"] or 0,
            row["low"] or 0,
            row["high"] or 0,
            row["verdict"],
            tuple(row["count_probabilities"] or ()),
        )
        for row in of.report.addresses.iter_rows(named=True)
    }
    return Answer(
        counts={address: counts.get(address, Count(0, 0, 0)) for address in of.addresses},
        devices=devices,
        confidences=[
            0.0 if name is None else sure[place, name] for place, name in enumerate(devices)
        ],
        seconds=of.seconds,
        rates=rates(of, devices),
        regimes=regimes(of, devices),
        pairs=pair_reliability(of),
    )


def baseline_answer(baseline: Baseline, of: Material) -> Answer:
    """What a published method says; it is timed without the decoding that it shares with us."""
    lines = of.lines
    start = time.process_time()
    counted = {address: baseline(lines[address]) for address in of.addresses}
    seconds = time.process_time() - start
    votes = [
        (place, f"{address}#{counted[address].machine[flow_id]}")
        for flow_id, address, place in of.places.select("flow_id", "address", "place").iter_rows()
        if flow_id in counted[address].machine
    ]
    devices = most_named(len(of.drawn.flows.flows), votes)
    return Answer(
        counts={address: Count(x.count, x.count, x.count) for address, x in counted.items()},
        devices=devices,
        confidences=[0.0 if name is None else 1.0 for name in devices],
        seconds=seconds,
    )


METHODS: dict[str, Method] = {
    "wiretell": wiretell_answer,
    **{name: partial(baseline_answer, baseline) for name, baseline in BASELINES.items()},
}
