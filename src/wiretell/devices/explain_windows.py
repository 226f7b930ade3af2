"""The rows of an address that was judged in windows: what these told, under the names of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.devices.describe import Row
from wiretell.devices.explain import Strongest, address_row, between_rows, device_rows, trust_of
from wiretell.devices.facts import Facts
from wiretell.devices.seam_doubts import Doubt, words_of
from wiretell.devices.seams import Joined
from wiretell.devices.verdict import PARTLY, SEPARATED
from wiretell.devices.windows import View
from wiretell.model.tables import EVIDENCE, MEMBERS

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Explained:
    """Rows of one address: as `explain.Rows`, the long tables as frames."""

    address: Row
    devices: list[Row]
    members: pl.DataFrame
    evidence: pl.DataFrame


def explain_windows(address: str, role: str, views: Sequence[View], joined: Joined) -> Explained:
    """Rows for one address; devices are numbered by their flows, most first."""
    judgement = joined.judgement
    homes = [
        np.where(view.belonging.group >= 0, of[np.maximum(view.belonging.group, 0)], -1)
        for view, of in zip(views, joined.machine, strict=True)
    ]
    order = _in_order(np.concatenate(homes), len(judgement.groups))
    names = {m: f"{address}#{i}" for i, m in enumerate(order, start=1)}
    facts: dict[int, Facts] = {}
    together: list[dict[str, Strongest]] = [{} for _ in judgement.groups]
    for view, of in zip(views, joined.machine, strict=True):
        for group, found in view.facts.items():
            m = int(of[group])
            facts[m] = facts[m] + found if m in facts else found
            for signal, link in view.together[group].items():
                known = together[m].get(signal)
                together[m][signal] = link if known is None else known + link
    row = address_row(address, role, reduce(add, (view.volume for view in views)), judgement, names)
    shared = views[0].window.end - views[1].window.begin
    words = (
        f"judged in {len(views)} windows of time: machines of two neighbours are one where they"
        f" have the same of the {shared:,} flows that both judged, or counters and clocks go on"
    )
    doubts = _by_machine(joined.doubts, names)
    reasons = row["reasons"]
    assert isinstance(reasons, list)
    if row["verdict"] == SEPARATED and doubts:
        row = row | {"verdict": PARTLY}
        reasons = [_doubtful(doubts, names), *reasons[1:]]
    rows = device_rows(address, judgement, names, facts, together)
    return Explained(
        row | {"reasons": [*reasons, words]},
        [
            _told(told, words_of(doubts.get(m, ()), names))
            for m, told in zip(names, rows, strict=True)
        ],
        _members(address, views, homes, joined.sure, names, trust_of(judgement)),
        _evidence(address, views, joined, names),
    )


def _by_machine(doubts: Sequence[Doubt], names: Mapping[int, str]) -> dict[int, list[Doubt]]:
    found: dict[int, list[Doubt]] = {}
    for doubt in doubts:
        if doubt.machine in names:
            found.setdefault(doubt.machine, []).append(doubt)
    return found


def _doubtful(doubts: Mapping[int, Sequence[Doubt]], names: Mapping[int, str]) -> str:
    """Why machines that every window tells apart are not called separated."""
    first = next(names[m] for m in names if m in doubts)
    return (
        f"{len(names)} are told apart within windows of time; the place of {len(doubts)} of them"
        f" from one window to the next is not sure (first: {first})"
    )


def _told(row: Row, more: Sequence[str]) -> Row:
    """A device's row with further reasons."""
    reasons = row["reasons"]
    assert isinstance(reasons, list)
    return row | {"reasons": [*reasons, *more]}


def _in_order(home: IntArray, n_machines: int) -> list[int]:
    """Machines in order of their flows, most first, then of their first flow."""
    size = np.bincount(home[home >= 0], minlength=n_machines)
    first = np.full(n_machines, len(home))
    np.minimum.at(first, home[home >= 0], np.flatnonzero(home >= 0))
    ordered: list[int] = np.lexsort((first, -size))[: np.count_nonzero(size)].tolist()
    return ordered


def _members(
    address: str,
    views: Sequence[View],
    homes: Sequence[IntArray],
    sure: Sequence[FloatArray],
    names: dict[int, str],
    trust: FloatArray,
) -> pl.DataFrame:
    """MEMBERS of the sides that count, in order of time."""
    # An index of -1 finds what is last: no name, and no trust.
    known = pl.Series([names.get(m) for m in range(len(trust))], dtype=pl.String)
    frames = [
        view.flows.with_columns(
            address=pl.lit(address),
            device=known.gather(np.where(home < 0, len(trust) - 1, home)),
            confidence=pl.Series(view.belonging.share * trust[home] * of[view.belonging.group]),
            chain=pl.Series(view.belonging.chain),
            reason=pl.Series(view.belonging.reason, dtype=pl.String),
        )
        for view, home, of in zip(views, homes, sure, strict=True)
    ]
    return pl.concat(frames).cast(MEMBERS.schema).select(MEMBERS.schema.names())


def _evidence(
    address: str, views: Sequence[View], joined: Joined, names: dict[int, str]
) -> pl.DataFrame:
    """EVIDENCE: between machines, then of each window its links and whom it attached."""
    schema = EVIDENCE.schema
    frames = [_frame(address, between_rows(joined.judgement, names))]
    for view, of in zip(views, joined.machine, strict=True):
        placed = [(s, a, names[int(of[g])], bits, words) for s, a, g, bits, words in view.attached]
        frames += [view.links, _frame(address, placed)]
    return pl.concat(frames).select(schema.names())


def _frame(address: str, rows: Sequence[tuple[str, str, str, float, str]]) -> pl.DataFrame:
    columns: Sequence[Sequence[object]] = list(zip(*rows, strict=True)) or [()] * 5
    told = dict(zip(("signal", "a", "b", "bits", "reason"), columns, strict=True))
    return pl.DataFrame(told | {"address": [address] * len(rows)}, EVIDENCE.schema)
