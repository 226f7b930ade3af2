"""The page's scripts stand in it: none of them ends or reopens its element."""

from __future__ import annotations

import re

from wiretell.explore.document import page_scripts


def test_no_script_holds_what_the_browser_reads_as_markup() -> None:
    scripts = page_scripts()
    assert any("Bokeh" in script for script in scripts)
    for script in scripts:
        assert re.search(r"<!--|</?script", script, re.IGNORECASE) is None


def test_formulas_are_not_loaded() -> None:
    """A text of the wire between dollars stays what it is."""
    assert sum(map(len, page_scripts())) < 2_500_000
