"""Drawn captures of every row: what was reviewed, and what must hold for each."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.accuracy.records import Record
from bench.accuracy.run import Task, judge
from bench.accuracy.snapshot import FILE

SINGLES = range(1000, 1030)


def test_is_the_text_that_was_reviewed(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.accuracy.snapshot"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    was, now = FILE.read_text(encoding="utf-8"), done.stdout
    changed = difflib.unified_diff(was.splitlines(), now.splitlines(), "reviewed", "now", n=0)
    assert was == now, "\n".join(["if better: python -m bench.accuracy.snapshot --renew", *changed])


@pytest.mark.parametrize("seed", SINGLES)
def test_a_single_machine_is_never_split(seed: int) -> None:
    (found,) = judge(Task("single", seed, (Record("single", seed, "wiretell", ""),), None))
    assert not found.error
    assert (found.n_true, found.n_found, found.low) == (1, 1, 1), found.verdicts
