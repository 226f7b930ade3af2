"""`wiretell explain`: a connection packet by packet, or which connections are worth it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wiretell.cli.captures import capture_arguments, split_arguments
from wiretell.cli.exit_code import ExitCode
from wiretell.cli.output import (
    STDOUT,
    ReportCommand,
    Write,
    refuse_targets,
    shown_options,
    write_results,
)
from wiretell.cli.progress import progress_bar
from wiretell.cli.tracker_settings import ct_option
from wiretell.exporter import Options

if TYPE_CHECKING:
    from wiretell.findings.explain.explanation import Connection
    from wiretell.findings.overview import Overview

LIMIT = 200
"""Packets explained where no number was asked for."""
_FLOW = re.compile(r"\d+|\S+:\d+(\s*>\s*\S+:\d+)?")


@click.command("explain", cls=ReportCommand)
@capture_arguments("[FLOW] [FILTER WORDS]", then="FLOW or a filter word")
@click.option(
    "--packet",
    type=click.IntRange(min=1),
    metavar="N",
    help="Explain the packet of this number alone (FLOW may then be left out).",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Explain the first N packets (default: {LIMIT}).",
)
@click.option("--ladder", is_flag=True, help="The ladder diagram alone, no prose.")
@ct_option()
@click.option("--json", "json_file", metavar="[FILE]", help="One JSON document.")
@click.option("--svg", "svg_file", metavar="FILE", help="The ladder as a drawing.")
@click.option("--html", "html_file", metavar="FILE", help="One page: ladder and prose.")
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="List N connections.")
@click.option("-q", "--quiet", is_flag=True, help="No text, no progress, no notes.")
@click.option("-v", "--verbose", is_flag=True, help="Sources behind every sentence.")
@click.option("--no-color", is_flag=True, help="No colour (as NO_COLOR).")
@click.pass_context
def command(
    ctx: click.Context, /, arguments: tuple[str, ...], files: tuple[str, ...], **given: Any
) -> None:
    """Explain a connection packet by packet: numbers, windows, and why a packet is INVALID.

    FLOW is a flow_id, ADDR:PORT (the first flow from there) or 'ADDR:PORT>ADDR:PORT'. Without
    it, connections worth explaining are listed, INVALID packets first, and the quality of the
    capture is told.

    Exit codes: 0 done; 1 done, but input was damaged; 2 usage; 4 no permission; 130 interrupted.
    """
    captures, flow, expression = _split(arguments, files)
    _refuse_odd_options(flow, given)
    places = [given[key] for key in ("json_file", "svg_file", "html_file") if given[key]]
    if len(set(places)) < len(places):
        raise click.UsageError("two results cannot go to the same place; name a file for one")
    refuse_targets(places, captures)
    if flow is None and given["packet"] is None:
        ctx.exit(_overview(captures, expression, given))
    ctx.exit(_explain(captures, flow, expression, given))


def _split(
    arguments: Sequence[str], files: Sequence[str]
) -> tuple[list[str], str | None, str | None]:
    """Captures, FLOW and the filter: FLOW is the first word behind the captures if it looks so."""
    place = next(
        (
            n
            for n, word in enumerate(arguments)
            if _FLOW.fullmatch(word) and not Path(word).exists()
        ),
        None,
    )
    if place is None or (place == 0 and not files):
        captures, expression = split_arguments(arguments, files)
        return captures, None, expression
    before, rest = list(arguments[:place]), list(arguments[place + 1 :])
    captures, words = split_arguments(before, files)
    if words is not None:  # the filter had begun: the word is a part of it
        captures, expression = split_arguments(arguments, files)
        return captures, None, expression
    return captures, arguments[place], " ".join(rest) or None


def _refuse_odd_options(flow: str | None, given: dict[str, Any]) -> None:
    if flow is not None or given["packet"] is not None:
        if given["top"] is not None:
            raise click.UsageError("--top is for the list of connections: leave FLOW out")
        return
    for key in ("svg_file", "html_file", "limit", "ladder"):
        if given[key]:
            option = f"--{key.removesuffix('_file')}"
            raise click.UsageError(f"{option} is about one connection: name FLOW or --packet")


def _overview(captures: list[str], expression: str | None, given: dict[str, Any]) -> ExitCode:
    from wiretell.exporters import explain_json, overview_text
    from wiretell.pipeline import survey_connections

    with progress_bar(quiet=given["quiet"]) as progress:
        seen: Overview = survey_connections(
            captures, filter=expression, ct=given["ct"], progress=progress
        )
    options = _options(given)
    writes: list[tuple[str, Write]] = []
    if given["json_file"]:
        writes.append(
            (given["json_file"], lambda target: explain_json.write_overview(seen, target))
        )
    if given["json_file"] != STDOUT and not given["quiet"]:
        writes.append((STDOUT, lambda target: overview_text.write(seen, target, options)))
    return write_results(writes, seen.provenance, None, quiet=given["quiet"])


def _explain(
    captures: list[str], flow: str | None, expression: str | None, given: dict[str, Any]
) -> ExitCode:
    from wiretell.exporters import explain_html, explain_json, explain_svg, explain_text
    from wiretell.exporters.escape import visible
    from wiretell.pipeline import explain_flow

    limit = given["limit"] or LIMIT
    try:
        told, provenance, flows = explain_flow(
            captures,
            flow,
            packet=given["packet"],
            limit=limit,
            filter=expression,
            ct=given["ct"],
        )
    except ValueError as error:
        raise click.ClickException(visible(str(error))) from error
    connection: Connection = told
    options, prose = _options(given), not given["ladder"]
    writes: list[tuple[str, Write]] = []
    if given["svg_file"]:
        writes.append((given["svg_file"], lambda target: explain_svg.write(connection, target)))
    if given["html_file"]:
        writes.append((given["html_file"], lambda target: explain_html.write(connection, target)))
    if given["json_file"]:
        writes.append((given["json_file"], lambda target: explain_json.write(connection, target)))
    if not given["quiet"] and STDOUT not in [place for place, _ in writes]:
        writes.append(
            (STDOUT, lambda target: explain_text.write(connection, target, options, prose=prose))
        )
    return write_results(writes, provenance, flows, quiet=given["quiet"])


def _options(given: dict[str, Any]) -> Options:
    from dataclasses import replace

    shown = shown_options(no_color=given["no_color"])
    return replace(shown, top=given["top"], verbose=given["verbose"])
