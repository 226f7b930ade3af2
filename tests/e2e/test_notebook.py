"""The notebook of the examples runs from its first cell to its last, and shows what it promises."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

NOTEBOOK = "examples/plots.ipynb"


def _run(source: str, names: dict[str, Any]) -> Any:
    """Runs a cell; the value of its last line, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, NOTEBOOK, "exec"), names)
    return eval(compile(ast.Expression(last.value), NOTEBOOK, "eval"), names) if last else None


def test_every_cell_runs_and_shows_itself(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = json.loads((root / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    monkeypatch.chdir(root / "examples")
    names: dict[str, Any] = {}
    shown = [_run("".join(c["source"]), names) for c in cells if c["cell_type"] == "code"]
    pictures = [each._repr_png_() for each in shown if hasattr(each, "_repr_png_")]
    assert len(pictures) == 4
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert "6 (90 %" in shown[0]._repr_html_()
    assert shown[1].height == 6
    assert isinstance(shown[-2], pl.DataFrame)
    assert shown[-2].height == 5
    assert shown[-1][0] == "figure"


def test_the_notebook_holds_no_results(root: Path) -> None:
    cells = json.loads((root / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells)
