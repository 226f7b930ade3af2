"""Every signal has a page that says why it may speak, with the weights that the code has."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from wiretell import signals

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "signal_weights.py"))
WEIGHED = sorted({*SCRIPT["CONSTANTS"], *SCRIPT["LABELS"]})
SIGNALS = [signal.name for signal in signals.ALL]
SECTIONS = ("Measured", "Physics", "Worth", "Blind spots", "Sources")


def _page(root: Path, name: str) -> str:
    return (root / "docs" / "science" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_has_a_page_with_its_sections(root: Path, name: str) -> None:
    page = _page(root, name)
    found = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert [title for title in found if title in SECTIONS] == list(SECTIONS)
    years = re.findall(r"\b(?:19|20)\d\d\b|\bRFC \d+", page.partition("## Sources")[2])
    assert years, "sources without a year"


@pytest.mark.parametrize("name", SIGNALS)
def test_index_and_overview_lead_to_every_page(root: Path, name: str) -> None:
    assert f"({name}.md)" in _page(root, "README")
    assert f"(science/{name}.md)" in (root / "docs" / "signals.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", WEIGHED)
def test_pages_state_the_weights_that_the_code_has(root: Path, name: str) -> None:
    """`docs/signal_weights.py` renews them."""
    page = _page(root, name)
    assert SCRIPT["renewed"](name, page) == page


def test_every_page_has_weights(root: Path) -> None:
    assert set(WEIGHED) == set(SIGNALS)


def test_figures_are_there_and_small(root: Path) -> None:
    for page in (root / "docs" / "science").glob("*.md"):
        for target in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            figure = page.parent / target
            assert 0 < figure.stat().st_size < 60_000, target
