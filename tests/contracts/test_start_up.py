"""Asking for help loads none of the heavy libraries (the time itself: bench/start_up.py)."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("polars", "numpy", "scipy", "bokeh", "rich", "jinja2", "wiretell._core")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "import wiretell.cli\n"
        "try:\n"
        f"    wiretell.cli.main({arguments!r})\n"
        "except SystemExit as done:\n"
        "    assert not done.code, done.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_version_option_tells_the_version_of_the_package() -> None:
    from importlib.metadata import version

    done = subprocess.run(
        [sys.executable, "-m", "wiretell", "--version"], capture_output=True, text=True, check=False
    )
    assert version("wiretell") in done.stdout.split(), done.stderr
