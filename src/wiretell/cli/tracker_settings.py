"""Settings of the connection tracker as options of commands, worded in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

LINUX = "linux"
_WORDS = (
    "a profile (linux, pf-like, strict), switches (liberal, loose=0, ignore-invalid-rst, paws,"
    " checksum), timeouts; words between commas"
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def ct_option(use: str = "") -> Decorator:
    """`--ct SETTINGS`; `use` says what the command has it for, if not for everything."""
    told = f"Settings of the connection tracker{use and f' ({use})'}: {_WORDS} (default: {LINUX})."
    return click.option("--ct", default=LINUX, metavar="SETTINGS", help=told)


def what_if_option() -> Decorator:
    """`--what-if SETTINGS`, beside `--ct`."""
    told = "List the packets that a tracker with SETTINGS (as of --ct) judges otherwise."
    return click.option("--what-if", "what_if", metavar="SETTINGS", help=told)
