"""`wiretell flows`: connections with their states, listed, saved, or sent to a collector."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wiretell.cli.captures import capture_arguments, split_arguments
from wiretell.cli.exit_code import ExitCode
from wiretell.cli.heap import keep_heap_small
from wiretell.cli.output import STDOUT, ReportCommand, discard_stdout, shown_options
from wiretell.cli.progress import progress_bar
from wiretell.cli.tracker_settings import LINUX, ct_option, what_if_option
from wiretell.exporter import Target

if TYPE_CHECKING:
    from wiretell.exporters.flow_writer import FlowWriter
    from wiretell.sources.counted import CountedCaptures
    from wiretell.sources.timeouts import Timeouts
    from wiretell.sources.tracked import FlowSource

_COLLECT = "--collect"
_WITH_COLUMNS = ("json_file", "csv_file", "parquet_dir", "zeek_dir")
"""Outputs that have the columns which take time: for some every segment is looked at."""


@click.command("flows", cls=ReportCommand)
@capture_arguments("[FILTER WORDS]", then="a filter word")
@click.option(
    "-c",
    "max_packets",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop after N packets that match (with --collect: N messages).",
)
@click.option(
    "-w",
    "packet_file",
    metavar="OUT",
    help="Write the packets that match to OUT (pcap), as tcpdump does, and list nothing.",
)
@click.option("--json", "json_file", metavar="[FILE]", help="JSON lines, one object per flow.")
@click.option("--csv", "csv_file", metavar="[FILE]", help="One row per flow.")
@click.option("--parquet", "parquet_dir", metavar="DIR", help="All columns, a folder of Parquet.")
@click.option("--zeek", "zeek_dir", metavar="DIR|-", help="Zeek's conn.log, tab-separated.")
@click.option("--zeek-json", is_flag=True, help="With --zeek: as JSON lines.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "conntrack"]),
    default="table",
    help="What is listed here: a table, or the connection tracker's entries at the last packet,"
    " as conntrack -L lists them.",
)
@click.option(
    "--all",
    "all_flows",
    is_flag=True,
    help="With --format conntrack: every flow as it was at its own last packet.",
)
@click.option(
    "--export",
    "exports",
    multiple=True,
    metavar="TARGET",
    help="NetFlow or IPFIX: v5|v9|ipfix|ipfix-uniflow://HOST:PORT (UDP), or :FILE (repeatable).",
)
@click.option(
    "--export-rate",
    type=click.IntRange(min=1),
    metavar="N",
    help="Send at most N messages a second to a collector (default: 20000).",
)
@click.option("--quality", is_flag=True, help="Tell how good the capture is, instead of flows.")
@click.option("--count", is_flag=True, help="Totals only: flows, packets, bytes, odd packets.")
@click.option(
    "--active-timeout",
    type=click.IntRange(min=0),
    default=0,
    metavar="S",
    help="Cut a flow that lives longer than S seconds into records of S, as exporters do.",
)
@click.option(
    "--inactive-timeout",
    type=click.IntRange(min=1),
    metavar="S",
    help="End a flow that is idle for S seconds (default: by protocol).",
)
@click.option(
    "--netflow",
    is_flag=True,
    help="The captures hold NetFlow or IPFIX messages: show the flows that these tell of.",
)
@click.option(
    _COLLECT,
    "collect_port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Be a collector on 127.0.0.1:PORT until Ctrl-C, -c or --seconds.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Go on as the capture grows, and with the files that appear in a folder; list flows as"
    " they end, until Ctrl-C, -c or --seconds.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="With --collect or --follow: stop after S seconds.",
)
@what_if_option()
@ct_option("with --what-if or --format conntrack")
@click.option("-q", "--quiet", is_flag=True, help="No table, no progress, no notes.")
@click.option("--no-color", is_flag=True, help="No colour (as NO_COLOR).")
@click.pass_context
def command(
    ctx: click.Context, /, arguments: tuple[str, ...], files: tuple[str, ...], **given: Any
) -> None:
    """List the connections of captures: who opened them, how they ended, what they carried.

    CAPTURE is a pcap or pcapng file (plain, gz, zst, xz, bz2, lz4), a folder of such, a quoted
    pattern, - for standard input, or a file of NetFlow or IPFIX messages. The first word that
    names no file begins a filter in tcpdump's language.

    Exit codes: 0 done; 1 done, but input was damaged; 2 usage; 4 no permission; 130 interrupted.
    """
    follows = given["follow"]
    if given["packet_file"] is not None and not follows:
        from wiretell.cli.write_packets import write_packets

        ctx.exit(write_packets(arguments, files, given))
    if given["quality"] and not follows:
        from wiretell.cli.quality import tell_quality

        ctx.exit(tell_quality(arguments, files, given))
    if given["what_if"] is not None and not follows:
        from wiretell.cli.what_if import run

        ctx.exit(run(arguments, files, given))
    from wiretell.sources.counted import CountedCaptures

    if given["ct"] != LINUX and given["form"] != "conntrack":
        raise click.UsageError("--ct belongs to --what-if SETTINGS or --format conntrack")
    with (
        progress_bar(quiet=given["quiet"] or follows) as show,
        closing(_source(arguments, files, show, given)) as source,
        _until_signals(source) if follows else nullcontext(),
    ):
        writers: dict[str, FlowWriter] = {}
        if isinstance(source, CountedCaptures):
            from wiretell.cli.count_flows import count_flows

            _refuse_odd_options(given)
            provenance = count_flows(source, given)
        else:
            writers = _writers(given, source)
            provenance = _run(source, writers, flush=follows)
    if provenance is None:
        ctx.exit(ExitCode.OUTPUT_CLOSED)
    if writers and not given["quiet"]:
        _tell(writers, provenance, totals=follows)
    ctx.exit(ExitCode.DAMAGED if provenance["damage"] else ExitCode.DONE)


def _source(
    arguments: Sequence[str], files: Sequence[str], show: Any, given: Mapping[str, Any]
) -> FlowSource | CountedCaptures:
    """Captures, files of messages, or a port of this machine."""
    from wiretell.sources.message_file import is_message_file

    cut = given["active_timeout"] or given["inactive_timeout"]
    if given["follow"]:
        from wiretell.cli.follow import followed

        keep_heap_small()
        return followed(arguments, files, given, _refuse_overwriting, _tracking(given))
    if given["collect_port"] is not None:
        if arguments or files or given["netflow"] or cut:
            raise click.UsageError(f"{_COLLECT} reads from the network alone")
        from wiretell.sources import netflow

        return netflow.CollectedFlows(
            given["collect_port"],
            max_seconds=given["seconds"],
            max_messages=given["max_packets"],
        )
    if given["seconds"] is not None:
        raise click.UsageError(f"--seconds belongs to {_COLLECT} and --follow")
    captures, expression = split_arguments(arguments, files)
    _refuse_overwriting(captures, given)
    told = [c for c in captures if c != STDOUT and is_message_file(Path(c))]
    if told or given["netflow"]:
        if cut:
            raise click.UsageError("timeouts are the exporter's where flows were exported")
        if given["max_packets"] is not None:
            raise click.UsageError("-c counts packets; these are flows that others measured")
    if told:
        if len(told) < len(captures):
            raise click.UsageError(f"{told[0]} holds flow messages: read captures apart from it")
        if expression is not None:
            raise click.UsageError("a filter is for packets; these files hold flow messages")
        from wiretell.sources import netflow

        return netflow.from_files([Path(c) for c in captures])
    if given["netflow"]:
        from wiretell.sources import netflow

        return netflow.from_captures(captures, filter=expression)
    if given["count"] and not _lists_entries(given):
        from wiretell.sources.counted import CountedCaptures

        return CountedCaptures(
            captures,
            filter=expression,
            timeouts=_timeouts(given),
            max_packets=given["max_packets"],
            progress=_progress(show),
        )
    from wiretell.sources.tracked import TrackedCaptures

    keep_heap_small()
    return TrackedCaptures(
        captures, filter=expression, progress=_progress(show), **_tracking(given)
    )


def _tracking(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of `TrackedCaptures`: what the outputs need."""
    lists_columns = not given["count"] and any(given[key] for key in _WITH_COLUMNS)
    return {
        "timeouts": _timeouts(given),
        "max_packets": given["max_packets"],
        "analysis": lists_columns,
        "clocks": given["parquet_dir"] is not None,
        "connection": lists_columns,
        "ct": given["ct"] if _lists_entries(given) else None,
    }


