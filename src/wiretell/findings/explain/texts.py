"""The texts of the explanations: templates in toml, filled with numbers that are made here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from wiretell.findings.explain.explanation import Sentence


@cache
def texts(name: str) -> Mapping[str, Any]:
    """The tables of `name`.toml beside this module."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


def sentence(topic: str, key: str, **values: object) -> Sentence:
    """The sentence `[topic.key]` of sentences.toml with its places filled."""
    entry = texts("sentences")[topic][key]
    return Sentence(topic, entry["text"].format(**values), tuple(entry["cites"]))


def meaning(state: str) -> str:
    """What a state of the tracker means, in words; its name where that is not known."""
    return str(texts("sentences")["meaning"].get(state, state))
