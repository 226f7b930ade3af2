"""What the documents tell a reader to type exists, and what they point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click import Command, Context

from wiretell.cli import command as wiretell
from wiretell.exporters.limits import markdown

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")


def _documents(root: Path) -> list[Path]:
    return [root / name for name in DOCUMENTS] + sorted((root / "docs").rglob("*.md"))


def test_make_goals_named_in_documents_exist(root: Path) -> None:
    goals = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for document in _documents(root):
        named = set(re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), re.MULTILINE))
        assert named <= goals, document.name


def test_links_between_documents_lead_somewhere(root: Path) -> None:
    broken = [
        f"{document.relative_to(root)}: {target}"
        for document in _documents(root)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("name", ["demo", "test", "lint", "bench", "fuzz", "clean"])
def test_makefile_explains_its_goals(root: Path, name: str) -> None:
    assert re.search(rf"^{name}:.* ## \w", (root / "Makefile").read_text(), re.MULTILINE)


def test_options_shown_in_the_readme_exist(root: Path) -> None:
    context = Context(wiretell)
    shown = re.findall(
        r"^\s*(?:\$ )?wiretell ([a-z]+)([^\n]*)", (root / "README.md").read_text(), re.MULTILINE
    )
    assert shown
    for name, rest in shown:
        command = wiretell.get_command(context, name)
        assert isinstance(command, Command), f"no command {name}"
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)(--[a-z][a-z-]*)", rest)) <= known, name


def test_the_readme_states_the_limits_as_the_page_does(root: Path) -> None:
    """`docs/limits.py` renews them."""
    words = re.search(r"<!-- limits -->\n(.*)\n<!-- end of limits -->", _readme(root), re.DOTALL)
    assert words is not None
    assert words[1] == markdown()
    assert _readme(root).count("<!-- limits measured -->") == 1


def _readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")
