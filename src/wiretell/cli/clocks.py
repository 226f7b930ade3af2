"""`wiretell clocks`: how fast the clocks behind addresses run, how surely, and what hides them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wiretell.cli.captures import capture_arguments, split_arguments
from wiretell.cli.output import (
    STDOUT,
    ReportCommand,
    Write,
    plain_address,
    refuse_targets,
    shown_options,
    write_results,
)
from wiretell.cli.progress import progress_bar
from wiretell.exporter import Options

if TYPE_CHECKING:
    from wiretell.model.clocks import ClockReport

FLOW, ADDRESS, DEVICE = "flow", "address", "device"


@click.command("clocks", cls=ReportCommand)
@capture_arguments("[FILTER WORDS]", then="a filter word")
@click.option("--flows", "level", flag_value=FLOW, help="A clock for every side of every flow.")
@click.option("--addresses", "level", flag_value=ADDRESS, help="A clock for every address.")
@click.option(
    "--devices",
    "level",
    flag_value=DEVICE,
    default=DEVICE,
    help="A clock for every machine behind every address (default).",
)
@click.option("--address", "addresses", multiple=True, metavar="ADDR", help="Only this address.")
@click.option(
    "--precision",
    "precision_ppm",
    type=click.FloatRange(min=0.0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="PPM",
    help="Wanted standard error: how much longer to watch is told for it.",
)
@click.option(
    "--readings",
    type=click.IntRange(min=16),
    metavar="N",
    help="Single readings kept of each flow side, for wander, steps and plots (default: 256).",
)
@click.option("--json", "json_file", metavar="[FILE]", help="One JSON document.")
@click.option("--csv", "csv_file", metavar="[FILE]", help="One row per clock.")
@click.option("--parquet", "parquet_dir", metavar="DIR", help="Clocks, curves and points.")
@click.option("--html", "html_file", metavar="FILE", help="One page: offsets against time.")
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the first N addresses.")
@click.option("--all", "all_clocks", is_flag=True, help="List clocks too short to tell a rate too.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that judge addresses of large captures (default: one per core).",
)
@click.option("-q", "--quiet", is_flag=True, help="No table, no progress, no notes.")
@click.option("-v", "--verbose", is_flag=True, help="Every detail of every clock.")
@click.option("--no-color", is_flag=True, help="No colour (as NO_COLOR).")
@click.pass_context
def command(
    ctx: click.Context, /, arguments: tuple[str, ...], files: tuple[str, ...], **given: Any
) -> None:
    """Measure the clocks behind addresses: rate and skew with errors, wander, steps, boot times.

    CAPTURE is a pcap or pcapng file (plain, gz, zst, xz, bz2, lz4), a folder of such, a quoted
    pattern, or - for standard input. The first word that names no file begins a filter in
    tcpdump's language. Rates are against the clock of the machine that captured.

    Exit codes: 0 done; 1 done, but input was damaged; 2 usage; 4 no permission; 130 interrupted.
    """
    captures, expression = split_arguments(arguments, files)
    places = [given[key] for key in ("parquet_dir", "html_file", "json_file", "csv_file")]
    places = [place for place in places if place is not None]
    if len(set(places)) < len(places):
        raise click.UsageError("two results cannot go to the same place; name a file for one")
    refuse_targets(places, captures)
    folder = next((name for name in captures if name != STDOUT and Path(name).is_dir()), None)
    if folder is not None:
        raise click.UsageError(f"{folder} is a folder: clocks are read from captures")
    found = _measured(captures, expression, given)
    ctx.exit(write_results(_writes(found, given), found.provenance, quiet=given["quiet"]))


def _measured(captures: list[str], expression: str | None, given: dict[str, Any]) -> ClockReport:
    from wiretell.pipeline import CLOCK_SAMPLES, Config, measure_clocks

    with progress_bar(quiet=given["quiet"]) as progress:
        return measure_clocks(
            captures,
            level=given["level"],
            addresses=[plain_address(text) for text in given["addresses"]],
            precision_ppm=given["precision_ppm"],
            filter=expression,
            config=Config(samples_per_side=given["readings"] or CLOCK_SAMPLES),
            progress=progress,
            jobs=given["jobs"] or os.cpu_count() or 1,
        )


def _writes(found: ClockReport, given: dict[str, Any]) -> list[tuple[str, Write]]:
    from wiretell.exporters import clocks_tables, clocks_text

    options = _options(given)
    writes: list[tuple[str, Write]] = []
    if given["parquet_dir"]:
        place = given["parquet_dir"]
        writes.append((place, lambda target: clocks_tables.write_parquet(found, target)))
    if given["html_file"]:
        from wiretell.exporters import clocks_html

        writes.append(
            (given["html_file"], lambda target: clocks_html.write(found, target, options))
        )
    if given["json_file"]:
        writes.append((given["json_file"], lambda target: clocks_tables.write_json(found, target)))
    if given["csv_file"]:
        writes.append((given["csv_file"], lambda target: clocks_tables.write_csv(found, target)))
    if STDOUT not in [place for place, _ in writes] and not given["quiet"]:
        writes.append((STDOUT, lambda target: clocks_text.write(found, target, options)))
    return writes


def _options(given: dict[str, Any]) -> Options:
    shown = shown_options(no_color=given["no_color"])
    return replace(
        shown, top=given["top"], verbose=given["verbose"], all_addresses=given["all_clocks"]
    )
