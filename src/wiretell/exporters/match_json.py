"""What `match` found as one JSON document (RFC 8259, ASCII): docs/schema/match.v1.json."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from wiretell.exporter import Target, text_stream
from wiretell.findings.match.across import Match, Matching
from wiretell.findings.match.aliases import Aliases, AliasGroup
from wiretell.findings.match.link_back import LinkBack
from wiretell.model.profiles import Profile

FORMAT = "wiretell.match/1"
"""Name and version of the document; a change that breaks readers raises the version."""


def write(found: Sequence[Matching] | LinkBack | Aliases, target: Target, asked: str) -> None:
    """Writes the document; what is no finite number is null."""
    with text_stream(target) as stream:
        json.dump(document(found, asked), stream, indent=1, allow_nan=False, ensure_ascii=True)
        stream.write("\n")


def document(found: Sequence[Matching] | LinkBack | Aliases, asked: str) -> dict[str, Any]:
    """The document as JSON values; `asked` is match, siblings, link-back or aliases."""
    if isinstance(found, Aliases):
        return {"format": FORMAT, "asked": asked, "aliases": _aliases(found)}
    several = [found.matching] if isinstance(found, LinkBack) else found
    told: dict[str, Any] = {
        "format": FORMAT,
        "asked": asked,
        "comparisons": [_matching(each) for each in several],
    }
    if isinstance(found, LinkBack):
        told["time_shift"] = _finite(asdict(found.shift)) | {"kept": found.shift.kept}
    return told


def _matching(found: Matching) -> dict[str, Any]:
    return {
        "a": found.a.source,
        "b": found.b.source,
        "n_shuffled": found.n_shuffled,
        "n_false": found.n_false,
        "false_match_rate": found.false_match_rate,
        "drift": asdict(found.drift),
        "notes": list(found.notes),
        "matches": [_match(each) for each in found.matches],
        "left_over": [profile.device for profile in found.left_over],
    }


def _match(of: Match) -> dict[str, Any]:
    return {
        "decision": of.decision,
        "a": _who(of.a),
        "b": None if of.b is None else _who(of.b),
        "bits": _finite(of.bits),
        "probability": _finite(of.probability),
        "reason": of.reason,
        "n_as_high": of.n_as_high,
        "false_match_rate": of.false_match_rate,
        "arguments": [_finite(asdict(x)) for x in of.arguments],
    }


def _who(profile: Profile) -> dict[str, Any]:
    clock = profile.clock
    return {
        "device": profile.device,
        "address": profile.address,
        "looks_like": profile.looks_like,
        "first_ns": profile.first_ns,
        "last_ns": profile.last_ns,
        "clock_hz": None if clock is None else clock.nominal_hz,
        "skew_ppm": None if clock is None else _finite(clock.ppm),
        "skew_error_ppm": None if clock is None else _finite(clock.error_ppm),
        "clock_regime": profile.clock_regime,
    }


def _aliases(found: Aliases) -> dict[str, Any]:
    return {
        "source": found.source,
        "n_compared": found.n_compared,
        "n_held": found.n_held,
        "n_without": found.n_without,
        "notes": list(found.notes),
        "groups": [_group(group) for group in found.groups],
        "alone": [_who(profile) for profile in found.alone],
        "nearest": [
            {"a": x.a.device, "b": x.b.device, "rate": _finite(asdict(x.rate))}
            for x in found.nearest
        ],
    }


def _group(group: AliasGroup) -> dict[str, Any]:
    return {
        "offsets": group.offsets,
        "means": group.means,
        "p_chance": group.p_chance,
        "p_line": group.p_line,
        "rate": _finite(asdict(group.rate)),
        "reasons": list(group.reasons),
        "members": [_who(profile) for profile in group.members],
    }


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return value
