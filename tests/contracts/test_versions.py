"""One version everywhere, and a changelog that knows it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, str]:
    return dict(tomllib.loads((root / "pyproject.toml").read_text())["project"])


def test_crate_and_package_have_one_version(root: Path, project: dict[str, str]) -> None:
    crate = tomllib.loads((root / "core" / "Cargo.toml").read_text())["package"]
    assert crate["version"] == project["version"]


def test_installed_package_has_the_version_of_the_source(project: dict[str, str]) -> None:
    assert version("wiretell") == project["version"]


def test_changelog_begins_with_the_version(root: Path, project: dict[str, str]) -> None:
    released = re.findall(r"^## \[(\d[^]]*)\]", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == project["version"]


def test_locks_pin_every_package_with_a_hash(root: Path) -> None:
    locks = sorted((root / "requirements").glob("*.lock"))
    stems = {"bench", "build", "lint", "peers", "runtime", "test"}
    assert {lock.stem for lock in locks} == stems
    for lock in locks:
        entries = re.split(r"\n(?=\S)", lock.read_text())
        pinned = [entry for entry in entries if "==" in entry]
        assert pinned
        assert all("--hash=sha256:" in entry for entry in pinned), lock.name
