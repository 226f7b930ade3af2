"""What the exit codes mean."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Codes that `wiretell` exits with."""

    DONE = 0
    DAMAGED = 1
    """Done, but input was damaged or partly unread, or output could not be written."""
    USAGE = 2
    FINDINGS = 3
    """What `--fail-on` asked about is so."""
    NO_PERMISSION = 4
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141
    """Nobody reads the output any more; as a shell reports SIGPIPE."""
