"""What a group's handwriting says it looks like: words for people, never an argument."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from wiretell.devices.group import Group


@cache
def _stacks() -> Mapping[str, str]:
    """`initial ttl:layout` -> name."""
    text = files("wiretell.devices").joinpath("stacks.toml").read_text("utf-8")
    return {f"{row['ttl']}:{row['layout']}": row["name"] for row in tomllib.loads(text)["stack"]}


def looks_like(group: Group) -> str:
    """Stack and, where User-Agents name one, system: "Linux or Android, says Android 5.1.1"."""
    stack = commonest(group, "stack")
    words = _stacks().get(stack, "") if stack else ""
    if not words:
        ttl = commonest(group, "initial ttl")
        words = f"unknown stack, TTL {ttl}" if ttl else "unknown"
    system = commonest(group, "system version") or commonest(group, "system")
    if system and system not in words:
        words += f", says {system}"
    return words


def commonest(group: Group, kind: str) -> str:
    """The label of a kind that most sides show, the first of equals; empty where none does."""
    texts = group.labels.get(kind)
    return min(texts, key=lambda text: (-texts[text], text)) if texts else ""
