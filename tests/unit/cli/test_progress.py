"""The progress bar: on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from wiretell.cli.progress import progress_bar
from wiretell.pipeline import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_shows_packets_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar(quiet=False) as show:
        assert show is not None
        show(Progress("tracking", 500_000, 1_000_000, 12_345))
        show(Progress("tracking", 700_000, None, 23_456))
    assert "tracking" in terminal.getvalue()
    assert "23 456 packets" in terminal.getvalue()


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_is_silent_elsewhere(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, quiet: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar(quiet=quiet) as show:
        assert show is None
    assert stream.getvalue() == ""
