"""Totals of flows: how many, how much, of what, when; kept up to date batch by batch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wiretell.exporters import quantity
from wiretell.exporters.escape import visible
from wiretell.exporters.ip_protocols import PROTOCOLS

if TYPE_CHECKING:
    import polars as pl


@dataclass
class FlowTotals:
    """Sums over flows; bytes are IP bytes."""

    n_flows: int = 0
    n_packets: int = 0
    n_bytes: int = 0
    n_one_sided: int = 0
    """Flows of which one side was not seen to send anything."""
    by_protocol: Counter[str] = field(default_factory=Counter)
    first_ns: int | None = None
    last_ns: int | None = None

    @classmethod
    def counted(cls, totals: Mapping[str, int], by_protocol: Mapping[int, int]) -> FlowTotals:
        """What the core's `FlowCounter` says."""
        return cls(
            totals["flows"],
            totals["packets"],
            totals["bytes"],
            totals["one_sided_flows"],
            Counter({PROTOCOLS.get(proto, str(proto)): n for proto, n in by_protocol.items()}),
            totals.get("first_ns"),
            totals.get("last_ns"),
        )

    def add(self, flows: pl.DataFrame) -> None:
        """Counts these flows."""
        import polars as pl  # noqa: PLC0415 - totals that are counted already need none

        from wiretell.exporters.flow_columns import protocol  # noqa: PLC0415

        pkts, sizes = (
            pl.col(f"orig_{count}").fill_null(0) + pl.col(f"resp_{count}").fill_null(0)
            for count in ("pkts", "ip_bytes")
        )
        one_sided = (pl.col("orig_pkts") == 0) | (pl.col("resp_pkts") == 0)
        row = flows.select(
            pkts.sum().alias("packets"),
            sizes.sum().alias("bytes"),
            one_sided.sum().alias("one_sided"),
            pl.col("first_ns").min(),
            pl.col("last_ns").max(),
        ).row(0, named=True)
        self.n_flows += flows.height
        self.n_packets += row["packets"]
        self.n_bytes += row["bytes"]
        self.n_one_sided += row["one_sided"]
        self.by_protocol.update(dict(flows.select(protocol()).to_series().value_counts().rows()))
        self.first_ns = min(_known(self.first_ns, row["first_ns"]), default=None)
        self.last_ns = max(_known(self.last_ns, row["last_ns"]), default=None)

    def json(self, provenance: Mapping[str, Any]) -> str:
        """One JSON object: the totals, and the weirds, counters and damage of the input."""
        told = {
            "format": "wiretell.flow_totals/1",
            "flows": self.n_flows,
            "packets": self.n_packets,
            "bytes": self.n_bytes,
            "one_sided_flows": self.n_one_sided,
            "protocols": dict(self.by_protocol),
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
            **{key: provenance.get(key) for key in ("weirds", "counters", "damage", "streams")},
        }
        return json.dumps(told, sort_keys=True, ensure_ascii=True) + "\n"

    def words(self, provenance: Mapping[str, Any]) -> Iterator[str]:
        """The same in a few lines for people."""
        parts = [
            quantity.count(self.n_flows, "flow"),
            quantity.count(self.n_packets, "packet"),
            quantity.size(self.n_bytes),
        ]
        by_protocol = [f"{n} {name}" for name, n in self.by_protocol.most_common()]
        if by_protocol:
            parts.append(", ".join(by_protocol))
        if self.n_one_sided:
            parts.append(f"{self.n_one_sided} without packets of one side")
        yield "; ".join(parts)
        if self.first_ns is not None:
            yield quantity.span(self.first_ns, self.last_ns)
        weirds = sorted((provenance.get("weirds") or {}).items(), key=lambda item: -item[1])
        if weirds:
            yield visible("weird: " + ", ".join(f"{name} {n}" for name, n in weirds))
        for stream in provenance.get("streams") or ():
            yield visible(_stream_words(stream))


def _stream_words(stream: Mapping[str, Any]) -> str:
    name = {5: "NetFlow v5", 9: "NetFlow v9", 10: "IPFIX"}[stream["version"]]
    unit = "message" if stream["version"] == 9 else "record"
    parts = [
        f"{name} of {stream['exporter']}, domain {stream['domain']}",
        quantity.count(stream["messages"], "message"),
        quantity.count(stream["records"], "record"),
    ]
    if stream["lost"]:
        parts.append(f"{quantity.count(stream['lost'], unit)} lost")
    if stream["sampling"] > 1:
        parts.append(f"one packet in {stream['sampling']} was counted, numbers are as sent")
    return "; ".join(parts)


def _known(*times: int | None) -> list[int]:
    return [time for time in times if time is not None]
