"""What many tests need: captures, programs and rights; where one is missing, a skip says which."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more of the machine and its other work than of the code.
settings.register_profile(
    "untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of shared captures (see its manifest.csv); they are not part of the project."""
    folder = Path(os.environ.get("WIRETELL_CAPTURES", ROOT.parent / "shared" / "captures"))
    if not (folder / "manifest.csv").is_file():
        pytest.skip("no shared captures: set WIRETELL_CAPTURES to their folder")
    return folder


@pytest.fixture(scope="session")
def require_program() -> Callable[[str], str]:
    """`require_program("tshark")` is its path; the test is skipped where it is not installed."""

    def require(name: str) -> str:
        path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return require


@pytest.fixture(scope="session")
def require_root() -> None:
    """Skip where namespaces and raw sockets are out of reach."""
    if os.geteuid() != 0:
        pytest.skip("needs root")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests recorded as `summary`: figures that a reader of the log wants."""
    lines = [
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == "summary"
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)
