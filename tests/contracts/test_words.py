"""The project speaks of itself alone: no path or host of the machine it was made on."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PRIVATE = re.compile(
    r"(?<![\w.~$}*-])/(?:home|root|work|Users|mnt|workspace|builds)/\w"  # somebody's folders
    r"|(?<![\w.~$}*-])/tmp/\w"  # left-overs of an experiment
    r"|\bindex-url\b|\bfind-links\s*=|\bextra-index\b"  # where somebody's packages come from
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
ABOUT_THEMSELVES = ("tests/contracts/test_words.py", "requirements/lock.sh")


def _tracked_text(root: Path) -> Iterator[tuple[str, str]]:
    if not (root / ".git").exists():
        pytest.skip("not a git work tree: which files belong to the project is not known")
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if name in ABOUT_THEMSELVES or not (root / name).is_file():
            continue
        data = (root / name).read_bytes()
        if b"\0" not in data[:8192]:
            yield name, data.decode("utf-8", "replace")


def test_no_tracked_file_names_a_private_place(root: Path) -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in _tracked_text(root)
        for number, line in enumerate(text.splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert found == []


def test_no_tracked_file_is_left_unfinished(root: Path) -> None:
    mark = re.compile(r"\b(?:TODO|FIXME|XXX)\b|\b(?:todo|unimplemented)!\(")
    found = [
        f"{name}:{number}"
        for name, text in _tracked_text(root)
        if name.endswith((".py", ".rs", ".sh", ".toml", "Makefile"))
        for number, line in enumerate(text.splitlines(), 1)
        if mark.search(line)
    ]
    assert found == []
