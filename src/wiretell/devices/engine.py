"""Flows and observations -> devices: every address judged on its own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from wiretell.devices.assign import Evidence
from wiretell.devices.describe import Row
from wiretell.devices.explain import Columns, explain
from wiretell.devices.joint import joint_links
from wiretell.devices.judge import Judgement, judge, judge_server
from wiretell.devices.part import Every, Part, Stretch, part_of, work_of
from wiretell.devices.seam_ends import Bridge
from wiretell.devices.side_columns import SideColumns, columns_each
from wiretell.devices.sides import SERVER, Sides, connections_of, number, roles_of
from wiretell.devices.windows import USUAL, Cut, View, around, view_of
from wiretell.model.column import Table
from wiretell.model.tables import ADDRESSES, DEVICES, EVIDENCE, MEMBERS, OBSERVATIONS
from wiretell.signal import Clock, Labels, Links, Scores, Signal

FLUSH_ROWS = 20_000
"""Rows kept as Python objects before they become part of a table."""


@dataclass(frozen=True)
class Findings:
    """The tables that the engine fills; `failed` is signal name -> message."""

    observations: pl.DataFrame
    evidence: pl.DataFrame
    addresses: pl.DataFrame
    devices: pl.DataFrame
    members: pl.DataFrame
    failed: Mapping[str, str]

    @classmethod
    def empty(cls) -> Findings:
        """Nothing was found."""
        return cls(
            OBSERVATIONS.empty(),
            EVIDENCE.empty(),
            ADDRESSES.empty(),
            DEVICES.empty(),
            MEMBERS.empty(),
            {},
        )


@dataclass(frozen=True)
class Judged:
    """One address, the one at `place` in `part`: its role, what was read there, the judgement.

    `scores` is signal name -> scores.
    """

    address: str
    role: str
    part: Part
    place: int
    columns: SideColumns
    scores: Mapping[str, Scores]
    evidence: Evidence
    judgement: Judgement
    failed: Mapping[str, str] = field(default_factory=dict)
    """Signals that failed and were left out: name -> message."""
    n_left_out: int = 0
    """Sides of the address that were not judged: they are at other times."""

    @property
    def sides(self) -> pl.DataFrame:
        """Its sides with `number`."""
        return self.part.between(self.place, self.place + 1).sides

    @property
    def regimes(self) -> dict[str, Mapping[int, str]]:
        """Signal name -> side -> regime of its quantity there."""
        return {name: score.regimes for name, score in self.scores.items()}


@dataclass
class _Sink:
    """Gathers columns of a table, a part at a time: values as objects take much memory."""

    table: Table
    parts: list[pl.DataFrame] = field(default_factory=list)
    columns: dict[str, list[object]] = field(default_factory=dict)
    n_rows: int = 0

    def add(self, columns: Columns) -> None:
        for column in self.table.columns:
            self.columns.setdefault(column.name, []).extend(columns[column.name])
        self.n_rows += len(next(iter(columns.values())))
        if self.n_rows >= FLUSH_ROWS:
            self.flush()

    def add_rows(self, rows: Sequence[Row]) -> None:
        self.add({c.name: [row.get(c.name) for row in rows] for c in self.table.columns})

    def flush(self) -> None:
        if self.n_rows:
            self.parts.append(pl.DataFrame(self.columns, self.table.schema, strict=False))
            self.columns, self.n_rows = {}, 0

    def frame(self) -> pl.DataFrame:
        self.flush()
        return pl.concat(self.parts) if self.parts else self.table.empty()


@dataclass(frozen=True)
class Seen:
    """What one window told, and the observations that were made there."""

    address: str
    role: str
    is_last: bool
    view: View
    measured: pl.DataFrame
    failed: Mapping[str, str]


Work = Part | Stretch
Result = Findings | Seen
Spread = Callable[[Callable[[Work], Result], Iterable[Work]], Iterable[Result]]
"""As `map`: applies a function to each piece of work and gives the results in order."""


def find_devices(
    flows: pl.DataFrame,
    observations: pl.DataFrame,
    signals: Sequence[Signal],
    *,
    spread: Spread = map,
    cut: Cut = USUAL,
) -> Findings:
    """Which machines are behind each address that sent anything.

    `flows` as FLOWS, `observations` as OBSERVATIONS (from the signals' `extract`). A signal that
    fails is left out for that address and named in `failed`. Addresses come in the order of the
    result's tables: those that open flows first, busiest first. An address of very many flows is
    judged in windows of time, as `cut` says. `spread` may work on several addresses and windows at
    once, in other processes too: the result is the same.
    """
    found = [Findings.empty()]
    seen: list[Seen] = []
    bridges: list[Bridge] = []
    failed: dict[str, str] = {}
    work = work_of(Every(Sides(flows), observations), cut)
    with _uncollected():
        for result in spread(partial(_judge_work, tuple(signals)), work):
            if isinstance(result, Findings):
                found.append(result)
                continue
            # Seams are asked as windows come in: others are judged meanwhile.
            if seen:
                bridges.append(_bridge(signals, seen[-1], result, failed))
            seen.append(result)
            if result.is_last:
                found.append(_joined(seen, bridges))
                seen, bridges = [], []
    for part in found:
        failed |= part.failed
    return Findings(
        pl.concat([observations, *(part.observations for part in found)]),
        pl.concat([part.evidence for part in found]),
        pl.concat([part.addresses for part in found]),
        pl.concat([part.devices for part in found]),
        pl.concat([part.members for part in found]),
        failed,
    )


def _judge_work(signals: Sequence[Signal], work: Work) -> Result:
    with _uncollected():
        if isinstance(work, Stretch):
            return _judge_stretch(signals, work)
        return _judge_part(signals, work)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles meanwhile: there are none among millions of links and labels.

    It took a fifth of the time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _judge_part(signals: Sequence[Signal], part: Part) -> Findings:
    """The rows of some addresses; of observations only those that are made here."""
    failed: dict[str, str] = {}
    measured = _Sink(OBSERVATIONS)
    addresses, devices = _Sink(ADDRESSES), _Sink(DEVICES)
    members, arguments = _Sink(MEMBERS), _Sink(EVIDENCE)
    for one in _judged(part, signals, failed, history=False):
        rows = explain(one.address, one.role, one.columns, one.evidence, one.regimes, one.judgement)
        measured.add(_clock_facts(one.address, one.columns, one.evidence.clocks))
        addresses.add_rows([rows.address])
        devices.add_rows(rows.devices)
        members.add(rows.members)
        arguments.add(rows.evidence)
    return Findings(
        measured.frame(),
        arguments.frame(),
        addresses.frame(),
        devices.frame(),
        members.frame(),
        failed,
    )


def _judge_stretch(signals: Sequence[Signal], of: Stretch) -> Seen:
    """One window of an address, judged as an address of its own."""
    failed: dict[str, str] = {}
    (one,) = _judged(of.part, signals, failed, of.role, history=False)
    view = view_of(
        of.window,
        one.address,
        one.columns,
        of.part.sides,
        of.part.observations,
        one.evidence,
        one.regimes,
        connections_of(one.columns, of.role),
        one.judgement,
    )
    counting = range(of.window.own.start, of.window.own.stop)
    clocks = [clock for clock in one.evidence.clocks if clock.sides[0] in counting]
    measured = _Sink(OBSERVATIONS)
    measured.add(_clock_facts(one.address, one.columns, clocks))
    return Seen(one.address, of.role, of.is_last, view, measured.frame(), failed)


def _bridge(signals: Sequence[Signal], before: Seen, after: Seen, failed: dict[str, str]) -> Bridge:
    """What the signals say of the last flows before a seam and the first after it."""
    ends = before.view.ends[1] + after.view.ends[0]
    part = part_of(before.address, number(ends.sides), ends.observations)
    (columns,) = columns_each(part.sides, part.starts, part.observations)
    scores = _scores(part, 0, signals, before.role, {}, failed)
    return Bridge(ends.at, _evidence(columns, scores))


def _joined(seen: Sequence[Seen], bridges: Sequence[Bridge]) -> Findings:
    """The rows of an address from what its windows told, and the seams between them."""
    # Few captures have windows, and SciPy's optimizers take longer to load than a small one.
    from wiretell.devices.explain_windows import explain_windows  # noqa: PLC0415
    from wiretell.devices.seams import join  # noqa: PLC0415

    views = [each.view for each in seen]
    of = seen[0]
    failed: dict[str, str] = {}
    for each in seen:
        failed |= each.failed
    rows = explain_windows(of.address, of.role, views, join(views, bridges))
    return Findings(
        pl.concat([each.measured for each in seen]),
        rows.evidence,
        ADDRESSES.frame([rows.address]),
        DEVICES.frame(rows.devices),
        rows.members,
        failed,
    )


def judge_address(
    address: str,
    flows: pl.DataFrame,
    observations: pl.DataFrame,
    signals: Sequence[Signal],
    *,
    about: Sequence[int] = (),
    cut: Cut = USUAL,
) -> Judged:
    """What `find_devices` makes of one address, with all that led to it.

    Where it has very many flows, only the windows with the flows `about` are judged, as one.
    Raises ValueError where the address sent nothing.
    """
    every = Sides(flows)
    if address not in every.addresses:
        raise ValueError(f"{address} sent nothing")
    sides = every.rows(every.of(every.addresses.index(address)))
    own = observations.filter(pl.col("address") == address)
    near = around(sides, about, cut)
    if near.height < sides.height:
        own = own.join(near, on=["flow_id", "side"], how="semi")
    failed: dict[str, str] = {}
    (judged,) = _judged(part_of(address, number(near), own), signals, failed)
    return replace(judged, failed=failed, n_left_out=sides.height - near.height)


def _judged(
    part: Part,
    signals: Sequence[Signal],
    failed: dict[str, str],
    window_of: str | None = None,
    *,
    history: bool = True,
) -> Iterator[Judged]:
    """Each address; `window_of` is its role where these are not all of its sides.

    `history`: how its machines came about is kept, for who asks.
    """
    is_window = window_of is not None
    roles = [window_of] if window_of is not None else roles_of(part.sides, part.starts)
    together = _scores_each(part, signals, roles)
    columns_each_address = columns_each(part.sides, part.starts, part.observations)
    for i, (address, role, columns) in enumerate(
        zip(part.addresses, roles, columns_each_address, strict=True)
    ):
        known = {name: scores[i] for name, scores in together.items()}
        scores = _scores(part, i, signals, role, known, failed)
        evidence = _evidence(columns, scores)
        if role == SERVER:
            judgement = judge_server(evidence, is_window=is_window, history=history)
        else:
            connections = connections_of(columns, role)
            judgement = judge(evidence, connections, is_window=is_window, history=history)
        yield Judged(address, role, part, i, columns, scores, evidence, judgement)


def _scores_each(
    part: Part, signals: Sequence[Signal], roles: Sequence[str]
) -> dict[str, Sequence[Scores]]:
    """Signal name -> scores of each address, of signals that score them together."""
    found: dict[str, Sequence[Scores]] = {}
    for signal in signals:
        if signal.score_each is None or not (signal.of_servers or set(roles) - {SERVER}):
            continue
        # One address is why it fails: the others are scored one by one.
        with suppress(Exception):
            found[signal.name] = signal.score_each(part.sides, part.starts)
    return found


def _scores(
    part: Part,
    i: int,
    signals: Sequence[Signal],
    role: str,
    known: Mapping[str, Scores],
    failed: dict[str, str],
) -> dict[str, Scores]:
    """What the signals say of address `i`; some is `known` already."""
    scores: dict[str, Scores] = {}
    own: Part | None = None
    for signal in signals:
        if signal.score is None or (role == SERVER and not signal.of_servers):
            continue
        if signal.name in known:
            scores[signal.name] = known[signal.name]
            continue
        own = own or part.between(i, i + 1)
        try:
            scores[signal.name] = signal.score(own.sides, own.observations)
        except Exception as error:  # one signal's failure must not cost the others
            failed[signal.name] = f"{type(error).__name__}: {error}"
    return scores


def _evidence(columns: SideColumns, scores: Mapping[str, Scores]) -> Evidence:
    links = [link for s in scores.values() for link in s.links]
    steps = [steps for s in scores.values() for steps in s.steps]
    counters = [counter for s in scores.values() for counter in s.counters]
    return Evidence(
        n_sides=columns.n_sides,
        peers=columns.peer,
        services=columns.services(),
        starts=columns.start_s,
        links=Links(joint_links(links, steps, counters, columns.n_sides)),
        labels=Labels.together(s.labels for s in scores.values()),
        clocks=[clock for s in scores.values() for clock in s.clocks],
        counters=counters,
        holds=[hold for s in scores.values() for hold in s.holds],
        rules={rule.kind: rule for s in scores.values() for rule in s.rules},
    )


def _clock_facts(address: str, columns: SideColumns, clocks: Sequence[Clock]) -> Columns:
    """Observations of every clock line whose rate is known to a percent: three of each."""
    known = [clock for clock in clocks if clock.nominal_hz and clock.error_ppm < 1e4]
    n = len(known)
    first = [clock.sides[0] for clock in known]
    start_ns = columns.start_ns[first].tolist() if known else []
    facts: Columns = {
        "signal": ["tcp_timestamp"] * n,
        "address": [address] * n,
        "flow_id": [columns.flow_id[side] for side in first],
        "side": [columns.side[side] for side in first],
        "time_ns": start_ns,
    }
    three: dict[str, Sequence[object]] = {name: _thrice(values) for name, values in facts.items()}
    none: list[object] = [None] * n
    told: dict[str, tuple[Sequence[object], ...]] = {
        "quantity": (["hz"] * n, ["skew_ppm"] * n, ["offset_scope"] * n),
        "value": ([clock.hz for clock in known], [clock.skew_ppm for clock in known], none),
        "unit": (["Hz"] * n, ["ppm"] * n, none),
        "error": (
            [clock.hz * clock.error_ppm * 1e-6 for clock in known],
            [clock.error_ppm for clock in known],
            none,
        ),
        "text": (none, none, [clock.scope for clock in known]),
    }
    return three | {name: _in_turn(*values) for name, values in told.items()}


def _in_turn(*columns: Sequence[object]) -> list[object]:
    """The first of each, then the second of each, ..."""
    return [value for values in zip(*columns, strict=True) for value in values]


def _thrice(values: Sequence[object]) -> list[object]:
    return _in_turn(values, values, values)
