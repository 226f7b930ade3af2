"""`wiretell flows --count` of captures: the totals, without making a table of the flows."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wiretell.cli.output import STDOUT, discard_stdout, shown_options
from wiretell.exporter import Options, Target, text_stream

if TYPE_CHECKING:
    from wiretell.exporters.flow_totals import FlowTotals
    from wiretell.sources.counted import CountedCaptures


def count_flows(source: CountedCaptures, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Writes the totals where they are wanted; None: nobody reads the output."""
    from wiretell.exporters.flow_totals import FlowTotals

    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    json_place = given["json_file"]
    try:
        totals = FlowTotals.counted(*source.totals())
        provenance = source.provenance()
        if json_place is not None:
            with text_stream(sys.stdout if json_place == STDOUT else Path(json_place)) as stream:
                stream.write(totals.json(provenance))
        if json_place != STDOUT and not given["quiet"]:
            _write(totals, provenance, sys.stdout, shown_options(no_color=given["no_color"]))
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
        return None
    if json_place not in (None, STDOUT) and not given["quiet"]:
        click.echo(f"wrote {json_place}", err=True)
    return provenance


def _write(
    totals: FlowTotals, provenance: Mapping[str, Any], target: Target, options: Options
) -> None:
    if options.color:
        from wiretell.exporters.console import write_lines
        from wiretell.exporters.flow_table import totals_lines

        write_lines(totals_lines(totals, provenance), target, options)
        return
    # Without colour these are the same lines, and nothing that draws need be loaded.
    with text_stream(target) as stream:
        stream.writelines(f"{line}\n" for line in _plain_lines(totals, provenance))


def _plain_lines(totals: FlowTotals, provenance: Mapping[str, Any]) -> Iterator[str]:
    from wiretell.exporters.notes import notes_on

    yield from totals.words(provenance)
    yield from (f"! {note}" for note in notes_on(provenance))
