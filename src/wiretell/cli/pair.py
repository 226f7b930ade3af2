"""`--why FLOW FLOW`: the answer about two flows, as text or JSON."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from wiretell.cli.exit_code import ExitCode
from wiretell.cli.output import STDOUT, Outputs, finished
from wiretell.exporter import Target
from wiretell.model.report import Report

_FORMS = frozenset({"table", "json"})


def refuse_for_pair(outputs: Outputs) -> None:
    """`click.UsageError` where a form is asked for that two flows do not have."""
    others = [name for name, _ in outputs.files if name not in _FORMS]
    if others:
        raise click.UsageError(f"--why has text and --json, not --{others[0]}")
    if outputs.fail_on is not None:
        raise click.UsageError("--why and --fail-on ask different questions; give one")
    if len(outputs.options.addresses) > 1:
        raise click.UsageError("--why is about one address; give --address once")


def write_pair(report: Report, pair: tuple[str, str], outputs: Outputs) -> ExitCode:
    """Judges the address of the two flows and writes the answer.

    Raises:
        click.ClickException: a flow is unknown, or the two have no address in common.
    """
    from wiretell.exporters import why_json, why_text
    from wiretell.exporters.escape import visible
    from wiretell.pipeline import explain_pair

    try:
        address = next(iter(outputs.options.addresses), None)
        answer = explain_pair(report, *pair, address=address)
    except ValueError as error:
        raise click.ClickException(f"--why: {visible(str(error))}") from error

    def write_all() -> None:
        for name, place in outputs.files:
            target: Target = sys.stdout if place == STDOUT else Path(place)
            if name == "json":
                why_json.write(answer, target)
            else:
                why_text.write(answer, target, outputs.options)

    return finished(report, outputs, write_all)
