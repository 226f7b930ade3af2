"""Options of every command that has a report, and its way out through the exporters."""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wiretell.cli.exit_code import ExitCode
from wiretell.cli.fail_on import FailOn
from wiretell.exporter import Options, Target
from wiretell.exporters import exporter

if TYPE_CHECKING:
    from wiretell.model.report import Report

STDOUT = "-"
MIN_WIDTH, MAX_WIDTH = 60, 160
_OPTIONAL_FILES = {"--json": ".json", "--csv": ".csv"}

F = TypeVar("F", bound=Callable[..., Any])


class ReportCommand(click.Command):
    """A command whose `--json` and `--csv` take a file where one is named, else print.

    `--json=FILE` names any file, `--json FILE` one that ends in .json: a capture that follows
    the bare option is never taken for a file to be written.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Gives bare `--json` and `--csv` their value first."""
        return super().parse_args(ctx, _with_files(args))


def _with_files(arguments: Sequence[str]) -> list[str]:
    given: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            return [*given, argument, *waiting]
        suffix = _OPTIONAL_FILES.get(argument)
        if suffix is not None:
            is_file = bool(waiting) and waiting[0].endswith(suffix)
            argument = f"{argument}={waiting.pop(0) if is_file else STDOUT}"
        given.append(argument)
    return given


@dataclass(frozen=True)
class Outputs:
    """Where the report goes: exporter names with targets, and how it is shown."""

    files: tuple[tuple[str, str], ...]
    options: Options
    quiet: bool
    fail_on: Callable[[Report], bool] | None


def report_options(function: F) -> F:
    """Adds the options of `Outputs`; they arrive as keywords for `outputs_of`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option("--json", "json_file", metavar="[FILE]", help="One JSON document."),
    click.option("--csv", "csv_file", metavar="[FILE]", help="One row per judged flow side."),
    click.option(
        "--parquet",
        "--save",
        "parquet_dir",
        metavar="DIR",
        help="Save the whole report: a folder of Parquet files, to show again later.",
    ),
    click.option("--html", "html_file", metavar="FILE", help="One page with plots."),
    click.option(
        "--top", type=click.IntRange(min=1), metavar="N", help="Only the N busiest addresses."
    ),
    click.option(
        "--address", "addresses", multiple=True, metavar="ADDR", help="Only this address."
    ),
    click.option("--all", "all_addresses", is_flag=True, help="List single servers too."),
    click.option(
        "--fail-on", type=FailOn(), metavar="EXPR", help="Exit 3 where EXPR holds: devices>N."
    ),
    click.option("-q", "--quiet", is_flag=True, help="No table, no progress, no notes."),
    click.option("-v", "--verbose", is_flag=True, help="Every reason and detail."),
    click.option("--no-color", is_flag=True, help="No colour (as NO_COLOR)."),
)


def outputs_of(**given: Any) -> Outputs:
    """What the options of `report_options` ask for.

    Raises:
        click.UsageError: two results want standard output, or the same file.
    """
    files = [
        (name, given[key])
        for name, key in (
            ("parquet", "parquet_dir"),
            ("html", "html_file"),
            ("json", "json_file"),
            ("csv", "csv_file"),
        )
        if given[key] is not None
    ]
    targets = [target for _, target in files]
    if len(set(targets)) < len(targets):
        raise click.UsageError("two results cannot go to the same place; name a file for one")
    if STDOUT not in targets and not given["quiet"]:
        files.append(("table", STDOUT))
    shown = shown_options(no_color=given["no_color"])
    options = replace(
        shown,
        addresses=tuple(plain_address(text) for text in given["addresses"]),
        top=given["top"],
        all_addresses=given["all_addresses"],
        verbose=given["verbose"],
    )
    return Outputs(tuple(files), options, given["quiet"], given["fail_on"])


def shown_options(*, no_color: bool) -> Options:
    """How wide standard output is, and whether it has colour."""
    wants_color = sys.stdout.isatty() and not no_color and not os.environ.get("NO_COLOR")
    return Options(color=wants_color and os.environ.get("TERM") != "dumb", width=_width())


def refuse_overwriting(outputs: Outputs, inputs: Sequence[str]) -> None:
    """`click.UsageError` where a result would be written over what is read."""
    refuse_targets([target for _, target in outputs.files], inputs)


def refuse_targets(targets: Sequence[str], inputs: Sequence[str]) -> None:
    """The same for results by place alone."""
    for target in targets:
        if target == STDOUT or not Path(target).exists():
            continue
        for source in inputs:
            if source != STDOUT and Path(source).exists() and Path(target).samefile(source):
                raise click.UsageError(f"{target} is read; it cannot be written too")


def write_report(report: Report, outputs: Outputs) -> ExitCode:
    """Writes every result, files before standard output; the exit code that fits."""

    def write_all() -> None:
        for name, place in outputs.files:
            target: Target = sys.stdout if place == STDOUT else Path(place)
            exporter(name).write(report, target, outputs.options)
            if place != STDOUT and not outputs.quiet:
                click.echo(f"wrote {place}", err=True)

    tells_notes = ("table", STDOUT) in outputs.files
    return finished(report, outputs, write_all, tells_notes=tells_notes)


def finished(
    report: Report, outputs: Outputs, write: Callable[[], None], *, tells_notes: bool = False
) -> ExitCode:
    """Runs `write`; the exit code that fits. `tells_notes`: what it writes has the notes."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        write()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of standard output has seen enough
        discard_stdout()
        return ExitCode.OUTPUT_CLOSED
    if not outputs.quiet and not tells_notes:
        _show_notes(report)
    if outputs.fail_on is not None and outputs.fail_on(report):
        return ExitCode.FINDINGS
    return ExitCode.DAMAGED if report.damaged else ExitCode.DONE


Write = Callable[[Target], None]
"""Writes one result to a place."""


def write_results(
    writes: Sequence[tuple[str, Write]],
    provenance: Mapping[str, Any],
    flows: Any = None,
    *,
    quiet: bool,
) -> ExitCode:
    """Writes files before standard output, then notes on the input; the exit code that fits.

    `flows` are the FLOWS of the input, where they are at hand.
    """
    from wiretell.exporters.notes import notes_on

    if not write_places(writes, quiet=quiet):
        return ExitCode.OUTPUT_CLOSED
    if not quiet:
        for note in notes_on(provenance, flows):
            click.echo(f"wiretell: {note}", err=True)
    return ExitCode.DAMAGED if provenance["damage"] else ExitCode.DONE


def write_places(writes: Sequence[tuple[str, Write]], *, quiet: bool) -> bool:
    """Writes files before standard output; False where the reader of that has seen enough."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        for place, write in sorted(writes, key=lambda each: each[0] == STDOUT):
            write(sys.stdout if place == STDOUT else Path(place))
            if place != STDOUT and not quiet:
                click.echo(f"wrote {place}", err=True)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
        return False
    return True


def discard_stdout() -> None:
    """Throws away what still waits to be written, since nobody reads it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_notes(report: Report) -> None:
    from wiretell.exporters.notes import notes

    for note in notes(report):
        click.echo(f"wiretell: {note}", err=True)


def _width() -> int:
    if not sys.stdout.isatty():
        return Options.width
    columns = shutil.get_terminal_size((Options.width, 24)).columns
    return min(max(columns, MIN_WIDTH), MAX_WIDTH)


def plain_address(text: str) -> str:
    """`text` in its canonical form; `click.UsageError` where it is no IP address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise click.UsageError(f"--address {text!r}: not an IP address") from error
