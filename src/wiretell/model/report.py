"""The report: all tables of one analysis and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Report:
    """The result of `analyze`: Polars tables (schemas in `wiretell.model.tables`) and provenance.

    `provenance` is JSON-like: `version`, `schema`, `files` (per file: path, format, link types,
    packets, bytes, comments, interface drop counters), `filter`, `counters` (packets, filtered,
    flows, evictions, ...), `weirds` (code -> count), `damage` (file, packet, offset, what),
    `failed_signals` (name -> message). It holds no time of day and no path but those given, so
    that the same input gives the same bytes.
    """

    flows: pl.DataFrame
    samples: pl.DataFrame
    observations: pl.DataFrame
    evidence: pl.DataFrame
    addresses: pl.DataFrame
    devices: pl.DataFrame
    members: pl.DataFrame
    provenance: Mapping[str, Any]

    def tables(self) -> dict[str, pl.DataFrame]:
        """Name -> table, in the order of the river."""
        return {
            "flows": self.flows,
            "samples": self.samples,
            "observations": self.observations,
            "evidence": self.evidence,
            "addresses": self.addresses,
            "devices": self.devices,
            "members": self.members,
        }

    @property
    def damaged(self) -> bool:
        """True where some input was cut, corrupt or unread (exit code 1)."""
        return bool(self.provenance.get("damage"))
