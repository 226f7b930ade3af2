"""The report that is looked at, cut to the addresses that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import polars as pl

from wiretell.exporter import Options
from wiretell.exporters.selection import ordered_addresses
from wiretell.model.points import PointSource
from wiretell.model.report import Report
from wiretell.model.tables import ADDRESSES, MEMBERS


class Held(Protocol):
    """A report in memory or in files (`sources.by_address`)."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The report's."""

    @property
    def points(self) -> PointSource | None:
        """All packets, where they were kept."""

    @property
    def addresses(self) -> pl.DataFrame:
        """Rows of ADDRESSES with `n_opened`, those that open the most flows first."""

    @property
    def n_flows(self) -> int:
        """Of all addresses."""

    def of(self, *addresses: str) -> Report:
        """What it holds of these addresses. Raises ConfigError, OSError: it cannot be read."""

    def addresses_of(self, flow_ids: Sequence[int]) -> list[str]:
        """The addresses at the ends of these flows, each once."""


class InMemory:
    """A report that is held as a whole."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.provenance = report.provenance
        self.points = report.points
        self.addresses = ordered_addresses(report, Options())
        self.n_flows = report.flows.height

    def of(self, *addresses: str) -> Report:
        """What it holds of these addresses."""
        here = pl.col("address").is_in(addresses)
        whole = self._report
        members = whole.members.filter(here)
        numbers = members.select("flow_id").unique()
        return replace(
            whole,
            flows=whole.flows.join(numbers, on="flow_id", how="semi"),
            samples=whole.samples.join(numbers, on="flow_id", how="semi", maintain_order="left"),
            observations=whole.observations.filter(here),
            evidence=whole.evidence.filter(here),
            addresses=whole.addresses.filter(here),
            devices=whole.devices.filter(here),
            members=members,
        )

    def addresses_of(self, flow_ids: Sequence[int]) -> list[str]:
        """The addresses at the ends of these flows, each once."""
        wanted = pl.Series("wanted", flow_ids, pl.UInt64, strict=False).implode()
        own = self._report.members.filter(pl.col("flow_id").is_in(wanted))
        return own["address"].unique().sort().to_list()


def unjudged(measured: Report) -> Report:
    """A report of `measure` with the addresses and flow sides that are going to be judged.

    Nothing is said of machines: head counts, verdicts and members' devices are null. Addresses
    are in the order that they keep when they are judged.
    """
    halves = [_half(measured.flows, side, own) for side, own in ((0, "orig"), (1, "resp"))]
    sides = pl.concat(halves).filter((pl.col("pkts") > 0).any().over("address"))
    addresses = sides.group_by("address").agg(
        n_flows=pl.len().cast(pl.UInt64),
        n_bytes=pl.col("n_bytes").sum(),
        first_ns=pl.col("first_ns").min(),
        last_ns=pl.col("last_ns").max(),
    )
    return replace(
        measured,
        addresses=_filled(addresses, ADDRESSES.schema),
        members=_filled(sides, MEMBERS.schema),
    )


def _half(flows: pl.DataFrame, side: int, own: str) -> pl.DataFrame:
    return flows.select(
        "flow_id",
        "first_ns",
        "last_ns",
        pl.lit(side, pl.UInt8).alias("side"),
        pl.col(f"{own}_h").alias("address"),
        pl.col(f"{own}_pkts").alias("pkts"),
        n_bytes=pl.col("orig_ip_bytes") + pl.col("resp_ip_bytes"),
    )


def _filled(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """These columns of a table, null where `rows` does not have them."""
    return rows.select(
        pl.col(name) if name in rows.columns else pl.lit(None, kind).alias(name)
        for name, kind in schema.items()
    )
