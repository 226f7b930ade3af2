"""Our verdict on each packet beside the kernel's: what is equal, what is not, and a small example.

``python -m lab.oracle.compare [CAPTURE...]`` compares captures, or the scenarios of ``--seed``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from lab.oracle.datagrams import UDP, Datagram, EntryKey, datagrams
from lab.oracle.entries import Entry
from lab.oracle.kernel import Kernel, Verdict
from lab.oracle.scenarios import scenarios
from lab.superpose.frames import Frame, read_frames
from wiretell._core import Tracker

_DEFAULTS: dict[str, int | str] = {
    "nf_conntrack_tcp_be_liberal": 0,
    "nf_conntrack_tcp_loose": 1,
    "nf_conntrack_tcp_ignore_invalid_rst": 0,
}
SETTINGS: dict[str, dict[str, int | str]] = {
    "linux": _DEFAULTS,
    "linux,liberal": {**_DEFAULTS, "nf_conntrack_tcp_be_liberal": 1},
    "linux,loose=0": {**_DEFAULTS, "nf_conntrack_tcp_loose": 0},
    "linux,ignore-invalid-rst": {**_DEFAULTS, "nf_conntrack_tcp_ignore_invalid_rst": 1},
}
"""Our settings (`ct` of `Tracker`), and the kernel's that mean the same."""


_ROUNDING_S = 1


@dataclass(frozen=True, slots=True)
class Ours:
    """Our word on one packet."""

    ct_state: str
    reply: bool
    reason: str
    entry: Entry | None
    """Without `seen_reply`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A packet on which we and the kernel do not agree. `cause`: the first of its connection."""

    capture: str
    number: int
    kernel: str
    ours: str
    kernel_reason: str
    our_reason: str
    cause: bool

    @property
    def kind(self) -> tuple[str, ...]:
        """What it has in common with others: all but the numbers in the words."""
        words = "".join(" " if sign.isdigit() else sign for sign in self.kernel_reason)
        return self.kernel, self.ours, " ".join(words.split()), self.our_reason


@dataclass
class Comparison:
    """What came of any number of captures."""

    n_compared: int = 0
    n_entries: int = 0
    """Packets after which the entry of the table was compared too."""
    other_entries: Counter[str] = field(default_factory=Counter)
    """Entries that were not the same, by what was not."""
    first_other_entry: dict[str, str] = field(default_factory=dict)
    troubles: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    @property
    def share_equal(self) -> float:
        return 1.0 - len(self.differences) / max(1, self.n_compared)

    def kinds(self) -> list[tuple[tuple[str, ...], list[Difference]]]:
        """Differences by kind, the most frequent first."""
        by_kind: dict[tuple[str, ...], list[Difference]] = {}
        for difference in self.differences:
            by_kind.setdefault(difference.kind, []).append(difference)
        return sorted(by_kind.items(), key=lambda item: -len(item[1]))

    def lines(self) -> list[str]:
        """In words: how many packets were compared, and each class of difference."""
        n = len(self.differences)
        lines = [f"{self.n_compared} packets compared, {n} differ: {self.share_equal:.4%} equal"]
        if self.n_entries:
            lines.append(f"{self.n_entries} entries compared, {self.other_entries.total()} differ")
        lines += [
            f"another {what}: {n}; {self.first_other_entry[what]}"
            for what, n in sorted(self.other_entries.items())
        ]
        lines += [f"not comparable, {why}: {n}" for why, n in sorted(self.troubles.items())]
        for (kernel, ours, why, our_why), found in self.kinds():
            first = next((x for x in found if x.cause), found[0])
            lines.append(
                f"{len(found):6d} ({sum(x.cause for x in found)} first of their connection): "
                f"kernel {kernel} [{why}], we {ours} [{our_why}]; {first.capture} #{first.number}"
            )
        return lines


