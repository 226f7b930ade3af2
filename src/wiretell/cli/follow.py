"""`--follow`: flows of captures that are still written, until Ctrl-C or a limit."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import click

from wiretell.cli.captures import is_saved, split_arguments, tell_others
from wiretell.cli.output import STDOUT

if TYPE_CHECKING:
    from wiretell.sources.followed import FollowedCaptures

FOLLOW = "--follow"
_OTHERS = {
    "packet_file": "-w",
    "quality": "--quality",
    "what_if": "--what-if",
    "netflow": "--netflow",
    "collect_port": "--collect",
    "all_flows": "--all",
}


@runtime_checkable
class Endless(Protocol):
    """A source that goes on until it is stopped."""

    def stop(self) -> None:
        """Reading ends; what was read is told. Called from a signal's handler."""


def followed(
    arguments: Sequence[str],
    files: Sequence[str],
    given: Mapping[str, Any],
    refuse_overwriting: Callable[[Sequence[str], Mapping[str, Any]], None],
    tracking: Mapping[str, Any],
) -> FollowedCaptures:
    """The source of the command's flows; `tracking` are settings of `FollowedCaptures`.

    Raises `click.UsageError` where it is not one file or folder, or another thing is asked for.
    """
    for key, option in _OTHERS.items():
        if given[key]:
            raise click.UsageError(f"{FOLLOW} lists flows as they end; leave {option} out")
    captures, expression = split_arguments(arguments, files, folders=False)
    if len(captures) > 1:
        raise click.UsageError(f"{FOLLOW} takes one file, or the folder that files are written to")
    capture = captures[0]
    place = Path(capture)
    if capture == STDOUT or not (place.is_file() or place.is_dir()):
        raise click.UsageError(f"what comes through a pipe is waited for; leave {FOLLOW} out")
    if is_saved(capture):
        raise click.UsageError(f"{capture} is a saved report: it does not grow")
    refuse_overwriting(captures, given)
    from wiretell.exporters.escape import visible
    from wiretell.sources.folder import captures_below
    from wiretell.sources.followed import FollowedCaptures

    def tell(words: str) -> None:
        if not given["quiet"]:
            click.echo(f"wiretell: {visible(words)}", err=True)

    if place.is_dir():
        tell_others(capture, captures_below(capture).others)
    return FollowedCaptures(
        capture, tell=tell, seconds=given["seconds"], filter=expression, **tracking
    )


@contextmanager
def stopped_by_signals(source: Endless) -> Iterator[None]:
    """Within the block the first SIGINT or SIGTERM ends reading; a second one interrupts."""
    before: dict[int, Any] = {}

    def stop(*_: object) -> None:
        restore()
        source.stop()

    def restore() -> None:
        while before:
            signal.signal(*before.popitem())

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        restore()


def tell_totals(provenance: Mapping[str, Any]) -> None:
    """How much was read, where no listing says it."""
    from wiretell.exporters.quantity import count

    read, files = provenance["counters"], provenance["files"]
    parts = [count(read["flows"], "flow"), count(read["packets"], "packet")]
    if len(files) > 1:
        parts.append(count(len(files), "file"))
    click.echo(f"wiretell: {'; '.join(parts)}", err=True)
