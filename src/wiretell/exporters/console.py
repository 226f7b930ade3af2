"""Styled lines of text onto a terminal, a pipe or a file."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from wiretell.exporter import Options, Target, text_stream


def write_lines(lines: Iterable[Text], target: Target, options: Options) -> None:
    """Writes the lines; the same lines give the same bytes."""
    with text_stream(target) as stream:
        console = Console(
            file=stream,
            width=options.width,
            force_terminal=options.color,
            color_system="standard" if options.color else None,
            no_color=not options.color,
            highlight=False,
            legacy_windows=False,
        )
        for line in lines:
            console.print(line, soft_wrap=True)
