"""`wiretell show`: a saved report again."""

from __future__ import annotations

from typing import Any

import click

from wiretell.cli.output import (
    ReportCommand,
    outputs_of,
    refuse_overwriting,
    report_options,
    write_report,
)
from wiretell.sources.saved import load


@click.command("show", cls=ReportCommand)
@click.argument("folder", metavar="REPORT", type=click.Path(exists=True, file_okay=False))
@report_options
@click.pass_context
def command(ctx: click.Context, /, folder: str, **given: Any) -> None:
    """Show a report saved with --save, without the capture, in any form."""
    outputs = outputs_of(**given)
    refuse_overwriting(outputs, [folder])
    ctx.exit(write_report(load(folder), outputs))
