"""A saved report read one address at a time: memory grows with what is looked at.

The tables of a report of fifty million packets are a gigabyte; those of one address a few
megabytes. Its rows are found by reading the files through, which takes a part of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from wiretell.exporters.selection import in_order, n_opened
from wiretell.model.column import Table
from wiretell.model.report import Report
from wiretell.model.tables import (
    ADDRESSES,
    DEVICES,
    EVIDENCE,
    FLOWS,
    MEMBERS,
    OBSERVATIONS,
    REPORT_TABLES,
    SAMPLES,
)
from wiretell.sources.saved import collected, points_of, provenance_of, scan

_LEFT_OUT = ("hull", "_ipid_", "_ttl_m", "community_id", "vlan", "_window", "_wscale")
"""Parts of the names of FLOWS' columns that are not read: statistics that signals were made of."""


class SavedByAddress:
    """The report saved in a folder.

    `addresses` are rows of ADDRESSES with `n_opened`, those that open the most flows first.
    Raises ConfigError, OSError as `wiretell.load` does, here or when a part is read.
    """

    def __init__(self, folder: Path) -> None:
        self.provenance = provenance_of(folder)
        self._folder = folder
        self._tables = {table.name: scan(folder, table) for table in REPORT_TABLES}
        self.points = points_of(folder)
        every = self._read(ADDRESSES, self._tables["addresses"])
        opened = self._read(MEMBERS, n_opened(self._tables["members"]))
        self.addresses = in_order(every, opened)
        self.n_flows = int(self._read(FLOWS, self._tables["flows"].select(pl.len())).item())

    def of(self, *addresses: str) -> Report:
        """What the report holds of these addresses; of their flows most columns.

        All tables are rows of these addresses; flows and samples are those of their flows.
        """
        here = pl.col("address").is_in(addresses)
        members = self._read(MEMBERS, self._tables["members"].filter(here))
        numbers = members["flow_id"].unique()
        # Most rows of the files are of others: each column is read where the number fits.
        wanted = pl.col("flow_id").is_in(numbers.implode())
        columns = [
            column.name
            for column in FLOWS.columns
            if not any(part in column.name for part in _LEFT_OUT)
        ]
        return Report(
            flows=self._read(FLOWS, self._tables["flows"].select(columns).filter(wanted)),
            samples=self._read(SAMPLES, self._tables["samples"].filter(wanted)),
            observations=self._read(OBSERVATIONS, self._tables["observations"].filter(here)),
            evidence=self._read(EVIDENCE, self._tables["evidence"].filter(here)),
            addresses=self.addresses.filter(here).select(ADDRESSES.schema.names()),
            devices=self._read(DEVICES, self._tables["devices"].filter(here)),
            members=members,
            provenance=self.provenance,
            points=self.points,
        )

    def addresses_of(self, flow_ids: Sequence[int]) -> list[str]:
        """The addresses at the ends of these flows, each once."""
        wanted = pl.Series("wanted", flow_ids, pl.UInt64, strict=False).implode()
        own = self._tables["members"].filter(pl.col("flow_id").is_in(wanted))
        found = self._read(MEMBERS, own.select(pl.col("address").unique().sort()))
        return [str(address) for address in found["address"].to_list()]

    def _read(self, table: Table, rows: pl.LazyFrame) -> pl.DataFrame:
        return collected(self._folder, table, rows)
