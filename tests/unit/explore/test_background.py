"""Machines told apart beside the page: what is told meanwhile, and how it ends."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from wiretell.explore import background
from wiretell.explore.background import Background, Step
from wiretell.explore.held import Held, unjudged
from wiretell.explore.judging import Judging, Phase
from wiretell.model.report import Report
from wiretell.pipeline import judge, measure
from wiretell.sources.kept_points import Kept
from wiretell.sources.points import PointFiles

EXAMPLE = Path(__file__).parents[3] / "examples" / "single.pcap.zst"
PATIENCE_S = 120


class Heard:
    """What was told, as a server would hear it."""

    def __init__(self, n_addresses: int) -> None:
        self.states = [Judging.begun(n_addresses, reads_packets=True)]
        self.delivered: list[tuple[Held, Path | None]] = []
        self.shown: list[PointFiles] = []

    def tell(self, step: Step) -> None:
        self.states.append(step(self.states[-1]))

    def deliver(self, held: Held, folder: Path | None, step: Step) -> None:
        self.delivered.append((held, folder))
        self.tell(step)

    def show(self, packets: PointFiles, step: Step) -> None:
        self.shown.append(packets)
        self.tell(step)

    def wait(self) -> Judging:
        end = time.monotonic() + PATIENCE_S
        while not self.states[-1].is_over and time.monotonic() < end:
            time.sleep(0.02)
        return self.states[-1]


@pytest.fixture(scope="module")
def measured() -> Report:
    return measure(EXAMPLE)


def test_it_finds_what_the_command_finds_and_ends_its_processes(
    measured: Report, tmp_path: Path
) -> None:
    early = unjudged(measured)
    heard = Heard(early.addresses.height)
    kept = Kept((str(EXAMPLE),), None, tmp_path / "points")
    work = Background(measured, tmp_path / "report", 1, heard.tell, heard.deliver, heard.show, kept)
    work.start()
    assert heard.wait().phase is Phase.DONE
    phases = [state.phase for state in heard.states]
    assert Phase.SAVING in phases
    assert heard.states[phases.index(Phase.SAVING)].n_done == early.addresses.height
    held, folder = heard.delivered[0]
    assert folder == tmp_path / "report"
    expected = judge(measured)
    address = held.addresses["address"][0]
    found = held.of(address)
    assert found.devices.equals(expected.devices.filter(expected.devices["address"] == address))
    at_once = measure(EXAMPLE, points=True)
    assert at_once.points is not None
    assert held.points is not None
    assert heard.shown[0].n_rows == held.points.n_rows == at_once.points.n_rows
    assert held.provenance["counters"] == at_once.provenance["counters"]
    assert heard.states[0].reads_packets
    assert not heard.states[-1].reads_packets
    work.stop()
    assert multiprocessing.active_children() == []


def test_packets_that_cannot_be_read_again_are_told_and_machines_come(
    measured: Report, tmp_path: Path
) -> None:
    heard = Heard(1)
    kept = Kept((str(tmp_path / "gone.pcap"),), None, tmp_path / "points")
    Background(measured, None, 1, heard.tell, heard.deliver, heard.show, kept).start()
    state = heard.wait()
    assert state.phase is Phase.DONE
    assert "Close views draw a few packets of each flow: FileNotFoundError" in state.words()
    assert heard.shown == []
    assert heard.delivered[0][0].points is None


def test_a_failure_is_told(measured: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(report: Report, *, spread: object) -> Report:
        raise MemoryError("no more")

    monkeypatch.setattr(background, "judge", fail)
    heard = Heard(3)
    Background(measured, None, 1, heard.tell, heard.deliver, heard.show).start()
    state = heard.wait()
    assert state.phase is Phase.FAILED
    assert "MemoryError: no more" in state.words()
    assert heard.delivered == []


def test_a_stop_ends_a_long_judgement_and_nothing_more_is_told(
    measured: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(report: Report, *, spread: Callable[[Any, Iterable[Any]], Any]) -> Report:
        list(spread(time.sleep, [PATIENCE_S]))
        return report

    monkeypatch.setattr(background, "judge", endless)
    monkeypatch.setattr(background, "n_addresses", lambda work: 1)
    heard = Heard(1)
    work = Background(measured, None, 1, heard.tell, heard.deliver, heard.show)
    work.start()
    end = time.monotonic() + PATIENCE_S
    while not multiprocessing.active_children() and time.monotonic() < end:
        time.sleep(0.02)
    began = time.monotonic()
    work.stop()
    assert time.monotonic() - began < PATIENCE_S / 2
    assert heard.states[1:] == []
