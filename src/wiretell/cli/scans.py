"""`wiretell scans`: who scans whom, and who is really behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from wiretell.cli.captures import capture_arguments, split_arguments
from wiretell.cli.exit_code import ExitCode
from wiretell.cli.fail_on import FailOnScans
from wiretell.cli.output import (
    STDOUT,
    ReportCommand,
    refuse_targets,
    shown_options,
    write_results,
)
from wiretell.cli.progress import progress_bar
from wiretell.exporter import Target

if TYPE_CHECKING:
    from wiretell.findings.scans.finding import Scans

Write = Callable[[Target], None]


@click.command("scans", cls=ReportCommand)
@capture_arguments("[FILTER WORDS]", then="a filter word")
@click.option("--json", "json_file", metavar="[FILE]", help="One JSON document.")
@click.option("--csv", "csv_file", metavar="[FILE]", help="One row per finding.")
@click.option("--all", "unlikely", is_flag=True, help="What is likelier innocent too.")
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Tell N findings.")
@click.option(
    "--fail-on",
    type=FailOnScans(),
    metavar="EXPR",
    help="Exit 3 where EXPR holds: scans>N, or idle, decoys, sweeps, backscatter >N.",
)
@click.option("-q", "--quiet", is_flag=True, help="No text, no progress, no notes.")
@click.option("-v", "--verbose", is_flag=True, help="Every reason.")
@click.option("--no-color", is_flag=True, help="No colour (as NO_COLOR).")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    arguments: tuple[str, ...],
    files: tuple[str, ...],
    no_names: bool,
    **given: Any,
) -> None:
    """Tell who scans whom, and who is really behind it: idle scans, decoys, sweeps, backscatter.

    CAPTURE is a pcap or pcapng file (plain, gz, zst, xz, bz2, lz4), a folder of such, a quoted
    pattern, or - for standard input. The first word that names no file begins a filter in
    tcpdump's language; one that hides answers hides what tells a scan from innocence.

    Exit codes: 0 done; 1 done, but input was damaged; 2 usage; 3 --fail-on holds; 4 no
    permission; 130 interrupted.
    """
    captures, expression = split_arguments(arguments, files)
    places = [given[key] for key in ("json_file", "csv_file") if given[key]]
    if len(set(places)) < len(places):
        raise click.UsageError("two results cannot go to the same place; name a file for one")
    refuse_targets(places, captures)
    from wiretell.pipeline import survey_scans

    with progress_bar(quiet=given["quiet"]) as progress:
        found = survey_scans(captures, filter=expression, progress=progress)
    ctx.exit(_write(found, given))


def _write(found: Scans, given: dict[str, Any]) -> ExitCode:
    """Writes files before standard output, then notes; the exit code that fits."""
    from dataclasses import replace

    from wiretell.exporters import scans_csv, scans_json, scans_text

    unlikely, quiet = given["unlikely"], given["quiet"]
    options = replace(
        shown_options(no_color=given["no_color"]),
        top=given["top"],
        verbose=given["verbose"],
        all_addresses=unlikely,
    )
    writes: list[tuple[str, Write]] = []
    if given["json_file"]:
        json_file = given["json_file"]
        writes.append((json_file, lambda to: scans_json.write(found, to, unlikely=unlikely)))
    if given["csv_file"]:
        csv_file = given["csv_file"]
        writes.append((csv_file, lambda to: scans_csv.write(found, to, unlikely=unlikely)))
    if not quiet and STDOUT not in [place for place, _ in writes]:
        writes.append((STDOUT, lambda to: scans_text.write(found, to, options)))
    code = write_results(writes, found.provenance, quiet=quiet)
    if code is ExitCode.OUTPUT_CLOSED:
        return code
    if given["fail_on"] is not None and given["fail_on"](found):
        return ExitCode.FINDINGS
    return code
