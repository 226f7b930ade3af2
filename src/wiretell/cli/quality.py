"""`wiretell flows --quality`: was the capture good enough, told whole."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from wiretell.cli.captures import split_arguments
from wiretell.cli.exit_code import ExitCode
from wiretell.cli.output import discard_stdout, shown_options
from wiretell.cli.progress import progress_bar

_OTHERS = {
    "json_file": "--json",
    "csv_file": "--csv",
    "parquet_dir": "--parquet",
    "zeek_dir": "--zeek",
    "exports": "--export",
    "count": "--count",
    "netflow": "--netflow",
    "collect_port": "--collect",
    "max_packets": "-c",
}


def tell_quality(
    arguments: Sequence[str], files: Sequence[str], given: Mapping[str, Any]
) -> ExitCode:
    """Looks at every packet and writes the report; the exit code that fits.

    Raises `click.UsageError` where another result is asked for as well.
    """
    for key, option in _OTHERS.items():
        if given[key]:
            raise click.UsageError(f"--quality is a result of its own; leave {option} out")
    captures, expression = split_arguments(arguments, files)
    from wiretell.exporters import quality_text
    from wiretell.exporters.console import write_lines
    from wiretell.pipeline import survey_connections

    with progress_bar(quiet=given["quiet"]) as progress:
        seen = survey_connections(captures, filter=expression, progress=progress)
    options = shown_options(no_color=given["no_color"])
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        if not given["quiet"]:
            write_lines(quality_text.lines(seen.quality, options), sys.stdout, options)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
        return ExitCode.OUTPUT_CLOSED
    return ExitCode.DAMAGED if seen.provenance["damage"] else ExitCode.DONE
