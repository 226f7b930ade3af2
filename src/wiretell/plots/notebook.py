"""Plots of a report by name: `report.plot.ip_id(highlight="device")`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wiretell.model.report import Report


class ReportPlots:
    """The plots of a report, one method for each quantity."""

    def __init__(self, report: Report) -> None:
        self._report = report
