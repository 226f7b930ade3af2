"""Which arguments are captures and where the filter begins."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import click

_FILTER_CHARACTERS = frozenset("[]()!<>=&|")
_MOST_NAMED = 5
"""Files of a folder that are no captures, of which so many are named."""


def capture_arguments(words: str, then: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The arguments CAPTURE... and `words` of a command, and tcpdump's `-r` and `-n`.

    With `-r` every argument is `then`. The command is given `arguments`, `files`, `no_names`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in (
            click.option(
                "-n",
                "no_names",
                is_flag=True,
                help="Accepted as in tcpdump; names are never asked.",
            ),
            click.option(
                "-r",
                "files",
                multiple=True,
                metavar="FILE",
                help=f"Read FILE (repeatable); then every argument is {then}.",
            ),
            click.argument("arguments", nargs=-1, metavar=f"CAPTURE... {words}"),
        ):
            function = decorator(function)
        return function

    return decorate


def split_arguments(
    arguments: Sequence[str], files: Sequence[str], *, folders: bool = True
) -> tuple[list[str], str | None]:
    """Captures and the filter expression (None without one).

    With `-r` files every argument is a filter word, as in tcpdump. Else captures come first:
    existing files, saved reports, `-`, and patterns that match files; the first argument that
    is none of them begins the filter. A folder that is no saved report stands for the captures
    below it (without `folders` for itself); what else it holds is told on standard error. What a
    pattern or a folder holds is not taken twice.

    Raises:
        click.UsageError: no capture, or an argument that must be a file and is missing.
        OSError: a folder cannot be listed.
    """
    captures: list[str] = list(files)
    words = list(arguments)
    while words and not files:
        found = _captures_of(words[0])
        if not found:
            break
        captures += found if found == words[:1] else _not_there(found, captures)
        words.pop(0)
    if words and (not captures or _looks_like_path(words[0])):
        raise click.UsageError(f"no such capture: {words[0]}")
    for capture in captures:
        if capture != "-" and not Path(capture).exists():
            raise click.UsageError(f"no such capture: {capture}")
    if not captures:
        raise click.UsageError("name at least one capture (or - for standard input)")
    return _opened(captures) if folders else captures, " ".join(words) or None


def _captures_of(argument: str) -> list[str]:
    if argument == "-" or Path(argument).exists():
        return [argument]
    if not has_magic(argument):
        return []
    return sorted(glob(argument, recursive=True))  # noqa: PTH207 - may be absolute


def _not_there(found: Sequence[str], captures: Sequence[str]) -> list[str]:
    """Those of `found` that are not among the captures under any name."""
    there = {Path(name).resolve() for name in captures}
    return [name for name in found if Path(name).resolve() not in there]


def _opened(captures: Sequence[str]) -> list[str]:
    """The captures, those below a folder in its place."""
    opened: list[str] = []
    for capture in captures:
        if capture == "-" or not Path(capture).is_dir() or is_saved(capture):
            opened.append(capture)
            continue
        from wiretell.sources.folder import captures_below

        folder = captures_below(capture)
        if not folder.captures:
            raise click.UsageError(f"no capture below {capture}")
        opened += _not_there(folder.captures, opened)
        tell_others(capture, folder.others)
    return opened


def is_saved(folder: str) -> bool:
    """Whether a folder holds a saved report."""
    from wiretell.model.saved import MANIFEST

    return (Path(folder) / MANIFEST).is_file()


def tell_others(folder: str, others: Sequence[str]) -> None:
    """Names the files that are no captures, unless the command was told to be quiet."""
    context = click.get_current_context(silent=True)
    if not others or (context is not None and context.params.get("quiet")):
        return
    from wiretell.exporters.escape import visible
    from wiretell.exporters.quantity import count

    named = ", ".join(str(Path(name).relative_to(folder)) for name in others[:_MOST_NAMED])
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    what = count(len(others), "file that is no capture", "files that are no captures")
    told = f"{folder}: left out {what}: {named}{more}"
    click.echo(f"wiretell: {visible(told)}", err=True)


def _looks_like_path(argument: str) -> bool:
    from wiretell.sources.folder import CAPTURE_NAME

    if CAPTURE_NAME.search(argument):
        return True
    if "/" not in argument or _FILTER_CHARACTERS & set(argument) or " " in argument:
        return False
    try:
        ipaddress.ip_network(argument, strict=False)
    except ValueError:
        return True
    return False
