"""Three dangers of a tracker in the middle: captures, and what three trackers conclude of them.

``python -m lab.oracle.dangers`` prints the tables of `docs/dangers.md`; ``-o FOLDER`` writes the
captures. The kernel's column needs root.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from lab.oracle.compare import our_verdicts
from lab.oracle.datagrams import TCP, Ends, datagrams
from lab.oracle.kernel import Kernel
from lab.oracle.naive import Naive
from lab.oracle.needs import oracle_lacks
from lab.oracle.segment import LINKTYPE_RAW, Segment, reverse, tcp_packet
from lab.oracle.write import write_frames
from lab.superpose.frames import Frame

_CLIENT = Ends(bytes((10, 0, 0, 2)), bytes((192, 0, 2, 2)), TCP, 40_000, 80)
_ISNS = {"client": 1_000_000, "server": 5_000_000}
_START_NS, _STEP_S = 1_700_000_000 * 10**9, 0.02
_FLAGS = "FSRPAU"


@dataclass(frozen=True)
class Packet:
    """One line of a case, and its frame."""

    words: str
    fate: str
    forged: bool
    flags: int
    ends: Ends
    frame: Frame = field(repr=False)


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    danger: str
    why: str
    packets: tuple[Packet, ...]

    @property
    def frames(self) -> tuple[Frame, ...]:
        return tuple(packet.frame for packet in self.packets)


@dataclass(frozen=True)
class Conclusion:
    """(ct state, TCP state after it) of each packet, by tracker."""

    naive: tuple[tuple[str, str], ...]
    kernel: tuple[tuple[str, str], ...]
    """Empty where the kernel cannot be asked."""
    ours: tuple[tuple[str, str], ...]


def cases() -> tuple[Case, ...]:
    """What `dangers.toml` lists, as packets."""
    text = (resources.files("lab.oracle") / "dangers.toml").read_text(encoding="utf-8")
    made = []
    for row in tomllib.loads(text)["case"]:
        now_s, packets = 0.0, []
        for line in row["packets"]:
            now_s += line.get("after_s", _STEP_S)
            packets.append(_packet(line, now_s))
        made.append(Case(row["name"], row["title"], row["danger"], row["why"], tuple(packets)))
    return tuple(made)


def _packet(line: dict[str, object], now_s: float) -> Packet:
    sender = str(line["from"])
    other = "server" if sender == "client" else "client"
    ends = _CLIENT if sender == "client" else reverse(_CLIENT)
    number = {name: value for name, value in line.items() if isinstance(value, int)}
    flags = sum(1 << _FLAGS.index(sign) for sign in str(line["flags"]))
    segment = Segment(
        _ISNS[sender] + number["seq"],
        _ISNS[other] + number["ack"] if "ack" in number else 0,
        flags,
        number.get("window", 64_240),
        number.get("length", 0),
        mss=number.get("mss"),
        wscale=number.get("wscale"),
    )
    data = tcp_packet(ends, segment)
    words = f"{sender} {line['flags']} seq {number['seq']}"
    words += f" ack {number['ack']}" if "ack" in number else ""
    words += f" len {segment.length}" if segment.length else ""
    frame = Frame(_START_NS + int(now_s * 1e9), data, len(data), LINKTYPE_RAW)
    return Packet(words, str(line["fate"]), bool(line.get("forged")), flags, ends, frame)


def conclude(case: Case, kernel: Kernel | None) -> Conclusion:
    """All three trackers on one case."""
    naive = Naive()
    ours = our_verdicts(case.frames, "linux")
    theirs: list[tuple[str, str]] = []
    if kernel:
        capture = list(datagrams(case.frames))
        for verdict in kernel.judge(capture, entries=True):
            state = verdict.entry.tcp_state if verdict.entry else None
            theirs.append((verdict.ct_state or "", state or "none"))
    return Conclusion(
        tuple(naive.judge(packet.ends, packet.flags) for packet in case.packets),
        tuple(theirs),
        tuple(
            (own.ct_state, (own.entry.tcp_state if own.entry else None) or "none")
            for own in (ours[number] for number in range(1, len(case.packets) + 1))
        ),
    )


def table(case: Case, conclusion: Conclusion) -> list[str]:
    """Markdown: a row per packet, a column per tracker."""
    lines = [
        "| # | packet | what happens | flags alone | nf_conntrack | wiretell |",
        "|---|---|---|---|---|---|",
    ]
    kernel: Sequence[tuple[str, str]] = conclusion.kernel or [("", "")] * len(case.packets)
    for number, packet in enumerate(case.packets, 1):
        told = (x[number - 1] for x in (conclusion.naive, kernel, conclusion.ours))
        cells = " | ".join(f"{ct} {tcp}".strip().upper() for ct, tcp in told)
        fate = f"**{packet.fate}**" if packet.forged else packet.fate
        lines.append(f"| {number} | `{packet.words}` | {fate} | {cells} |")
    return lines


def main(words: list[str] | None = None) -> int:
    """Print the tables, or write the captures."""
    parser = argparse.ArgumentParser(prog="python -m lab.oracle.dangers", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="write captures there")
    arguments = parser.parse_args(words)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for case in cases():
            write_frames(arguments.out / f"{case.name}.pcap", case.frames)
        return 0
    lacks = oracle_lacks()
    kernel = None if lacks else Kernel()
    if lacks:
        print(f"without the kernel's column, which needs {', '.join(lacks)}", file=sys.stderr)
    for case in cases():
        print(f"## {case.title}\n")
        print("\n".join(table(case, conclude(case, kernel))), end="\n\n")
    if kernel:
        kernel.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
