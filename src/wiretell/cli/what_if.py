"""`wiretell flows --what-if`: packets that other settings of the tracker judge otherwise."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from wiretell.cli.captures import split_arguments
from wiretell.cli.exit_code import ExitCode
from wiretell.cli.output import STDOUT, discard_stdout, refuse_targets

_OTHERS = (
    *("parquet_dir", "zeek_dir", "zeek_json", "exports", "export_rate", "count", "netflow"),
    *("active_timeout", "inactive_timeout", "collect_port", "seconds", "max_packets"),
)


def run(arguments: Sequence[str], files: Sequence[str], given: Mapping[str, Any]) -> ExitCode:
    """Lists the packets; `given` are the options of `wiretell flows`.

    Raises `click.UsageError`, OSError, CaptureError, ConfigError.
    """
    from wiretell.exporters.what_if import WhatIf, changed
    from wiretell.sources.bpf import compile_filter
    from wiretell.sources.segments import SegmentStream, readable_again

    for key in _OTHERS:
        if given[key]:
            raise click.UsageError(
                "--what-if lists packets: only --json, --csv and --ct go with it"
            )
    captures, expression = split_arguments(arguments, files)
    target, form = _target(captures, given)
    names = (given["ct"], given["what_if"])
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with readable_again(captures) as paths:
            stream = SegmentStream(
                paths,
                compile_filter(expression) if expression else None,
                ct=given["ct"],
                what_if=given["what_if"],
            )
            with WhatIf(target, form, names) as writer:
                for batch in stream.batches():
                    writer.write(changed(batch.packets, batch.segments), batch.segments.height)
                writer.close()
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
        return ExitCode.OUTPUT_CLOSED
    provenance = stream.provenance()
    if not given["quiet"]:
        from wiretell.exporters.notes import notes_on

        for note in notes_on(provenance):
            click.echo(f"wiretell: {note}", err=True)
    return ExitCode.DAMAGED if provenance["damage"] else ExitCode.DONE


def _target(captures: Sequence[str], given: Mapping[str, Any]) -> tuple[Any, str]:
    """Where to, and in which form."""
    places = [(given[f"{form}_file"], form) for form in ("json", "csv") if given[f"{form}_file"]]
    if len(places) > 1:
        raise click.UsageError("--what-if writes one list: --json or --csv")
    place, form = places[0] if places else (STDOUT, "text")
    refuse_targets([place], captures)
    return (sys.stdout if place == STDOUT else Path(place)), form
