"""Plots within a page: their data as JSON in script elements, and the scripts that are allowed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from bokeh.embed import json_item

_ID = re.compile(r"p\d+")
START = (
    'for (const data of document.querySelectorAll("script.plots")) {'
    " Bokeh.embed.embed_item(JSON.parse(data.textContent), data.dataset.target); }"
)
"""Draws every plot of the page."""


def embedded(layout: Any, target: str) -> str:
    """The plots as JSON that may stand in a script element, with ids that are always the same.

    They begin with `target`, as no two models of a page may have the same.
    """
    item = json_item(layout, target)  # type: ignore[arg-type]
    ids: dict[str, str] = {}
    text = json.dumps(_renumbered(item, ids, target), separators=(",", ":"))
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _renumbered(value: Any, ids: dict[str, str], prefix: str) -> Any:
    """`value` with Bokeh's running numbers of models replaced by their order in it."""
    if isinstance(value, dict):
        return {
            key: ids.setdefault(part, f"{prefix}-{len(ids)}")
            if key in {"id", "root_id"} and isinstance(part, str) and _ID.fullmatch(part)
            else _renumbered(part, ids, prefix)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_renumbered(part, ids, prefix) for part in value]
    return value


def digest(script: str) -> str:
    """The source expression of Content-Security-Policy level 3 that allows this script."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"
