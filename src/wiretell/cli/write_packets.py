"""`wiretell flows -w OUT`: the packets that match, as they were captured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from wiretell.cli.captures import split_arguments
from wiretell.cli.exit_code import ExitCode
from wiretell.cli.output import STDOUT, refuse_targets
from wiretell.cli.progress import progress_bar

_OTHERS = {
    "json_file": "--json",
    "csv_file": "--csv",
    "parquet_dir": "--parquet",
    "zeek_dir": "--zeek",
    "exports": "--export",
    "count": "--count",
    "quality": "--quality",
    "what_if": "--what-if",
    "netflow": "--netflow",
    "collect_port": "--collect",
    "active_timeout": "--active-timeout",
    "inactive_timeout": "--inactive-timeout",
}


def write_packets(
    arguments: Sequence[str], files: Sequence[str], given: Mapping[str, Any]
) -> ExitCode:
    """Writes them as tcpdump does: nothing is listed; the exit code that fits.

    Raises `click.UsageError` where another result is asked for as well, OSError, CaptureError,
    ConfigError.
    """
    for key, option in _OTHERS.items():
        if given[key]:
            raise click.UsageError(f"-w writes packets and lists nothing; leave {option} out")
    captures, expression = split_arguments(arguments, files)
    place = given["packet_file"]
    refuse_targets([place], captures)
    from wiretell.exporters.notes import notes_on
    from wiretell.exporters.quantity import count
    from wiretell.model.progress import Progress
    from wiretell.sources.bpf import compile_filter
    from wiretell.sources.captures import open_captures
    from wiretell.sources.packet_copy import write_capture

    target = Path("/dev/stdout" if place == STDOUT else place)
    with progress_bar(quiet=given["quiet"]) as show:
        reader, unread = open_captures(captures, compile_filter(expression) if expression else None)

        def say(n_packets: int) -> None:
            if show is not None:
                show(Progress("writing", *reader.position(), n_packets))

        try:
            told = write_capture(reader, target, max_packets=given["max_packets"], say=say)
        except BrokenPipeError:
            return ExitCode.OUTPUT_CLOSED
    damage = [*unread, *reader.damage()]
    if not given["quiet"]:
        click.echo(f"wrote {count(told['packets'], 'packet')} to {place}", err=True)
        if told["times_clamped"]:
            clamped = count(told["times_clamped"], "time")
            click.echo(
                f"wiretell: {clamped} beyond what the format has, moved to its edge", err=True
            )
        provenance = {"files": reader.files(), "counters": reader.counters(), "damage": damage}
        for note in notes_on(provenance):
            click.echo(f"wiretell: {note}", err=True)
    return ExitCode.DAMAGED if damage else ExitCode.DONE
