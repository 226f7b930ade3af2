"""docs/explain.md shows what the commands print, and the drawings are theirs."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def session(root: Path) -> object:
    spec = spec_from_file_location("explain_session", root / "docs" / "explain_session.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_document_shows_what_the_commands_print(session: object, tmp_path: Path) -> None:
    text = session.DOCUMENT.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert text.count("<!-- session: ") == 5
    assert session.renewed(text, tmp_path) == text  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["greeting", "rejected"])
def test_the_drawings_are_of_these_captures(session: object, tmp_path: Path, name: str) -> None:
    drawn = tmp_path / "drawn.svg"
    session.run(f"wiretell explain {name}.pcap 0 -q --svg {drawn}", tmp_path)  # type: ignore[attr-defined]
    assert drawn.read_bytes() == (session.IMAGES / f"{name}.svg").read_bytes()  # type: ignore[attr-defined]
