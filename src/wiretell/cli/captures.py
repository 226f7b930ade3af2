"""Which arguments are captures and where the filter begins."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import click

_CAPTURE_NAME = re.compile(
    r".\.(pcap|pcapng|cap|ntar|dump|dmp)\d*(\.(gz|zst|xz|bz2|lz4))?$", re.IGNORECASE
)
_FILTER_CHARACTERS = frozenset("[]()!<>=&|")


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


def split_arguments(arguments: Sequence[str], files: Sequence[str]) -> tuple[list[str], str | None]:
    """Captures and the filter expression (None without one).

    With `-r` files every argument is a filter word, as in tcpdump. Else captures come first:
    existing files, saved reports, `-`, and patterns that match files; the first argument that
    is none of them begins the filter.

    Raises:
        click.UsageError: no capture, or an argument that must be a file and is missing.
    """
    captures: list[str] = list(files)
    words = list(arguments)
    while words and not files:
        found = _captures_of(words[0])
        if not found:
            break
        captures += found
        words.pop(0)
    if words and (not captures or _looks_like_path(words[0])):
        raise click.UsageError(f"no such capture: {words[0]}")
    for capture in captures:
        if capture != "-" and not Path(capture).exists():
            raise click.UsageError(f"no such capture: {capture}")
    if not captures:
        raise click.UsageError("name at least one capture (or - for standard input)")
    return captures, " ".join(words) or None


def _captures_of(argument: str) -> list[str]:
    if argument == "-" or Path(argument).exists():
        return [argument]
    return sorted(glob(argument)) if has_magic(argument) else []  # noqa: PTH207 - may be absolute


def _looks_like_path(argument: str) -> bool:
    if _CAPTURE_NAME.search(argument):
        return True
    if "/" not in argument or _FILTER_CHARACTERS & set(argument) or " " in argument:
        return False
    try:
        ipaddress.ip_network(argument, strict=False)
    except ValueError:
        return True
    return False
