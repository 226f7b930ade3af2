"""Profiles as one JSON document (RFC 8259, ASCII): docs/schema/profiles.v1.json says what is in it.

No payload, no name in clear: texts that tell whom a machine is or whom it asked for are hashes.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from wiretell.exporter import Target, text_stream
from wiretell.model.profiles import FORMAT, ProfileSet


def write(profiles: ProfileSet, target: Target) -> None:
    """Writes the document, a machine a line; what is no finite number is null."""
    with text_stream(target) as stream:
        head = {
            "format": FORMAT,
            "version": profiles.version,
            "source": profiles.source,
            "key_id": profiles.key_id,
            "damaged": profiles.damaged,
            "n_left_out": profiles.n_left_out,
        }
        stream.write(_text(head)[:-1] + ',\n"profiles": [')
        separator = "\n"
        for profile in profiles.profiles:
            stream.write(separator + _text(_finite(asdict(profile))))
            separator = ",\n"
        stream.write("]}\n")


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value
