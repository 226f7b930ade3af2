"""`wiretell devices`: which machines are behind each address."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wiretell.cli.captures import capture_arguments, split_arguments
from wiretell.cli.deferred import deferred_numpy
from wiretell.cli.output import (
    Outputs,
    ReportCommand,
    outputs_of,
    refuse_overwriting,
    refuse_targets,
    report_options,
    write_report,
)
from wiretell.cli.points import kept_points
from wiretell.cli.profiles import profile_key_option, save_profiles
from wiretell.cli.progress import progress_bar

if TYPE_CHECKING:
    from wiretell.model.report import Report


@click.command("devices", cls=ReportCommand)
@capture_arguments("[FILTER WORDS]", then="a filter word")
@click.option(
    "--why",
    "pair",
    nargs=2,
    metavar="FLOW FLOW",
    help="Tell what speaks for and against two flows being one machine's. FLOW is a flow_id,"
    " ADDR:PORT (the first flow from there) or 'ADDR:PORT>ADDR:PORT'.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that judge addresses of large captures (default: one per core).",
)
@click.option(
    "--save-profiles",
    "profiles_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save what each machine can be known by again, for `wiretell match`: one JSON file,"
    " no payload, names hashed.",
)
@profile_key_option
@click.option(
    "--pcapng",
    "pcapng_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the capture again as pcapng: each packet's comment names its machine and the"
    " tracker's verdict.",
)
@click.option(
    "--wireshark",
    "wireshark_dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a Lua dissector with the machines as fields, and coloring rules.",
)
@click.option("--points", is_flag=True, help="With --save: the packets too, for `wiretell plot`.")
@report_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    arguments: tuple[str, ...],
    files: tuple[str, ...],
    no_names: bool,
    pair: tuple[str, str] | None,
    jobs: int | None,
    profiles_file: Path | None,
    profile_key: bytes,
    points: bool,
    pcapng_file: Path | None,
    wireshark_dir: Path | None,
    **given: Any,
) -> None:
    """Tell which machines are behind each address, how sure that is, and why.

    CAPTURE is a pcap or pcapng file (plain, gz, zst, xz, bz2, lz4), a folder of such, a quoted
    pattern, - for standard input, or a saved report. The first word that names no file begins a
    filter in tcpdump's language.

    Exit codes: 0 done; 1 done, but input was damaged; 2 usage; 3 --fail-on holds; 4 no
    permission; 130 interrupted.
    """
    outputs = outputs_of(**given)
    captures, expression = split_arguments(arguments, files)
    refuse_overwriting(outputs, captures)
    refuse_targets([str(file) for file in (profiles_file, pcapng_file) if file], captures)
    if pcapng_file is not None and "-" in captures:
        raise click.UsageError("--pcapng reads the capture twice: name a file")
    if pair is None:
        n_jobs = jobs or os.cpu_count() or 1
        with kept_points(outputs, wanted=points) as place:
            report = _report(captures, expression, outputs, jobs=n_jobs, points=place)
            if profiles_file is not None:
                save_profiles(report, captures, profiles_file, profile_key)
            if wireshark_dir is not None:
                from wiretell.exporters.wireshark import write_wireshark

                write_wireshark(report, wireshark_dir)
            if pcapng_file is not None:
                from wiretell.pipeline import annotate

                told = report.provenance
                judged = [str(file["path"]) for file in told["files"]]
                missing = [name for name in judged if not Path(name).is_file()]
                if missing:
                    raise click.UsageError(f"--pcapng: {missing[0]} is not where it was judged")
                annotate(report, judged, pcapng_file, filter=told.get("filter") or None)
            code = write_report(report, outputs)
        ctx.exit(code)
    if points:
        raise click.UsageError("--why keeps nothing; leave --points out")
    if profiles_file is not None:
        raise click.UsageError("--why and --save-profiles ask different questions; give one")
    if pcapng_file is not None or wireshark_dir is not None:
        raise click.UsageError("--why is about two flows: leave --pcapng and --wireshark out")
    from wiretell.cli.pair import refuse_for_pair, write_pair

    refuse_for_pair(outputs)
    from wiretell.pipeline import measure

    report = _report(captures, expression, outputs, measure)
    ctx.exit(write_pair(report, pair, outputs))


def _report(
    captures: list[str],
    expression: str | None,
    outputs: Outputs,
    read: Callable[..., Report] | None = None,
    jobs: int = 1,
    points: Path | None = None,
) -> Report:
    """A saved report, or what `read` (else `analyze`) makes of the captures."""
    folders = [capture for capture in captures if capture != "-" and Path(capture).is_dir()]
    if folders:
        if len(captures) > 1 or expression is not None:
            raise click.UsageError(
                f"{folders[0]} is a saved report: one is shown alone, without a filter"
            )
        if points is not None:
            raise click.UsageError("--points is for captures, not for a saved report")
        from wiretell.sources.saved import load

        return load(folders[0])
    from wiretell.pipeline import analyze

    with deferred_numpy():
        import wiretell.devices.engine  # noqa: F401 - what it needs of SciPy loads here

    with progress_bar(quiet=outputs.quiet) as progress:
        read = read or partial(analyze, jobs=jobs, points=points or False)
        return read(captures, filter=expression, progress=progress)
