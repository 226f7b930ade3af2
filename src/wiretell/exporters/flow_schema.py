"""The JSON Schema of a line of `wiretell flows --json`, made from the table's columns.

`python -m wiretell.exporters.flow_schema > docs/schema/flows.v1.json` writes it; a test holds the
two together.
"""

from __future__ import annotations

import json
from typing import Any

from wiretell.exporters.flow_columns import FLOW_LINE
from wiretell.exporters.json_schema import row_schema


def schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:wiretell:schema:flows:1",
        "title": "One flow: a line of wiretell flows --json",
        **row_schema(FLOW_LINE),
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