def _timeouts(given: Mapping[str, Any]) -> Timeouts:
    from wiretell.sources.timeouts import Timeouts

    return Timeouts(given["inactive_timeout"], given["active_timeout"])


def _until_signals(source: FlowSource | CountedCaptures) -> AbstractContextManager[None]:
    """Ctrl-C ends reading and no more, where there is no end to wait for."""
    from wiretell.cli.follow import Endless, stopped_by_signals

    return stopped_by_signals(source) if isinstance(source, Endless) else nullcontext()


def _lists_entries(given: Mapping[str, Any]) -> bool:
    return given["form"] == "conntrack" and not given["all_flows"]


def _progress(show: Any) -> Any:
    if show is None:
        return None
    from wiretell.model.progress import Progress

    return lambda n, n_total, n_packets: show(Progress("tracking", n, n_total, n_packets))


def _writers(given: Mapping[str, Any], source: FlowSource) -> dict[str, FlowWriter]:
    """Place -> writer, files before standard output."""
    _refuse_odd_options(given)
    from wiretell.exporters import flow_writers
    from wiretell.sources.tracked import TrackedCaptures

    # What others measured has no entries: every flow is listed.
    has_entries = _lists_entries(given)
    entries = source.entries if has_entries and isinstance(source, TrackedCaptures) else None
    options = shown_options(no_color=given["no_color"])
    made: dict[str, FlowWriter] = {}

    def add(place: str | None, kind: str) -> None:
        if place is None:
            return
        if place in made:
            raise click.UsageError("two results cannot go to the same place; name a file for one")
        target: Target = sys.stdout if place == STDOUT else Path(place)
        made[place] = flow_writers.writer(
            kind, target, options, entries, as_they_end=given["follow"]
        )

    try:
        for word in given["exports"]:
            if word in made:
                raise click.UsageError(f"--export {word} is there twice")
            made[word] = flow_writers.export(word, given["export_rate"])
        add(given["parquet_dir"], "parquet")
        add(_conn_log(given["zeek_dir"]), "zeek-json" if given["zeek_json"] else "zeek")
        add(given["json_file"], "totals-json" if given["count"] else "json")
        add(given["csv_file"], "csv")
        if STDOUT not in made and not given["quiet"]:
            add(STDOUT, _listing(made, given))
    except BaseException:
        for writer in made.values():
            writer.abandon()
        raise
    return made


