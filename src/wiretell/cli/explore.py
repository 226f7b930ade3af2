"""`wiretell explore`: the machines on a page, to look at and to correct."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretell.cli.captures import capture_arguments, split_arguments
from wiretell.cli.output import ReportCommand
from wiretell.cli.profiles import source_name
from wiretell.cli.progress import progress_bar

if TYPE_CHECKING:
    from wiretell.explore.workspace import Workspace

_MOST_NAMED = 3
"""Captures that the page's title names; of more, the first and how many there are."""


@click.command("explore", cls=ReportCommand)
@capture_arguments("[FILTER WORDS]", then="a filter word")
@click.option(
    "--save",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Save the report there, with your edits; open it again with: wiretell explore DIR.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port (0: any free one).")
@click.option("--no-browser", is_flag=True, help="Print the address; open nothing.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="End after S seconds.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress; print the address alone.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    arguments: tuple[str, ...],
    files: tuple[str, ...],
    no_names: bool,
    folder: Path | None,
    port: int,
    no_browser: bool,
    seconds: float | None,
    quiet: bool,
) -> None:
    """See the machines of captures or of a saved report on a page of your browser.

    Brush a plot and the others follow; filter, highlight and colour by anything; click a machine
    for its story. You may disagree: split, merge, rename, annotate, undo. Edits are kept beside
    a saved report, and every command that reads it sees them.

    The page is served to this machine alone (127.0.0.1) and to the first browser that opens the
    address; Ctrl-C ends it.
    """
    captures, expression = split_arguments(arguments, files)
    workspace, title, source = _workspace(ctx, captures, expression, folder, quiet=quiet)
    from wiretell.explore.server import Explorer

    explorer = Explorer(workspace, title, source, port)
    url = explorer.url
    click.echo(url)
    if not quiet:
        click.echo("wiretell: open this address in a browser; Ctrl-C ends", err=True)
    explorer.run(seconds, None if no_browser else lambda: _open(url))
    ctx.exit(0)


def _open(url: str) -> None:
    webbrowser.open(url)


def _workspace(
    ctx: click.Context,
    captures: list[str],
    expression: str | None,
    folder: Path | None,
    *,
    quiet: bool,
) -> tuple[Workspace, str, str]:
    """The report to look at, its title, and the Python expression that gives it."""
    from wiretell.devices.edit_log import EditLog
    from wiretell.explore.workspace import Workspace

    folders = [capture for capture in captures if capture != "-" and Path(capture).is_dir()]
    if folders:
        if len(captures) > 1 or expression is not None or folder is not None:
            raise click.UsageError(f"{folders[0]} is a saved report: it is explored alone")
        return Workspace.open(Path(folders[0])), folders[0], _loads(folders[0])
    if folder is not None and folder.exists():
        raise click.UsageError(f"{folder} exists; open it with: wiretell explore {folder}")
    from tempfile import TemporaryDirectory

    from wiretell.exporter import Options
    from wiretell.exporters import parquet
    from wiretell.pipeline import analyze

    # Every packet is kept in files: a close view shows them all, however many there are.
    packets = ctx.with_resource(TemporaryDirectory(prefix="wiretell-"))
    with progress_bar(quiet=quiet) as progress:
        report = analyze(
            captures,
            filter=expression,
            progress=progress,
            jobs=os.cpu_count() or 1,
            points=Path(packets) / "points",
        )
    title = ", ".join(captures) if len(captures) <= _MOST_NAMED else source_name(captures)
    if folder is None:
        given = f", filter={expression!r}" if expression else ""
        return Workspace(report, None, EditLog()), title, f"wiretell.analyze({captures!r}{given})"
    parquet.write(report, folder, Options())
    return Workspace.open(folder), title, _loads(str(folder))


def _loads(folder: str) -> str:
    return f"wiretell.load({folder!r})"
