"""`wiretell flows --format conntrack` lists what the kernel's table holds at the last packet.

The kernel's table is read after each packet; an entry whose time has run out by the last one is
gone. Compared per connection: TCP state, time left, answered, assured.
"""

from __future__ import annotations

import io
import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from lab.oracle.datagrams import UDP, Ends, EntryKey, datagrams
from lab.oracle.kernel import Kernel
from lab.oracle.needs import oracle_lacks
from lab.oracle.scenarios import scenarios
from lab.oracle.write import write_frames
from lab.superpose.frames import Frame, read_frames
from wiretell.exporter import Options
from wiretell.exporters.flow_writers import writer
from wiretell.sources.tracked import TrackedCaptures

EVERY_SO_MANYTH = 17
NEAR_S = 1
"""Times left are whole seconds, of clocks that began at different moments."""
LINE = re.compile(
    r"\S+ +(?P<proto>\d+) (?P<left>\d+)(?: (?P<state>[A-Z_0-9]+))?"
    r" src=(?P<src>\S+) dst=(?P<dst>\S+)"
    r"(?: sport=(?P<sport>\d+) dport=(?P<dport>\d+)| type=(?P<type>\d+) code=\d+ id=(?P<id>\d+))?"
)
Held = tuple[str | None, int, bool, bool]
"""TCP state, seconds left, answered, assured."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    if lacks := oracle_lacks():
        pytest.skip(f"needs {', '.join(lacks)}")
    with Kernel() as made:
        yield made


def listed(path: Path) -> dict[EntryKey, Held]:
    source = TrackedCaptures([str(path)], analysis=False, ct="linux")
    text = io.StringIO()
    with redirect_stdout(text):
        made = writer("conntrack", text, Options(), source.entries)
        for batch in source.batches():
            made.write(batch)
        made.close(source.provenance())
    found = {}
    for line in text.getvalue().splitlines():
        told = LINE.match(line)
        assert told, line
        src, dst = (ipaddress.ip_address(told[name]).packed for name in ("src", "dst"))
        sport, dport = int(told["sport"] or told["id"] or 0), int(told["dport"] or 0)
        if told["type"]:
            dport = int(told["type"]) << 8
        key = Ends(src, dst, int(told["proto"]), sport, dport).entry_key
        assert key not in found
        state = told["state"].lower() if told["state"] else None
        found[key] = state, int(told["left"]), "[UNREPLIED]" not in line, "[ASSURED]" in line
    return found


def held(kernel: Kernel, frames: Sequence[Frame]) -> tuple[dict[EntryKey, Held], set[EntryKey]]:
    """The kernel's entries at the last packet, and those that nothing can be said of."""
    capture = list(datagrams(frames))
    end_ns = max(datagram.time_ns for datagram in capture)
    found: dict[EntryKey, Held] = {}
    unclear: set[EntryKey] = set()
    for datagram, verdict in zip(capture, kernel.judge(capture, entries=True), strict=True):
        if datagram.ends is None:
            continue
        key = datagram.ends.entry_key
        found.pop(key, None)
        if not verdict.comparable or verdict.ct_state is None:
            unclear.add(key)
        elif entry := verdict.entry:
            left_s = entry.timeout_s - (end_ns - datagram.time_ns) * 1e-9
            # It may have ended, or not: the table tells whole seconds.
            if -NEAR_S <= left_s <= NEAR_S:
                unclear.add(key)
            elif left_s > 0:
                found[key] = entry.tcp_state, int(left_s), entry.seen_reply, entry.assured
    return found, unclear


def equal(theirs: Held | None, ours: Held | None, proto: int) -> bool:
    if theirs is None or ours is None:
        return False
    # UDP is a stream by the kernel's own clock, which does not follow the capture's.
    if proto == UDP:
        return theirs[2] == ours[2]
    return (
        theirs[0] == ours[0] and theirs[2:] == ours[2:] and abs(theirs[1] - ours[1]) <= NEAR_S + 1
    )


def test_the_listing_is_the_kernels_table(
    kernel: Kernel,
    captures: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    paths = sorted((captures / "tcp-state").glob("*.pcap"))
    named = [(path, read_frames(path).frames) for path in paths]
    for scenario in [x for x in scenarios(1) if not x.helpers and not x.waits][::EVERY_SO_MANYTH]:
        named.append((tmp_path / f"{scenario.name}.pcap", scenario.frames))
        write_frames(*named[-1])
    n_compared = 0
    differ = []
    for path, frames in named:
        theirs, unclear = held(kernel, frames)
        ours = listed(path)
        for key in (theirs.keys() | ours.keys()) - unclear:
            n_compared += 1
            if not equal(theirs.get(key), ours.get(key), key[2]):
                differ.append((path.name, key, theirs.get(key), ours.get(key)))
    told = f"{n_compared} entries of {len(named)} captures, {len(differ)} differ"
    record_property("summary", f"listing beside the kernel's table: {told}")
    assert n_compared > 80
    assert len(differ) <= 0.01 * n_compared, differ[:10]
