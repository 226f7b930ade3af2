"""`wiretell explore`: the machines on a page, to look at and to correct."""

from __future__ import annotations

import os
import webbrowser
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from wiretell.cli.captures import capture_arguments, split_arguments
from wiretell.cli.output import ReportCommand
from wiretell.cli.profiles import source_name
from wiretell.cli.progress import progress_bar

if TYPE_CHECKING:
    from wiretell.explore.background import Background, Deliver, Show, Tell
    from wiretell.explore.server import Explorer

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
    saved = _saved(captures, expression, folder)
    if saved is not None:
        explorer = _opened(saved, port)
    else:
        explorer = _measured(ctx, captures, expression, folder, port, quiet=quiet)
    url = explorer.url
    click.echo(url)
    if not quiet:
        click.echo("wiretell: open this address in a browser; Ctrl-C ends", err=True)
    try:
        explorer.run(seconds, None if no_browser else lambda: _open(url))
    finally:
        if folder is not None and not folder.exists():
            click.echo(f"wiretell: ended before machines were told apart: no {folder}", err=True)
    ctx.exit(0)


def _open(url: str) -> None:
    webbrowser.open(url)


def _saved(captures: list[str], expression: str | None, folder: Path | None) -> Path | None:
    """The saved report that is asked for; None: captures are."""
    folders = [capture for capture in captures if capture != "-" and Path(capture).is_dir()]
    if not folders:
        return None
    if len(captures) > 1 or expression is not None or folder is not None:
        raise click.UsageError(f"{folders[0]} is a saved report: it is explored alone")
    return Path(folders[0])


def _opened(saved: Path, port: int) -> Explorer:
    """The saved report, the address that the page opens with read already."""
    loading = _loading()
    try:
        from wiretell.explore.workspace import Workspace

        workspace = Workspace.open(saved)
        for address in workspace.addresses["address"].head(1):
            workspace.opened(address)
    finally:
        loading.join()
    from wiretell.explore.server import Explorer

    return Explorer(workspace, str(saved), _loads(saved), port)


def _loading() -> Thread:
    """The page's own modules take a second to load: meanwhile what it shows is read."""
    loading = Thread(target=import_module, args=("wiretell.explore.server",), daemon=True)
    loading.start()
    return loading


def _measured(
    ctx: click.Context,
    captures: list[str],
    expression: str | None,
    folder: Path | None,
    port: int,
    *,
    quiet: bool,
) -> Explorer:
    """The captures read; their machines are told apart beside the page."""
    if folder is not None and folder.exists():
        raise click.UsageError(f"{folder} exists; open it with: wiretell explore {folder}")
    from tempfile import TemporaryDirectory

    from wiretell.pipeline import measure
    from wiretell.sources.kept_points import Kept
    from wiretell.sources.segments import readable_again

    loading = _loading()
    try:
        # Captures are read again for close views, and where a flow is explained.
        readable = ctx.with_resource(readable_again(captures))
        with progress_bar(quiet=quiet) as progress:
            report = measure(readable, filter=expression, progress=progress)
    finally:
        loading.join()
    from wiretell.devices.edit_log import EditLog
    from wiretell.explore.held import InMemory, unjudged
    from wiretell.explore.judging import Judging
    from wiretell.explore.server import Explorer
    from wiretell.explore.workspace import Workspace

    held = InMemory(unjudged(report))
    state = Judging.begun(held.addresses.height, reads_packets=True)
    workspace = Workspace(held, None, EditLog(), state=state, promised=folder)
    given = f", filter={expression!r}" if expression else ""
    source = _loads(folder) if folder else f"wiretell.analyze({captures!r}{given})"
    title = ", ".join(captures) if len(captures) <= _MOST_NAMED else source_name(captures)
    explorer = Explorer(workspace, title, source, port)
    jobs = os.cpu_count() or 1
    # Every packet is kept in files: a close view shows them all, however many there are.
    place = Path(ctx.with_resource(TemporaryDirectory(prefix="wiretell-"))) / "points"
    kept = Kept(tuple(readable), expression, place)

    def beside(tell: Tell, deliver: Deliver, show: Show) -> Background:
        # It takes longer to load than the page to be drawn, which does not wait for it.
        from wiretell.explore.background import Background

        return Background(report, folder, jobs, tell, deliver, show, kept)

    explorer.judge(beside)
    return explorer


def _loads(folder: Path) -> str:
    return f"wiretell.load({str(folder)!r})"
