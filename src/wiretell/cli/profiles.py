"""Profiles on the command line: the key of their hashes, saving them, reading them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wiretell.cli.progress import progress_bar

if TYPE_CHECKING:
    from wiretell.model.profiles import ProfileSet
    from wiretell.model.report import Report

F = TypeVar("F", bound=Callable[..., Any])
LEAST_KEY_BYTES = 16


def profile_key_option(function: F) -> F:
    """The option `--profile-key`; it arrives as `profile_key`, the bytes of the key."""
    return click.option(
        "--profile-key",
        callback=_key,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Hash names with the key in FILE: without it, hashes cannot be tried out."
        " Only profiles of one key are compared.",
    )(function)


def _key(_: click.Context, __: click.Parameter, path: Path | None) -> bytes:
    if path is None:
        return b""
    key = path.read_bytes()
    if len(key) < LEAST_KEY_BYTES:
        raise click.UsageError(
            f"--profile-key {path}: {len(key)} bytes are too few to be a key; it takes"
            f" {LEAST_KEY_BYTES} or more (head -c 32 /dev/urandom > {path.name})"
        )
    return key


def save_profiles(report: Report, captures: Sequence[str], file: Path, key: bytes) -> None:
    """Writes the profiles of the report's machines. Raises OSError."""
    from wiretell.exporters import profiles_json
    from wiretell.pipeline import profiles

    profiles_json.write(profiles(report, source_name(captures), key=key), file)


def source_name(captures: Sequence[str]) -> str:
    """What captures are called in what is made of them: the first one's name, and how many more."""
    first = "standard input" if captures[0] == "-" else Path(captures[0]).name
    return first if len(captures) == 1 else f"{first} and {len(captures) - 1} more"


def read_profiles(
    captures: Sequence[str], *, filter: str | None, key: bytes, quiet: bool, servers: bool = True
) -> ProfileSet:
    """Profiles of a file of profiles, of a saved report, or of captures read as one stream.

    Without `servers` those that only answer are told in brief (`pipeline.profiles`).

    Raises:
        click.UsageError: several are given of which one is no capture.
        OSError, CaptureError, ConfigError: as `analyze`, `load`, `load_profiles`.
    """
    from wiretell.pipeline import analyze, profiles
    from wiretell.sources.profiles import is_profiles_file, load_profiles
    from wiretell.sources.saved import is_saved_report, load

    first = Path(captures[0])
    ready = captures[0] != "-" and (is_profiles_file(first) or is_saved_report(first))
    if ready and len(captures) > 1:
        raise click.UsageError(f"{first} is no capture: it cannot be read together with others")
    if ready and is_profiles_file(first):
        return load_profiles(first)
    if ready:
        return profiles(load(first), source_name(captures), key=key, servers=servers)
    with progress_bar(quiet=quiet) as progress:
        report = analyze(list(captures), filter=filter, progress=progress)
    return profiles(report, source_name(captures), key=key, servers=servers)
