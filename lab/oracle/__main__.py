"""``python -m lab.oracle CAPTURE...``: what the kernel's connection tracking says of each packet.

Needs root. Captures are pcap or pcapng, plain or gzip. Frames that cannot be forwarded are counted
by reason on standard error. SETTING is a file of /proc/sys/net/netfilter.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from lab.guests.processes import CommandError
from lab.oracle.datagrams import datagrams
from lab.oracle.kernel import Kernel, OracleError, Verdict
from lab.oracle.needs import oracle_lacks
from lab.superpose.frames import FrameError, read_frames


class Writer(Protocol):
    """What `csv.writer` makes."""

    def writerow(self, row: Iterable[object], /) -> object: ...


_COLUMNS = ("capture", "packet", "ct_state", "reply", "reason", "trouble")
_ENTRY_COLUMNS = ("tcp_state", "timeout_s", "assured", "seen_reply")


def _setting(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (name.startswith("nf_conntrack") and name.isidentifier() and equals and value):
        raise ValueError(word)
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.oracle", description=__doc__)
    parser.add_argument("captures", nargs="+", type=Path, metavar="CAPTURE")
    parser.add_argument("--csv", action="store_true", help="comma-separated, with a header")
    parser.add_argument("--entries", action="store_true", help="the table after each packet (slow)")
    parser.add_argument("--helpers", action="store_true", help="FTP, SIP, ... on their usual ports")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        dest="settings",
        metavar="SETTING=VALUE",
        help="such as nf_conntrack_tcp_loose=0",
    )
    return parser


def _cells(verdict: Verdict) -> list[object]:
    way = "reply" if verdict.reply else ""
    cells = [verdict.number, verdict.ct_state or "", way, verdict.reason, verdict.trouble]
    held = verdict.entry
    if held:
        return [*cells, held.tcp_state or "", held.timeout_s, int(held.assured),
                int(held.seen_reply)]  # fmt: skip
    return cells


def _print(path: Path, verdicts: Iterable[Verdict], table: Writer | None) -> None:
    for verdict in verdicts:
        cells = _cells(verdict)
        if table:
            table.writerow([path, *cells])
        else:
            print(f"{cells[0]:>6} ", *filter(None, map(str, cells[1:])))


def main(words: list[str] | None = None) -> int:
    """Judge captures, each on an empty table."""
    arguments = _parser().parse_args(words)
    if lacks := oracle_lacks():
        print(f"needs {', '.join(lacks)}", file=sys.stderr)
        return 4
    table: Writer | None = csv.writer(sys.stdout, lineterminator="\n") if arguments.csv else None
    if table:
        table.writerow(_COLUMNS + (_ENTRY_COLUMNS if arguments.entries else ()))
    bad = 0
    try:
        with Kernel(dict(arguments.settings), helpers=arguments.helpers) as kernel:
            for path in arguments.captures:
                try:
                    frames = read_frames(path).frames
                except (FrameError, OSError) as error:
                    print(error, file=sys.stderr)
                    bad = 1
                    continue
                verdicts = kernel.judge(list(datagrams(frames)), entries=arguments.entries)
                _print(path, verdicts, table)
                _summary(path, verdicts)
    except (CommandError, OracleError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return bad


def _summary(path: Path, verdicts: list[Verdict]) -> None:
    states = Counter(v.ct_state for v in verdicts if v.comparable)
    troubles = Counter(v.trouble or "dropped" for v in verdicts if not v.comparable)
    words = [f"{n} {state}" for state, n in states.most_common()]
    words += [f"{n} not comparable: {trouble}" for trouble, n in troubles.most_common()]
    print(f"{path}: {len(verdicts)} frames; {', '.join(words)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