def our_verdicts(frames: Iterable[Frame], settings: str) -> dict[int, Ours]:
    """By the frame's number, from 1; frames that belong to no flow have none."""
    tracker = Tracker(ct=settings, segments=True)
    for frame in frames:
        tracker.push(frame.time_ns, frame.link_type, frame.data, frame.n_wire_bytes)
    tracker.finish()
    batch = tracker.drain_segments()
    if batch is None:
        return {}
    wanted = ("packet", "ct_state", "reply", "reason", "note", "tcp_state", "timeout_s", "assured")
    rows = pl.DataFrame(batch).select(wanted).iter_rows()
    return {
        packet: Ours(state, bool(reply), reason or note or "",
                     None if assured is None else Entry(tcp, timeout or 0, assured, False))
        for packet, state, reply, reason, note, tcp, timeout, assured in rows
    }  # fmt: skip


def _words(state: str, reply: bool) -> str:
    return f"{state} reply" if reply and state in ("established", "related") else state


def compare(
    comparison: Comparison,
    name: str,
    capture: Sequence[Datagram],
    verdicts: Sequence[Verdict],
    ours: dict[int, Ours],
    *,
    waited: bool = False,
) -> None:
    """Adds one capture to a comparison.

    Entries of UDP are compared only where the kernel `waited`: of itself it tells a stream by its
    own clock.
    """
    known: set[EntryKey] = set()
    for datagram, verdict in zip(capture, verdicts, strict=True):
        if not verdict.comparable or verdict.ct_state is None:
            comparison.troubles[verdict.trouble or "dropped by the kernel"] += 1
            continue
        comparison.n_compared += 1
        own = ours.get(verdict.number)
        kernel_words = _words(verdict.ct_state, verdict.reply)
        our_words = _words(own.ct_state, own.reply) if own else "no word"
        if kernel_words != our_words:
            ends = datagram.quoted or datagram.ends
            key = ends.entry_key if ends else (b"", b"", 0, 0, 0)
            comparison.differences.append(
                Difference(name, verdict.number, kernel_words, our_words, verdict.reason,
                           own.reason if own else "", key not in known)
            )  # fmt: skip
            known.add(key)
        elif verdict.entry and own and own.entry and (waited or not _udp(datagram)):
            comparison.n_entries += 1
            for what in _other(verdict.entry, own.entry):
                comparison.other_entries[what] += 1
                comparison.first_other_entry.setdefault(
                    what, f"{name} #{verdict.number}: kernel {verdict.entry}, we {own.entry}"
                )


def _udp(datagram: Datagram) -> bool:
    return datagram.ends is not None and datagram.ends.proto == UDP


def _other(theirs: Entry, ours: Entry) -> Iterator[str]:
    """In what two entries are not the same. Times are compared to the second they are told in."""
    if theirs.tcp_state != ours.tcp_state:
        yield "TCP state"
    elif abs(theirs.timeout_s - ours.timeout_s) > _ROUNDING_S:
        yield "timeout"
    if theirs.assured != ours.assured:
        yield "assured"


