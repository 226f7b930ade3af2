"""The state of the telling apart: what may follow what, and what is said."""

from __future__ import annotations

from wiretell.explore.judging import Judging, Phase


def test_it_goes_forward_only() -> None:
    state = Judging.begun(24)
    assert "0 of 24 addresses" in state.words()
    state = state.advanced(3).advanced(-2).advanced(4)
    assert "7 of 24 addresses" in state.words()
    assert state.advanced(100).n_done == 24
    saving = state.saving()
    assert saving.phase is Phase.SAVING
    assert saving.advanced(1) == saving
    assert not saving.is_over
    done = saving.finished()
    assert done.is_over
    assert done.words() == ""
    for late in (done.advanced(1), done.saving(), done.failed("too late"), done.finished("late")):
        assert late == done


def test_a_failure_is_said_and_stays() -> None:
    failed = Judging.begun(2).advanced(1).failed("MemoryError: out of memory")
    assert failed.is_over
    assert "out of memory" in failed.words()
    assert "Plots and flows are whole" in failed.words()
    assert failed.finished() == failed
    unsaved = Judging.begun(1).finished("The report could not be saved: disk full")
    assert unsaved.phase is Phase.DONE
    assert "disk full" in unsaved.words()


def test_what_was_judged_before_has_nothing_to_say() -> None:
    assert Judging.of_judged().is_over
    assert Judging.of_judged().words() == ""
    assert "1 address." in Judging.begun(1).words()


def test_what_becomes_of_close_views_is_said_in_every_phase() -> None:
    state = Judging.begun(1, reads_packets=True)
    assert "until then a few of each flow" in state.words()
    assert "until then a few of each flow" in state.saving().words()
    assert state.packets_read() == Judging.begun(1)
    lost = state.packets_read("OSError: gone").saving().finished()
    assert lost.words() == "Close views draw a few packets of each flow: OSError: gone."
    assert lost.packets_read("too late") == lost
