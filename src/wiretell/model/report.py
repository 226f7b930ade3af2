"""The report: all tables of one analysis and where they came from."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import polars as pl

from wiretell.model.points import PointSource

if TYPE_CHECKING:
    from wiretell.exporters.plot import ReportPlots

MAX_SHOWN = 10
"""Addresses in a report's short form."""


@dataclass(frozen=True, repr=False)
class Report:
    """The result of `analyze`: Polars tables (schemas in `wiretell.model.tables`) and provenance.

    `provenance` is JSON-like: `version`, `schema`, `files` (per file: path, format, link types,
    packets, bytes, comments, interface drop counters), `filter`, `counters` (packets, filtered,
    flows, evictions, ...), `weirds` (code -> count), `damage` (file, packet, offset, what),
    `failed_signals` (name -> message). It holds no time of day and no path but those given, so
    that the same input gives the same bytes.

    `points` are the packets for plots, where they were asked for (`analyze(points=...)`).
    """

    flows: pl.DataFrame
    samples: pl.DataFrame
    observations: pl.DataFrame
    evidence: pl.DataFrame
    addresses: pl.DataFrame
    devices: pl.DataFrame
    members: pl.DataFrame
    provenance: Mapping[str, Any]
    points: PointSource | None = None

    @property
    def plot(self) -> ReportPlots:
        """Plots of any column against time: `report.plot.ip_id(highlight="device")`."""
        # A figure is made of a report and not the other way round: the name is resolved late.
        plots: ReportPlots = import_module("wiretell.exporters.plot").ReportPlots(self)
        return plots

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

    def __repr__(self) -> str:
        """One line: how much there is."""
        return f"<{self._size()}>"

    def __str__(self) -> str:
        """The head count in a few lines of plain text."""
        shown = [f"{row[0]}: {row[1]}" for row in self._head_counts()]
        return "\n".join([self._size(), *shown])

    def _repr_html_(self) -> str:
        """The head count as a small HTML table, for notebooks."""
        rows = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in self._head_counts()
        )
        head = "<tr><th>address</th><th>machines</th></tr>"
        return f"<p>{html.escape(self._size())}</p><table>{head}{rows}</table>"

    def _size(self) -> str:
        cut = self.addresses.height - MAX_SHOWN
        more = f"; {cut} addresses are not shown here" if cut > 0 else ""
        machines = self.addresses["n_devices"].sum()
        return (
            f"Report of {self.addresses.height} addresses, {machines} machines, "
            f"{self.flows.height} flows{more}"
        )

    def _head_counts(self) -> list[tuple[str, str]]:
        """Address and machines in words, most machines first."""
        first = self.addresses.sort(
            "n_devices", "n_flows", "address", descending=[True, True, False], nulls_last=True
        )
        return [
            (
                row["address"],
                f"{row['n_devices']} (90 %: {row['low']}-{row['high']}), {row['verdict']}",
            )
            for row in first.head(MAX_SHOWN).iter_rows(named=True)
        ]
