"""Our verdict on each packet equals the one that this machine's kernel gives, on generated and
real captures, under three settings; after each packet of some captures so does the TCP state.

What may differ, and why, is in `docs/conntrack.md`. How many packets were compared, and each class
of difference, is printed at the end of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from lab.oracle.compare import SETTINGS, Comparison, compare, our_verdicts
from lab.oracle.dangers import cases, conclude, table
from lab.oracle.datagrams import Datagram, datagrams
from lab.oracle.kernel import Kernel
from lab.oracle.needs import oracle_lacks
from lab.oracle.scenarios import Scenario, scenarios
from lab.superpose.frames import Frame, read_frames

Record = Callable[[str, object], None]

SUMMARY = "summary"
"""The property whose values `conftest.py` prints at the end."""
SEED = 1
IGNORING, RSTS = "linux,ignore-invalid-rst", ("siege", "spoofed_rst", "noise")
LEAST_EQUAL = 0.999
EVERY_SO_MANYTH_WITH_ENTRIES = 5


@dataclass(frozen=True)
class Fed:
    """A scenario, and its packets as the kernel takes them."""

    scenario: Scenario
    capture: list[Datagram]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    if lacks := oracle_lacks():
        pytest.skip(f"needs {', '.join(lacks)}")
    with Kernel() as made:
        yield made


@pytest.fixture(scope="module")
def fed(kernel: Kernel) -> list[Fed]:
    del kernel  # where it is missing, nothing need be drawn
    return [Fed(x, list(datagrams(x.frames))) for x in scenarios(SEED)]


def _compared(
    kernel: Kernel, settings: str, captures: list[tuple[str, tuple[Frame, ...]]]
) -> Comparison:
    kernel.set(SETTINGS[settings])
    comparison = Comparison()
    for name, frames in captures:
        capture = list(datagrams(frames))
        verdicts = kernel.judge(capture)
        compare(comparison, name, capture, verdicts, our_verdicts(frames, settings))
    return comparison


@pytest.mark.parametrize("settings", SETTINGS)
def test_generated_scenarios(
    kernel: Kernel, fed: list[Fed], settings: str, record_property: Record
) -> None:
    kernel.set(SETTINGS[settings])
    comparison = Comparison()
    assert len(fed) >= 300
    for number, one in enumerate(fed):
        if one.scenario.helpers or (
            settings == IGNORING and not one.scenario.name.startswith(RSTS)
        ):
            continue
        # Waiting in real time tells of UDP, which no setting changes.
        if one.scenario.waits and settings != "linux":
            continue
        waits = one.scenario.waits
        entries = settings == "linux" and (waits or number % EVERY_SO_MANYTH_WITH_ENTRIES == 0)
        verdicts = kernel.judge(one.capture, entries=entries, waits=waits)
        ours = our_verdicts(one.scenario.frames, settings)
        compare(comparison, one.scenario.name, one.capture, verdicts, ours, waited=waits)
    for line in (f"{settings}: scenarios", *comparison.lines()):
        record_property(SUMMARY, line)
    assert not comparison.troubles
    assert comparison.n_compared > (10_000 if settings == IGNORING else 50_000)
    assert comparison.share_equal >= LEAST_EQUAL, comparison.lines()
    if settings == "linux":
        assert comparison.n_entries > 10_000
        assert comparison.other_entries.total() <= (1 - LEAST_EQUAL) * comparison.n_entries


def test_announced_connections(fed: list[Fed], record_property: Record) -> None:
    """What FTP, IRC, TFTP and SIP announce is RELATED: once, and from whom was announced."""
    comparison, states = Comparison(), Counter[str | None]()
    with Kernel(helpers=True) as kernel:
        for one in (x for x in fed if x.scenario.helpers):
            verdicts = kernel.judge(one.capture)
            states.update(verdict.ct_state for verdict in verdicts)
            ours = our_verdicts(one.scenario.frames, "linux")
            compare(comparison, one.scenario.name, one.capture, verdicts, ours)
    for line in ("announced connections", *comparison.lines()):
        record_property(SUMMARY, line)
    assert states["related"] > 100
    assert states["new"] > 100
    assert comparison.share_equal >= LEAST_EQUAL, comparison.lines()


def test_damaged_packets(fed: list[Fed], record_property: Record) -> None:
    """With `nf_conntrack_checksum`, which Linux has on, a wrong checksum is INVALID."""
    rng = Random(SEED)

    def spoiled(frame: Frame) -> Frame:
        """A bit behind the IP header turned: the oracle makes that one right again."""
        data = bytearray(frame.data)
        if rng.random() < 0.3:
            data[-1 - rng.randrange(8)] ^= 1 << rng.randrange(8)
        return replace(frame, data=bytes(data))

    comparison, n_damaged = Comparison(), 0
    with Kernel({**SETTINGS["linux"], "nf_conntrack_checksum": 1}) as kernel:
        some = [x.scenario for x in fed if not x.scenario.helpers and not x.scenario.waits]
        verified = [x for x in some if not x.name.startswith(("sctp", "protocols"))]
        for scenario in verified[::24]:
            frames = [spoiled(frame) for frame in scenario.frames]
            capture = list(datagrams(frames))
            ours = our_verdicts(frames, "linux,checksum")
            compare(comparison, scenario.name, capture, kernel.judge(capture), ours)
            n_damaged += sum(each.reason == "checksum" for each in ours.values())
    for line in (f"damaged packets: {n_damaged}", *comparison.lines()):
        record_property(SUMMARY, line)
    assert n_damaged > 500
    assert comparison.share_equal >= LEAST_EQUAL, comparison.lines()


def test_the_comparison_sees_what_is_different(kernel: Kernel, fed: list[Fed]) -> None:
    """Our verdicts under other settings than the kernel's are not equal."""
    some = [(x.scenario.name, x.scenario.frames) for x in fed if x.scenario.name[:5] == "siege"]
    kernel.set(SETTINGS["linux"])
    for other, kind in (
        ("linux,liberal", ("invalid", "established")),
        ("linux,loose=0", ("new", "invalid")),
    ):
        comparison = Comparison()
        for name, frames in some:
            capture = list(datagrams(frames))
            compare(comparison, name, capture, kernel.judge(capture), our_verdicts(frames, other))
        assert comparison.share_equal < LEAST_EQUAL
        assert kind in {(x.kernel, x.ours.removesuffix(" reply")) for x in comparison.differences}
        assert all(name in comparison.lines()[-1] for name in ("kernel", "we", "siege"))


@pytest.mark.parametrize("settings", SETTINGS)
def test_shared_captures(
    kernel: Kernel, captures: Path, settings: str, record_property: Record
) -> None:
    paths = sorted((captures / "tcp-state").glob("*.pcap"))
    assert len(paths) >= 20
    found = [(path.name, read_frames(path).frames) for path in paths]
    comparison = _compared(kernel, settings, found)
    for line in (f"{settings}: {len(paths)} captures", *comparison.lines()):
        record_property(SUMMARY, line)
    assert comparison.n_compared > 1500
    assert comparison.share_equal >= LEAST_EQUAL, comparison.lines()


def test_the_dangers_are_as_documented(kernel: Kernel, root: Path) -> None:
    kernel.set(SETTINGS["linux"])
    document = (root / "docs" / "dangers.md").read_text(encoding="utf-8")
    for case in cases():
        conclusion = conclude(case, kernel)
        assert conclusion.ours == conclusion.kernel, case.name
        assert "\n".join(table(case, conclusion)) in document, case.name