def _listing(made: Mapping[str, FlowWriter], given: Mapping[str, Any]) -> str:
    """What standard output has: the flows, unless only totals or an export were asked for."""
    if given["count"] or (made and given["form"] == "table"):
        return "totals"
    return str(given["form"])


def _refuse_odd_options(given: Mapping[str, Any]) -> None:
    if given["zeek_json"] and given["zeek_dir"] is None:
        raise click.UsageError("--zeek-json belongs to --zeek DIR")
    if given["all_flows"] and given["form"] != "conntrack":
        raise click.UsageError("--all belongs to --format conntrack")
    if given["export_rate"] is not None and not any("://" in word for word in given["exports"]):
        raise click.UsageError("--export-rate is for collectors: --export v9://HOST:PORT")
    others = [given[key] for key in ("csv_file", "parquet_dir", "zeek_dir")]
    if given["count"] and (any(others) or given["exports"]):
        raise click.UsageError("--count gives totals only; leave the other outputs out")


def _refuse_overwriting(captures: Sequence[str], given: Mapping[str, Any]) -> None:
    """`click.UsageError` where a result would be written over what is read."""
    from wiretell.cli.output import refuse_targets
    from wiretell.exporters.export_target import parse_target

    exported = [parse_target(word).path for word in given["exports"]]
    keys = ("json_file", "csv_file", "parquet_dir")
    targets = [given[key] for key in keys if given[key] is not None]
    log = _conn_log(given["zeek_dir"])
    targets += [str(path) for path in exported if path is not None] + ([log] if log else [])
    refuse_targets(targets, captures)


def _conn_log(zeek_dir: str | None) -> str | None:
    if zeek_dir is None or zeek_dir == STDOUT:
        return zeek_dir
    return str(Path(zeek_dir) / "conn.log")


def _run(
    source: FlowSource, writers: Mapping[str, FlowWriter], *, flush: bool
) -> Mapping[str, Any] | None:
    """Hands the flows to all writers while the next are read; None: nobody reads the output.

    `flush`: what is on standard output is seen at once.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    def write(batch: Any) -> None:
        for writer in writers.values():
            writer.write(batch)
        if flush:
            sys.stdout.flush()

    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    closed = False
    try:
        with ThreadPoolExecutor(1) as pool:
            writing: Future[None] | None = None
            for batch in source.batches():
                if writing is not None:
                    writing.result()
                writing = pool.submit(write, batch)
            if writing is not None:
                writing.result()
        provenance = source.provenance()
        for writer in writers.values():
            writer.close(provenance)
        sys.stdout.flush()
        closed = True
    except BrokenPipeError:
        discard_stdout()
        return None
    finally:
        if not closed:
            for writer in writers.values():
                writer.abandon()
    return provenance


def _tell(
    writers: Mapping[str, FlowWriter], provenance: Mapping[str, Any], *, totals: bool
) -> None:
    """What was written, and where the listing does not say it, what was lost (with `totals`: and
    how much was read).
    """
    from wiretell.exporters.flow_writers import export_words, tells_notes
    from wiretell.exporters.notes import notes_on

    for place, writer in writers.items():
        if place != STDOUT:
            click.echo(export_words(place, writer), err=True)
    if not any(tells_notes(writer) for writer in writers.values()):
        if totals:
            from wiretell.cli.follow import tell_totals

            tell_totals(provenance)
        for note in notes_on(provenance):
            click.echo(f"wiretell: {note}", err=True)
