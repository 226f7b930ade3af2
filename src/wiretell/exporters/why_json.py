"""The answer about two flows as one JSON document (RFC 8259, ASCII).

Its schema is docs/schema/why.v1.json; a test holds the two together.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from wiretell.devices.balance import Balance
from wiretell.devices.why import FlowSide, Why
from wiretell.exporter import Target, text_stream

FORMAT = "wiretell.why/1"
"""Name and version of the document; a change that breaks readers raises the version."""


def write(answer: Why, target: Target) -> None:
    """Writes the document; what is no finite number is null."""
    with text_stream(target) as stream:
        json.dump(document(answer), stream, indent=1, allow_nan=False, ensure_ascii=True)
        stream.write("\n")


def document(answer: Why) -> dict[str, Any]:
    """The answer as JSON values: keys are those of `Why`, with `bits` of the probability."""
    return {
        "format": FORMAT,
        "address": answer.address,
        "role": answer.role,
        "decision": answer.decision,
        "probability": _finite(answer.probability),
        "bits": _odds(answer.probability),
        "reasons": list(answer.reasons),
        "flows": [_flow(flow) for flow in answer.flows],
        "balances": [_balance(each) for each in answer.balances],
        "silent": dict(answer.silent),
        "path": [asdict(step) for step in answer.path],
        "more": list(answer.more),
        "notes": list(answer.notes),
    }


def _flow(flow: FlowSide) -> dict[str, Any]:
    known = asdict(flow)
    for end in ("local", "remote"):
        known[end] = dict(zip(("address", "port"), known[end], strict=True))
    return known


def _balance(each: Balance) -> dict[str, Any]:
    return {
        "title": each.title,
        "bits": _finite(each.bits),
        "probability": _finite(each.probability),
        "note": each.note,
        "arguments": [
            {key: _finite(value) for key, value in asdict(line).items()} for line in each.lines
        ],
    }


def _odds(probability: float) -> float | None:
    """log2 of the odds; null where certain."""
    if not 0.0 < probability < 1.0:
        return None
    return math.log2(probability / (1.0 - probability))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
