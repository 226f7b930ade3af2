"""The whole river on one screen: frames -> packets -> flows -> observations -> devices -> report.

The core reads and tracks in batches; payloads are parsed batch by batch and dropped, so memory
grows with flows, not with bytes. Everything after that is pure functions over tables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from wiretell._core import ArrowBatch, Reader, Tracker
from wiretell.errors import CaptureError
from wiretell.model.clocks import DEVICE
from wiretell.model.progress import Progress
from wiretell.model.report import Report
from wiretell.model.tables import (
    ADDRESSES,
    DEVICES,
    EVIDENCE,
    FLOWS,
    MEMBERS,
    OBSERVATIONS,
    SAMPLES,
    SCHEMA_VERSION,
)
from wiretell.signals import ALL
from wiretell.sources.bpf import compile_filter
from wiretell.sources.captures import open_captures, opened
from wiretell.sources.folder import captures_below
from wiretell.sources.read_ahead import ReadAhead

# A question loads what answers it when it is asked: all of that takes longer than small captures.
if TYPE_CHECKING:
    from wiretell.devices.engine import Spread
    from wiretell.devices.why import Why
    from wiretell.findings.explain.explanation import Connection
    from wiretell.findings.overview import Overview
    from wiretell.findings.scans.finding import Scans
    from wiretell.model.clocks import ClockReport
    from wiretell.model.profiles import ProfileSet
    from wiretell.sources.points import PointKeeper

PathLike = str | os.PathLike[str]

SCAN_FLOWS = 1 << 18
"""Flows alive at once while scans are looked for: a probe's end is as good as a flow's own."""
SPREAD_FLOWS = 5_000
"""Fewer flows are judged sooner than processes start."""
LARGE_BYTES = 100_000_000
"""Captures of so many bytes are likely of many flows: processes start while they are read."""
CLOCK_SAMPLES = 256
"""Readings of each flow side that clocks are followed with; rates need none (hulls)."""


@dataclass(frozen=True)
class Config:
    """Settings of one analysis; the defaults are right for captures of any size."""

    batch_packets: int = 1 << 18
    max_flows: int = 1_000_000
    max_payload_bytes: int = 4096
    samples_per_side: int = 16


@dataclass
class Tracked:
    """What came out of the core: flows without payloads, samples, and what payloads said."""

    flows: list[pl.DataFrame] = field(default_factory=list)
    samples: list[pl.DataFrame] = field(default_factory=list)
    observations: list[pl.DataFrame] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def read(
    paths: PathLike | Sequence[PathLike], *, filter: str | None = None, batch_packets: int = 1 << 20
) -> Iterator[pl.DataFrame]:
    """Decoded packets, a table (schema: `wiretell.model.packets.PACKETS`) per batch.

    `paths` are captures in any supported format, or folders of them, read as one stream in order
    of time; "-" is standard input. `filter` is a tcpdump expression. Raises OSError, CaptureError,
    ConfigError.
    """
    reader = Reader(_names(paths), filters=compile_filter(filter) if filter else None)
    while (batch := reader.packets(batch_packets)) is not None:
        yield pl.DataFrame(batch)


def analyze(
    paths: PathLike | Sequence[PathLike],
    *,
    filter: str | None = None,
    config: Config | None = None,
    progress: Callable[[Progress], None] | None = None,
    jobs: int = 1,
    points: PathLike | bool = False,
) -> Report:
    """Which machines are behind each address of these captures.

    `paths` and `filter` as for `read`. Damage in a capture is kept in the report
    (`Report.damaged`), never raised. `jobs` processes judge addresses where there is much to
    judge, with the same result; more than one needs a program that can be imported (`if __name__
    == "__main__"`, as for `multiprocessing`). `points` keeps the packets for plots: True in
    memory, else in the folder of that name, which is made. Raises OSError, CaptureError,
    ConfigError.
    """
    say = progress or (lambda _: None)
    names = _names(paths)
    with ExitStack() as stack:
        workers = None
        if jobs > 1 and _n_bytes(names) >= LARGE_BYTES:
            workers = _started(stack, jobs)
        measured, last = _measure(names, filter, config or Config(), say, points)
        say(replace(last, stage="devices"))
        if jobs <= 1 or measured.flows.height < SPREAD_FLOWS:
            return judge(measured)
        return judge(measured, spread=workers or _started(stack, jobs))


def _started(stack: ExitStack, jobs: int) -> Spread:
    """Processes that start at once and judge what is spread over them, until `stack` ends."""
    from wiretell.workers import spread, start_workers

    return partial(spread, stack.enter_context(start_workers(jobs)), jobs)


def _n_bytes(names: Sequence[str]) -> int:
    """Of the files among these captures."""
    return sum(Path(name).stat().st_size for name in names if Path(name).is_file())


def judge(measured: Report, *, spread: Spread = map) -> Report:
    """Which machines are behind each address of a report of `measure`.

    `spread` may work on several parts at once (`wiretell.devices.engine`): the result is the same.
    """
    from wiretell.devices.engine import find_devices

    found = find_devices(measured.flows, measured.observations, ALL, spread=spread)
    failed = measured.provenance["failed_signals"] | dict(found.failed)
    return replace(
        measured,
        observations=found.observations,
        evidence=found.evidence,
        addresses=found.addresses,
        devices=found.devices,
        members=found.members,
        provenance={**measured.provenance, "failed_signals": failed},
    )


def measure(
    paths: PathLike | Sequence[PathLike],
    *,
    filter: str | None = None,
    config: Config | None = None,
    progress: Callable[[Progress], None] | None = None,
    points: PathLike | bool = False,
) -> Report:
    """What these captures hold before anything is judged: flows, samples, observations.

    As `analyze`, but its tables of machines are empty. Raises OSError, CaptureError, ConfigError.
    """
    say = progress or (lambda _: None)
    return _measure(_names(paths), filter, config or Config(), say, points)[0]


def measure_clocks(
    paths: PathLike | Sequence[PathLike],
    *,
    level: str = DEVICE,
    addresses: Sequence[str] = (),
    precision_ppm: float = 1.0,
    filter: str | None = None,
    config: Config | None = None,
    progress: Callable[[Progress], None] | None = None,
    jobs: int = 1,
) -> ClockReport:
    """The clocks that these captures show, of each flow, address or machine (`level`).

    `paths`, `filter` and `jobs` as for `analyze`; `addresses` are the only ones wanted, where
    some are named; `precision_ppm` is the standard error that the advice speaks of. Clocks of
    ICMP and RTP are not read from standard input. Raises OSError, CaptureError, ConfigError.
    """
    from wiretell.findings.clocks.report import clock_report
    from wiretell.sources.clock_readings import packet_readings

    chosen = config or Config(samples_per_side=CLOCK_SAMPLES)
    if level == DEVICE:
        report = analyze(paths, filter=filter, config=chosen, progress=progress, jobs=jobs)
    else:
        report = measure(paths, filter=filter, config=chosen, progress=progress)
    names, readings = _names(paths), None
    if "-" not in names:  # gone by: the clocks of ICMP and RTP take a second look
        filters = compile_filter(filter) if filter else None
        readings, n_left = packet_readings(names, filters, report.flows)
        counters = {**report.provenance["counters"], "clock_readings_left_out": n_left}
        report = replace(report, provenance={**report.provenance, "counters": counters})
    return clock_report(
        report,
        level=level,
        addresses=addresses,
        precision_ppm=precision_ppm,
        readings=readings,
    )


def explain_pair(report: Report, flow: str, other: str, *, address: str | None = None) -> Why:
    """What speaks for and against two flows being one machine's, and what is decided.

    A flow is named by its `flow_id`, by `ADDR:PORT` (the first flow from there), or by
    `ADDR:PORT>ADDR:PORT`. `report` is of `analyze` or `measure`, or a saved one. `address` is
    the one to judge where the flows share two. Raises ValueError, in words for people, where a
    flow is unknown or the two have no address in common.
    """
    from wiretell.devices.engine import judge_address
    from wiretell.devices.flow_choice import address_of_both, choose_flow
    from wiretell.devices.why import why

    a, b = choose_flow(report.flows, flow), choose_flow(report.flows, other)
    shared = address_of_both(a, b, address)
    about = (a.flow_id, b.flow_id)
    judged = judge_address(shared, report.flows, report.observations, ALL, about=about)
    answer = why(judged, a.flow_id, b.flow_id)
    several = [
        f"{choice.n_fitting} flows fit {choice.asked}: {choice.flow_id} is the first"
        for choice in (a, b)
        if choice.n_fitting > 1
    ]
    return replace(answer, notes=(*several, *answer.notes))


def profiles(report: Report, source: str, *, key: bytes = b"", servers: bool = True) -> ProfileSet:
    """What each machine of the report can be known by again (`wiretell match`).

    `source` is what the capture is called; names are hashed, with `key` where one is given.
    Without `servers` those that only answer are told in brief.
    """
    from wiretell.findings.match.profile import profiles_of

    return profiles_of(report, source, key=key, version=version("wiretell"), servers=servers)


def annotate(
    report: Report,
    paths: PathLike | Sequence[PathLike],
    out: PathLike,
    *,
    filter: str | None = None,
) -> int:
    """Writes the captures again as pcapng, a comment for each packet; how many packets.

    `report` is of `analyze` with the same `paths` and `filter`. Raises OSError, CaptureError,
    ConfigError.
    """
    from wiretell.exporters.annotated import address_names, commenter
    from wiretell.sources.annotated_copy import copy_annotated

    filters = compile_filter(filter) if filter else None
    return copy_annotated(
        _names(paths),
        filters,
        Path(out),
        addresses=address_names(report),
        comments=commenter(report),
    )


def survey_connections(
    paths: PathLike | Sequence[PathLike],
    *,
    filter: str | None = None,
    ct: str = "linux",
    progress: Callable[[Progress], None] | None = None,
) -> Overview:
    """Which connections are worth explaining, and whether the capture is good enough.

    `paths` and `filter` as for `read`; `ct` are settings of the connection tracker, as for the
    core's `Tracker`. Raises OSError, CaptureError, ConfigError.
    """
    from wiretell.findings.overview import glance, overview
    from wiretell.sources.segments import SegmentStream, readable_again

    say = progress or (lambda _: None)
    filters = compile_filter(filter) if filter else None
    given = _names(paths)
    with readable_again(given) as names:
        stream = SegmentStream(
            names,
            filters,
            ct=ct,
            say=lambda *far: say(Progress("tracking", *far)),
            shown=dict(zip(names, given, strict=True)),
            checksums=True,
        )
        glances = [glance(each.packets, each.segments, each.flows) for each in stream.batches()]
        return overview(glances, stream.provenance())


def survey_scans(
    paths: PathLike | Sequence[PathLike],
    *,
    filter: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Scans:
    """Who scans whom in these captures, and who is really behind it.

    `paths` and `filter` as for `read`. Raises OSError, CaptureError, ConfigError.
    """
    from wiretell.findings.scans.gathered import Gathered, gather
    from wiretell.findings.scans.survey import find_scans
    from wiretell.sources.segments import SegmentStream, readable_again

    say = progress or (lambda _: None)
    filters = compile_filter(filter) if filter else None
    given = _names(paths)
    with readable_again(given) as names:
        stream = SegmentStream(
            names,
            filters,
            max_flows=SCAN_FLOWS,
            say=lambda *far: say(Progress("tracking", *far)),
            shown=dict(zip(names, given, strict=True)),
        )
        gathered = Gathered()
        for each in stream.batches():
            gathered = gather(gathered, each.packets, each.segments, each.flows)
        return find_scans(gathered, stream.provenance())


def explain_flow(
    paths: PathLike | Sequence[PathLike],
    flow: str | None,
    *,
    packet: int | None = None,
    limit: int | None = None,
    filter: str | None = None,
    ct: str = "linux",
) -> tuple[Connection, dict[str, object], pl.DataFrame]:
    """One connection packet by packet; the provenance of the captures and their FLOWS.

    `flow` is as for `explain_pair`; None: the flow of `packet`. `packet` explains that one alone,
    `limit` the first packets. Raises ValueError, in words for people, where no flow or packet is
    meant; OSError, CaptureError, ConfigError.
    """
    from wiretell.devices.flow_choice import choose_flow
    from wiretell.findings.explain.connection import explain
    from wiretell.sources.segments import SegmentStream, packets_of, readable_again

    filters = compile_filter(filter) if filter else None
    given = _names(paths)
    with readable_again(given) as names:
        wanted, n_fitting = _flow_number(names, flow, packet, filter, ct)
        shown = dict(zip(names, given, strict=True))
        stream = SegmentStream(names, filters, ct=ct, shown=shown)
        mine = pl.col("flow_id") == wanted
        about = (pl.col("parent_flow") == wanted) & ~mine
        parts = [
            (each.segments.filter(mine | about), each.flows) for each in stream.segments_and_flows()
        ]
        rows = pl.concat([segments for segments, _ in parts])
        flows = pl.concat([ended for _, ended in parts], how="diagonal")
        chosen = choose_flow(flows, str(wanted))
        segments = rows.filter(mine)
        packets = packets_of(names, filters, segments["packet"])
        told = explain(
            chosen.row,
            packets,
            segments,
            related=rows.filter(about),
            n_fitting=n_fitting,
            limit=limit,
            only=packet,
        )
        return told, stream.provenance(), flows


def _flow_number(
    names: list[str], flow: str | None, packet: int | None, filter: str | None, ct: str
) -> tuple[int, int]:
    """The flow that is meant, and how many fit the words. A number needs no look at the captures;
    a packet's flow is known when it comes, one of an address when all are.
    """
    from wiretell.devices.flow_choice import choose_flow
    from wiretell.sources.segments import SegmentStream
    from wiretell.sources.tracked import TrackedCaptures

    if flow is None:
        filters = compile_filter(filter) if filter else None
        for each in SegmentStream(names, filters, ct=ct).segments_and_flows():
            owner = each.segments.filter(pl.col("packet") == packet)["flow_id"]
            if len(owner):
                return int(owner[0]), 1
        raise ValueError(f"packet {packet} belongs to no connection")
    word = flow.strip()
    if word.isascii() and word.isdigit():
        return min(int(word), 2**64 - 1), 1
    tracked = TrackedCaptures(names, filter=filter, analysis=False)
    chosen = choose_flow(
        pl.concat(list(tracked.batches()) or [FLOWS.empty()], how="diagonal"), flow
    )
    return chosen.flow_id, chosen.n_fitting


def _measure(
    names: list[str],
    filter: str | None,
    config: Config,
    say: Callable[[Progress], None],
    points: PathLike | bool = False,
) -> tuple[Report, Progress]:
    """The report before anything is judged, and how far the captures were read."""
    filters = compile_filter(filter) if filter else None
    with ExitStack() as stack:
        if points is not False:  # then a second reader goes over them
            from wiretell.sources.segments import readable_again

            names = stack.enter_context(readable_again(names))
        reader, unread = open_captures(names, filters)
        tracker = Tracker(
            max_flows=config.max_flows,
            max_payload_bytes=config.max_payload_bytes,
            samples_per_side=config.samples_per_side,
            ct=None if points is False else "linux",
            segments=points is not False,
        )
        kept = None
        if points is not False:
            from wiretell.sources.points import PointKeeper

            fields = Reader(opened(names, unread), filters=filters)
            kept = stack.enter_context(PointKeeper(fields, points))
        tracked = _track(reader, tracker, config, say, kept)
        source = None if kept is None else kept.source()
    samples = _joined(tracked.samples, SAMPLES.schema)
    observations = _joined(tracked.observations, OBSERVATIONS.schema)
    report = Report(
        flows=_joined(tracked.flows, FLOWS.schema).sort("flow_id"),
        samples=samples.sort("flow_id", "side", "time_ns", maintain_order=True),
        observations=observations.sort("flow_id", maintain_order=True),
        evidence=EVIDENCE.empty(),
        addresses=ADDRESSES.empty(),
        devices=DEVICES.empty(),
        members=MEMBERS.empty(),
        provenance={
            "version": version("wiretell"),
            "schema": SCHEMA_VERSION,
            "filter": filter,
            "config": asdict(config),
            "files": reader.files(),
            "counters": reader.counters() | tracker.counters(),
            "weirds": tracker.weirds(),
            "damage": [*unread, *reader.damage()],
            "failed_signals": tracked.failed,
        },
        points=source,
    )
    return report, Progress("tracked", *reader.position(), reader.counters()["frames"])


@dataclass(frozen=True)
class _Ended:
    """Of one batch of packets the flows that ended, their samples, and how far it went."""

    flows: ArrowBatch | None
    samples: ArrowBatch | None
    segments: ArrowBatch | None
    n_packets: int
    position: tuple[int, int | None]


def _track(
    reader: Reader,
    tracker: Tracker,
    config: Config,
    say: Callable[[Progress], None],
    kept: PointKeeper | None = None,
) -> Tracked:
    tracked = Tracked()
    n_packets = 0
    # While payloads of one batch are parsed, the next is tracked.
    with closing(ReadAhead(_ended(reader, tracker, config.batch_packets))) as batches:
        for ended in batches:
            _take(ended, tracked)
            if kept is not None and ended.n_packets:
                kept.add(ended.n_packets, ended.segments)
            n_packets += ended.n_packets
            say(Progress("tracking", *ended.position, n_packets))
    return tracked


def _ended(reader: Reader, tracker: Tracker, batch_packets: int) -> Iterator[_Ended]:
    while n := tracker.consume(reader, batch_packets):
        yield _drained(reader, tracker, n)
    tracker.finish()
    yield _drained(reader, tracker, 0)


def _drained(reader: Reader, tracker: Tracker, n_packets: int) -> _Ended:
    flows = tracker.drain_flows()
    samples = tracker.drain_samples() if flows is not None else None
    segments = tracker.drain_segments() if n_packets else None
    return _Ended(flows, samples, segments, n_packets, reader.position())


def _take(ended: _Ended, tracked: Tracked) -> None:
    if ended.flows is None:
        return
    flows = pl.DataFrame(ended.flows)
    for signal in ALL:
        if signal.extract is None:
            continue
        try:
            tracked.observations.append(signal.extract(flows))
        except Exception as error:
            tracked.failed[signal.name] = f"{type(error).__name__}: {error}"
    tracked.flows.append(flows.select(FLOWS.schema.names()))
    if ended.samples is not None:
        tracked.samples.append(pl.DataFrame(ended.samples))


def _joined(parts: list[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)


def _names(paths: PathLike | Sequence[PathLike]) -> list[str]:
    """Names of captures, those below a folder in its place."""
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    given = [os.fspath(Path(path)) if str(path) != "-" else "-" for path in several]
    names: list[str] = []
    for name in given:
        if name == "-" or not Path(name).is_dir():
            names.append(name)
            continue
        below = captures_below(name).captures
        if not below:
            raise CaptureError(name, 0, "no capture in this folder")
        names += below
    return names