def minimal(kernel: Kernel, frames: Sequence[Frame], number: int, settings: str) -> list[Frame]:
    """The fewest frames (one by one taken away) whose last is still judged otherwise."""

    def differ(some: Sequence[Frame]) -> bool:
        capture = list(datagrams(some))
        found = Comparison()
        last = kernel.judge(capture)[-1]
        compare(found, "", capture[-1:], [last], our_verdicts(some, settings))
        return bool(found.differences)

    target = datagrams(frames[:number])
    seen = list(target)
    last = seen[-1]
    ends = [x for x in (last.ends, last.quoted) if x]
    keys = {x.entry_key for x in ends}
    kept = [
        frame
        for frame, datagram in zip(frames, seen, strict=False)
        if datagram.ends and datagram.ends.entry_key in keys
    ]
    if not kept or kept[-1] is not frames[number - 1]:
        kept.append(frames[number - 1])
    if not differ(kept):
        kept = list(frames[:number])
    size = max(1, len(kept) // 2)
    while size:
        at = 0
        while at < len(kept) - 1:
            fewer = kept[:at] + kept[min(at + size, len(kept) - 1) :]
            if differ(fewer):
                kept = fewer
            else:
                at += size
        size //= 2
    return kept


def described(kernel: Kernel, frames: Sequence[Frame], settings: str) -> list[str]:
    """A line per packet, with what either says of it."""
    capture = list(datagrams(frames))
    ours = our_verdicts(frames, settings)
    lines = []
    for datagram, verdict in zip(capture, kernel.judge(capture, entries=True), strict=True):
        own = ours.get(datagram.number)
        held = verdict.entry
        theirs = f"{verdict.ct_state}{' reply' if verdict.reply else ''}"
        if held:
            theirs += f" {held.tcp_state or ''} {held.timeout_s}"
        lines.append(
            f"  {datagram.number:3d} {datagram.time_ns / 1e9 % 1e6:10.3f} {_packet(datagram)}"
        )
        lines.append(f"        kernel {theirs} {verdict.reason}")
        if own:
            tcp = f" {own.entry.tcp_state} {own.entry.timeout_s}" if own.entry else ""
            way = " reply" if own.reply else ""
            lines.append(f"        ours   {own.ct_state}{way}{tcp} {own.reason}")
    return lines


def _packet(datagram: Datagram) -> str:
    ends, data = datagram.ends, datagram.data
    if ends is None or ends.proto != 6 or len(data) < 20:
        return f"proto {ends.proto if ends else '?'} {len(data)} bytes"
    head = data[40:] if len(ends.src) == 16 else data[4 * (data[0] & 15) :]
    if len(head) < 20:
        return "TCP cut"
    number = [int.from_bytes(head[at : at + 4], "big") for at in (4, 8)]
    flags = "".join(sign for bit, sign in enumerate("FSRPAU") if head[13] >> bit & 1)
    offset = 4 * (head[12] >> 4)
    window = int.from_bytes(head[14:16], "big")
    return (f"{ends.sport}>{ends.dport} {flags or '-'} seq {number[0]} ack {number[1]} "
            f"win {window} len {len(head) - offset} options {head[20:offset].hex()}")  # fmt: skip


def main(words: list[str] | None = None) -> int:
    """Compare; 1 if there was a difference."""
    parser = argparse.ArgumentParser(prog="python -m lab.oracle.compare", description=__doc__)
    parser.add_argument("captures", nargs="*", type=Path, metavar="CAPTURE")
    parser.add_argument("--seed", type=int, default=1, help="of the scenarios (default: 1)")
    parser.add_argument("--kind", default="", help="only scenarios whose name begins so")
    parser.add_argument("--ct", choices=SETTINGS, default="linux", help="settings of both")
    parser.add_argument("--helpers", action="store_true", help="FTP, SIP, ... are read")
    parser.add_argument("--entries", action="store_true", help="compare TCP states too (slow)")
    parser.add_argument("--examples", type=int, default=0, help="smallest captures per difference")
    arguments = parser.parse_args(words)
    named: Iterable[tuple[str, Sequence[Frame], bool]]
    if arguments.captures:
        named = [(path.name, read_frames(path).frames, False) for path in arguments.captures]
    else:
        named = (
            (x.name, x.frames, x.waits)
            for x in scenarios(arguments.seed)
            if x.name.startswith(arguments.kind) and x.helpers == arguments.helpers
        )
    comparison = Comparison()
    kept: dict[str, Sequence[Frame]] = {}
    with Kernel(SETTINGS[arguments.ct], helpers=arguments.helpers) as kernel:
        for name, frames, waits in named:
            capture = list(datagrams(frames))
            verdicts = kernel.judge(capture, entries=arguments.entries, waits=waits)
            ours = our_verdicts(frames, arguments.ct)
            compare(comparison, name, capture, verdicts, ours, waited=waits)
            kept[name] = frames
        print("\n".join(comparison.lines()))
        for kind, found in comparison.kinds() if arguments.examples else ():
            causes = [x for x in found if x.cause] or found
            for difference in causes[: arguments.examples]:
                frames = minimal(kernel, kept[difference.capture], difference.number, arguments.ct)
                print(f"{difference.capture} #{difference.number} {kind}")
                print("\n".join(described(kernel, frames, arguments.ct)))
    return int(bool(comparison.differences))


if __name__ == "__main__":
    sys.exit(main())
