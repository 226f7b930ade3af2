"""Parts of NumPy that are not loaded together with SciPy, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

_BEGIN = """
import sys
import numpy as np
from wiretell.cli.deferred import PARTS, Deferred, deferred_numpy

def loaded():
    return [part for part in PARTS if f"numpy.{part}" in sys.modules]

before = set(vars(np))
with deferred_numpy():
    import scipy.special
"""


def _run(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_scipy_loads_none_of_them_and_counts_as_always() -> None:
    _run("assert not loaded(), loaded()\nassert scipy.special.ndtr(0.0) == 0.5\n")


def test_numpy_is_as_it_was_and_loads_its_parts_itself() -> None:
    _run(
        "assert not [name for name in set(vars(np)) - before if name in PARTS]\n"
        "assert 0.0 <= np.random.default_rng(1).random() < 1.0\n"
        "assert not isinstance(np.random, Deferred)\n"
        "assert np.ma.masked_array([1, 2], [True, False]).sum() == 2\n"
    )


def test_what_scipy_kept_loads_when_it_is_used() -> None:
    _run(
        "from scipy._lib._array_api import np_compat\n"
        "assert not loaded(), loaded()\n"
        "assert 0.0 <= np_compat.random.default_rng(1).random() < 1.0\n"
        "assert loaded() == ['random']\n"
        "import scipy.optimize, scipy.stats\n"
        "assert scipy.stats.norm.cdf(0.0) == 0.5\n"
    )


def test_a_part_that_is_loaded_already_is_left_alone() -> None:
    _run(
        "import numpy.random as real\n"
        "with deferred_numpy():\n"
        "    assert np.random is real\n"
        "assert np.random is real\n"
    )
