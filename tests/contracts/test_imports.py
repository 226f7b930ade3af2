"""The import contracts of pyproject.toml hold: one way, a pure middle, signals apart."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports


def _contracts() -> list[str]:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    return [contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]]


@pytest.mark.parametrize("contract", _contracts())
def test_import_contract_is_kept(
    contract: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    status = lint_imports(limit_to_contracts=(contract,), no_cache=True)
    assert status == 0, capsys.readouterr().out


def test_only_the_edges_import_the_core(root: Path) -> None:
    package = root / "src" / "wiretell"
    importers = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if re.search(
            r"^\s*(?:from wiretell(?:\._core)? import.*|import wiretell\.)_core|"
            r"^\s*from wiretell\._core import",
            path.read_text(),
            re.MULTILINE,
        )
    }
    assert importers <= {"pipeline.py", "__init__.py", "sources", "source.py"}
