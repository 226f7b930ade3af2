"""docs/plot.md: its table is that of the columns, its expressions and commands are understood."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from wiretell.expressions.parser import parse
from wiretell.plots.columns import names


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docs" / "plot.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_columns(root: Path, text: str) -> None:
    """`docs/plot_pictures.py` renews it."""
    spec = importlib.util.spec_from_file_location("pictures", root / "docs" / "plot_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.document() == text
    for picture in module.PICTURES:
        assert f"images/{picture}.png" in text
        assert (root / "docs" / "images" / f"{picture}.png").is_file()


def test_its_expressions_are_understood(text: str) -> None:
    section = text.split("## Expressions")[1].split("## What is drawn", maxsplit=1)[0]
    shown = re.findall(r"^    (\S.*)$", section, re.MULTILINE)
    shown += [each for each in re.findall(r"`([^`]+)`", section) if re.match(r"(not )?ttl ", each)]
    assert len(shown) >= 3
    for expression in shown:
        parse(expression, names())


def test_its_commands_have_options_that_exist(text: str) -> None:
    from wiretell.cli.plot import command

    known = {option for parameter in command.params for option in parameter.opts}
    used = re.findall(r"(?<!\S)`?(--[a-z][a-z-]*)", "\n".join(re.findall("wiretell plot.*", text)))
    assert set(used) <= known
    assert len(used) > 8


def test_names_and_aliases_are_of_one_column_each() -> None:
    words = [word for each in names().all for word in (each.name, *each.aliases)]
    assert len(words) == len(set(words))
