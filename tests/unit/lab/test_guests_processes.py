"""Processes of a recording: what ended well, badly or too early is told apart."""

import shutil

import pytest

from lab.guests.processes import CommandError, Processes


@pytest.fixture
def processes(tmp_path):
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv (Debian package util-linux)")
    with Processes(tmp_path) as running:
        yield running


def ended(processes, script):
    """Starts a shell that says so at its end; returns once it said so and is gone."""
    processes.start("it", ["sh", "-c", f"echo done; {script}"])
    processes.wait_for("it", "done")
    processes._running["it"].wait(10)


def test_a_process_that_runs_is_in_order(processes):
    processes.start("it", ["sleep", "60"])
    processes.check("it")
    processes.check_running("it")


def test_a_good_end_is_only_wrong_for_what_must_run(processes):
    ended(processes, "exit 0")
    processes.check("it")
    with pytest.raises(CommandError, match="it ended early with 0: done"):
        processes.check_running("it")


def test_a_failure_is_wrong_for_both(processes):
    ended(processes, "exit 3")
    with pytest.raises(CommandError, match="it ended with 3: done"):
        processes.check("it")
    with pytest.raises(CommandError, match="it ended early with 3"):
        processes.check_running("it")
