"""Modules stay small and are named for what they do."""

from __future__ import annotations

from pathlib import Path

MAX_LINES = 600
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "misc", "base"}


def _modules(root: Path) -> list[Path]:
    folders = ("src", "core", "lab", "bench", "tests")
    return [
        path
        for folder in folders
        for suffix in ("py", "pyi", "rs")
        for path in (root / folder).rglob(f"*.{suffix}")
        if "target" not in path.parts
    ]


def test_no_module_is_too_long(root: Path) -> None:
    lines = {path: len(path.read_text().splitlines()) for path in _modules(root)}
    assert lines, "found no modules"
    assert {path: n for path, n in lines.items() if n > MAX_LINES} == {}


def test_no_module_has_a_vague_name(root: Path) -> None:
    assert [path for path in _modules(root) if VAGUE_NAMES & {path.stem, path.parent.name}] == []
