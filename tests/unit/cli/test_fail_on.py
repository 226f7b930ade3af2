"""`--fail-on` conditions."""

from __future__ import annotations

import click
import pytest
from fixtures.report import make_report

from wiretell.cli.fail_on import FailOn


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("devices>4", True),
        ("devices > 5", False),
        ("devices>=5", True),
        ("devices==2", False),
        ("devices<1", False),
        ("devices!=1", True),
    ],
)
def test_condition(condition: str, holds: bool) -> None:
    assert FailOn().convert(condition, None, None)(make_report()) is holds


@pytest.mark.parametrize("text", ["", "devices", "devices>", "devices>x", "machines>1"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(click.BadParameter, match="devices>1"):
        FailOn().convert(text, None, None)
