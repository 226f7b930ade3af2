"""`wiretell plot`: a column of every packet against time, coloured by what you ask."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from wiretell.cli.captures import capture_arguments, split_arguments
from wiretell.cli.exit_code import ExitCode
from wiretell.cli.output import (
    STDOUT,
    ReportCommand,
    discard_stdout,
    refuse_targets,
    shown_options,
)
from wiretell.cli.progress import progress_bar

if TYPE_CHECKING:
    from wiretell.exporters.plot import Plot
    from wiretell.model.report import Report

_MOST_IN_MEMORY = 1 << 28
"""Bytes of captures whose packets are kept in memory; those of larger ones go to a folder."""
_FILES = ("png_file", "svg_file", "html_file")


def _list_columns(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from wiretell.plots.columns import columns

    for each in columns().values():
        can = "y " if each.axis is not None else "  "
        also = f" (also {', '.join(each.name.aliases)})" if each.name.aliases else ""
        click.echo(f"{can}{each.name.name:16} {each.name.kind:8} {each.name.meaning}{also}")
    click.echo("\ny: can be drawn. `reverse.` before a name of a flow side: of the other side.")
    ctx.exit()


def _complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from wiretell.plots.columns import columns

    return [n for n, each in columns().items() if each.axis is not None and n.startswith(begun)]


class _Pair(click.ParamType[Any]):
    """Two numbers between which `sign` stands."""

    def __init__(self, name: str, sign: str, kind: type[int] | type[float]) -> None:
        self.name, self._sign, self._kind = name, sign, kind

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, Any]:
        low, sign, high = str(value).partition(self._sign)
        try:
            pair = self._kind(low), self._kind(high)
        except ValueError:
            self.fail(f"{value!r} is not like {self.name}", param, ctx)
        if not sign or not all(map(isfinite, pair)):
            self.fail(f"{value!r} is not like {self.name}", param, ctx)
        if self._kind is float and not pair[0] < pair[1]:
            self.fail(f"{value!r}: the first number must be below the second", param, ctx)
        return pair


@click.command("plot", cls=ReportCommand)
@click.option(
    "--columns",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_columns,
    help="List what can be drawn, filtered and coloured by, and exit.",
)
@click.argument("y", shell_complete=_complete)
@capture_arguments("[FILTER WORDS]", then="a filter word")
@click.option(
    "--address", "addresses", multiple=True, metavar="ADDR", help="Only packets that ADDR sent."
)
@click.option("--where", metavar="EXPR", help="Only packets for which EXPR holds.")
@click.option(
    "--highlight",
    "highlights",
    multiple=True,
    metavar="ATTRIBUTE|NAME=EXPR",
    help="Colour by an attribute (device, user_agent, ja4, syn, ttl, ...) or, repeatable, where"
    " EXPR holds. Default: by device in a saved report.",
)
@click.option("--reverse", is_flag=True, help="By the attribute of the flow's other side.")
@click.option(
    "--top",
    type=click.IntRange(1, 48),
    metavar="N",
    help="Values of the attribute with a colour of their own (default: 7).",
)
@click.option(
    "--x",
    "axis",
    type=click.Choice(["time", "packet"]),
    default="time",
    help="Against time (default) or packet numbers.",
)
@click.option("--y-range", type=_Pair("LOW..HIGH", "..", float), metavar="LOW..HIGH")
@click.option("--png", "png_file", metavar="FILE", help="A picture.")
@click.option("--svg", "svg_file", metavar="FILE", help="A drawing.")
@click.option("--html", "html_file", metavar="FILE", help="A page to zoom in.")
@click.option("--json", "json_file", metavar="[FILE]", help="What is drawn, as JSON.")
@click.option(
    "--size", type=_Pair("1200x520", "x", int), metavar="WxH", help="Pixels (default: 1200x520)."
)
@click.option("--dark", is_flag=True, help="PNG and SVG on a dark ground.")
@click.option("-q", "--quiet", is_flag=True, help="No plot here, no progress, no notes.")
@click.option("--no-color", is_flag=True, help="No colour (as NO_COLOR).")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    y: str,
    arguments: tuple[str, ...],
    files: tuple[str, ...],
    **given: Any,
) -> None:
    """Draw the column Y of every packet against time: machines are what the eye sees.

    Y is ip_id, ip_id_no_ts, tsval, clock_offset, src_port, isn, ttl, window, length, rtt or
    another column (--columns lists all). CAPTURE is a capture, a folder of captures, or a saved
    report. The first word that names no file begins a filter in tcpdump's language. Without a file
    to write, the plot is drawn here.

    Exit codes: 0 done; 1 done, but input was damaged; 2 usage; 4 no permission; 130 interrupted.
    """
    from wiretell.expressions.error import ExpressionError

    captures, expression = split_arguments(arguments, files)
    targets = [given[key] for key in (*_FILES, "json_file") if given[key] not in (None, STDOUT)]
    if len(set(targets)) < len(targets):
        raise click.UsageError("two results cannot go to the same place; name a file for one")
    refuse_targets(targets, captures)
    with _place_for_packets(captures) as kept:
        try:
            report, plot = _plot(y, captures, expression, kept, given)
        except ExpressionError as error:
            raise click.UsageError("\n".join(error.lines())) from error
        code = _write(report, plot, targets, given)
    ctx.exit(code)


def _plot(
    y: str,
    captures: list[str],
    expression: str | None,
    kept: Path | bool,
    given: Mapping[str, Any],
) -> tuple[Report, Plot]:
    """The plot, and the report that it is of."""
    from wiretell.exporters.plot import check_size
    from wiretell.exporters.plot_layout import HEIGHT, WIDTH
    from wiretell.expressions.parser import parse
    from wiretell.plots.columns import names, quantity
    from wiretell.plots.highlight import MOST_VALUES, check
    from wiretell.plots.scene import needs_judgement

    asked = list(given["highlights"])
    # What is wrong is told before a large capture is read.
    drawn = quantity(y)
    condition = _condition(given["addresses"], given["where"])
    where = parse(condition, names()) if condition else None
    check(asked, reverse=given["reverse"] and bool(asked))
    if given["reverse"] and not asked and not any(Path(each).is_dir() for each in captures):
        raise click.UsageError("--reverse belongs to --highlight ATTRIBUTE")
    size = given["size"] or (WIDTH, HEIGHT)
    check_size(size)
    judge = needs_judgement(drawn, asked, where)
    report, is_saved = _report(captures, expression, kept, judge=judge, quiet=given["quiet"])
    if is_saved and not asked and report.devices.height:
        asked = ["device"]
    plot = report.plot(
        y,
        x=given["axis"],
        where=condition,
        highlight=asked,
        reverse=given["reverse"],
        top=given["top"] or MOST_VALUES,
        y_range=given["y_range"],
        size=size,
        dark=given["dark"],
    )
    return report, plot


def _condition(addresses: Sequence[str], where: str | None) -> str | None:
    """One expression for --address and --where."""
    from wiretell.cli.output import plain_address

    if not addresses:
        return where
    sent = f"src in ({', '.join(plain_address(text) for text in addresses)})"
    if where is None:
        return sent
    from wiretell.expressions.parser import parse
    from wiretell.plots.columns import names

    parse(where, names())  # so that a message shows what was typed
    return f"{sent} and ({where})"


def _report(
    captures: list[str],
    expression: str | None,
    kept: Path | bool,
    *,
    judge: bool,
    quiet: bool,
) -> tuple[Report, bool]:
    """What the captures hold, machines told apart where `judge`; whether it was saved.

    `kept` is a folder for the packets, or True: in memory.
    """
    from wiretell.sources.for_plots import load_for_plots

    folders = [capture for capture in captures if capture != STDOUT and Path(capture).is_dir()]
    if folders:
        if len(captures) > 1 or expression is not None:
            raise click.UsageError(
                f"{folders[0]} is a saved report: one is shown alone, without a filter;"
                " --where chooses packets of it"
            )
        return load_for_plots(folders[0]), True
    from wiretell.pipeline import analyze, measure

    read = partial(analyze, jobs=os.cpu_count() or 1) if judge else measure
    with progress_bar(quiet=quiet) as progress:
        return read(captures, filter=expression, progress=progress, points=kept), False


@contextmanager
def _place_for_packets(captures: Sequence[str]) -> Iterator[Path | bool]:
    """Where packets are kept while a plot is made: in memory (True), else in a temporary folder."""
    files = [Path(capture) for capture in captures if capture != STDOUT]
    n_bytes = sum(file.stat().st_size for file in files if file.is_file())
    packed = any(file.suffix in {".gz", ".zst", ".xz", ".bz2", ".lz4"} for file in files)
    if STDOUT not in captures and n_bytes * (8 if packed else 1) <= _MOST_IN_MEMORY:
        yield True
        return
    with TemporaryDirectory(prefix="wiretell-") as folder:
        yield Path(folder) / "points"


def _write(report: Report, plot: Plot, targets: Sequence[str], given: Mapping[str, Any]) -> int:
    from wiretell.exporters import plot_json, plot_text
    from wiretell.exporters.notes import notes

    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for key in (*_FILES, "json_file"):
        target = given[key]
        if target in (None, STDOUT):
            continue
        _save(plot, key, Path(target))
        if not given["quiet"]:
            click.echo(f"wrote {target}", err=True)
    try:
        if given["json_file"] == STDOUT:
            plot_json.write(plot.scene, sys.stdout, size=plot.size)
        elif not targets and not given["quiet"]:
            plot_text.write(plot.scene, sys.stdout, shown_options(no_color=given["no_color"]))
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
        return ExitCode.OUTPUT_CLOSED
    if not given["quiet"]:
        nothing = _why_nothing(report, plot, given)
        for note in (*nothing, *notes(report)):
            click.echo(f"wiretell: {note}", err=True)
    return ExitCode.DAMAGED if report.damaged else ExitCode.DONE


def _why_nothing(report: Report, plot: Plot, given: Mapping[str, Any]) -> list[str]:
    from wiretell.cli.output import plain_address
    from wiretell.exporters.plot_empty import why_nothing

    addresses = [plain_address(text) for text in given["addresses"]]
    where = given["where"] or ""
    why = why_nothing(report, plot.scene, plot.sides, addresses=addresses, where=where)
    return [f"nothing is drawn: {why[:1].lower()}{why[1:]}"] if why else []


def _save(plot: Plot, key: str, target: Path) -> None:
    """Writes one form, whatever the name's end is."""
    from wiretell.exporters import plot_json, plot_png, plot_svg

    if key == "png_file":
        plot_png.write(plot.scene, target, size=plot.size, dark=plot.dark)
    elif key == "svg_file":
        plot_svg.write(plot.scene, target, size=plot.size, dark=plot.dark)
    elif key == "html_file":
        from wiretell.exporters import plot_html

        plot_html.write(plot.scene, plot.sides, target)
    else:
        plot_json.write(plot.scene, target, size=plot.size)
