"""Files of profiles: read back as written, by the schema, and never trusted."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import jsonschema
import pytest
from match_profiles import NS, clock, line, profile, profile_set

from wiretell.errors import ConfigError
from wiretell.exporters import profiles_json
from wiretell.model.profiles import Opening, ProfileSet, RatePoint
from wiretell.sources.profiles import is_profiles_file, load_profiles


def _set() -> ProfileSet:
    point = RatePoint(600 * NS, 12.0, 0.5)
    return profile_set(
        profile(
            "192.0.2.1",
            clock(12.5, 0.25, line(4e9), curve=(point, point)),
            labels={"ja4": {"t13d": 3}},
            opened=(Opening(5, 4000, "ab"), Opening(6, 4001)),
        ),
        profile("2001:db8::1", clock()),
        profile("192.0.2.3"),
        source="café\x1b[31m",
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "monday.json"
    profiles_json.write(_set(), path)
    return path


def test_profiles_are_read_back_as_written(file: Path) -> None:
    assert is_profiles_file(file)
    found = load_profiles(file)
    assert repr(found) == repr(_set())  # a rate that is not known is no equal of itself
    assert file.read_bytes().isascii()


def test_the_file_follows_its_schema(file: Path, root: Path) -> None:
    schema = json.loads((root / "docs/schema/profiles.v1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(file.read_text()), schema)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a file of profiles"),
        ("[" * 100_000, "not a file of profiles"),
        ('{"format": "wiretell.profiles/9"}', "wiretell.profiles/9"),
        ('{"format": "wiretell.profiles/1"}', "not a file of profiles"),
    ],
)
def test_what_is_no_file_of_profiles_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_profiles(path)


def test_a_file_that_was_tampered_with_is_read_or_refused(file: Path) -> None:
    """Any value put in place of any other: no error but ConfigError."""
    rng = Random(4)
    document = json.loads(file.read_text())
    odd = [None, -1, 1e300, 2**70, "x", [], {}, [[]], True, -0.5, {"a": {}}]
    refused = 0
    for _ in range(400):
        changed = json.loads(json.dumps(document))
        at = changed
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            key = rng.choice(keys)
            if not isinstance(at[key], dict | list) or not at[key] or rng.random() < 0.2:
                at[key] = rng.choice(odd)
                break
            at = at[key]
        file.write_text(json.dumps(changed))
        try:
            load_profiles(file)
        except ConfigError:
            refused += 1
    assert refused > 100
