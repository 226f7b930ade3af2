"""Asking for help loads none of the heavy libraries (the time itself: bench/start_up.py)."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

UNWANTED = (
    "cryptography",
    "matplotlib",
    "numpy.f2py",
    "numpy.polynomial",
    "numpy.random",
    "numpy.testing",
    "scipy.interpolate",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.spatial",
    "scipy.stats",
    "bokeh",
    "jinja2",
    "wiretell.devices.edits",
    "wiretell.devices.seams",
    "wiretell.plots",
    "wiretell.sources.points",
    "wiretell.sources.saved",
)
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


def test_counting_flows_loads_no_library_of_tables(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    program = (
        "import sys\n"
        "import wiretell.cli\n"
        "try:\n"
        f"    wiretell.cli.main(['flows', {str(empty)!r}, '--count'])\n"
        "except SystemExit as done:\n"
        "    assert not done.code, done.code\n"
        "loaded = [name for name in ('polars', 'numpy', 'rich') if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("0 flows; 0 packets;")


def test_version_option_tells_the_version_of_the_package() -> None:
    from importlib.metadata import version

    done = subprocess.run(
        [sys.executable, "-m", "wiretell", "--version"], capture_output=True, text=True, check=False
    )
    assert version("wiretell") in done.stdout.split(), done.stderr


def test_devices_of_a_small_capture_loads_only_what_it_needs() -> None:
    capture = Path(__file__).parents[2] / "examples" / "single.pcap.zst"
    program = (
        "import sys\n"
        "import wiretell.cli\n"
        "try:\n"
        f"    wiretell.cli.main(['devices', {str(capture)!r}, '-q'])\n"
        "except SystemExit as done:\n"
        "    assert not done.code, done.code\n"
        f"unwanted = {UNWANTED!r}\n"
        "loaded = [name for name in unwanted if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
