"""A report as measured, and the analyst's log of edits, saved beside it after every step."""

from __future__ import annotations

import json
import os
from pathlib import Path

from wiretell.devices.edit_log import EditLog, to_json
from wiretell.devices.edits import Edit, apply_edit, apply_edits
from wiretell.explore.detail import Packets
from wiretell.model.report import Report
from wiretell.model.saved import EDITS
from wiretell.sources.points import PointFiles
from wiretell.sources.saved import load_edits, load_measured


class Workspace:
    """What every page of one server shows.

    `folder` is the saved report's; None: nothing is saved. `report` is as edited, `problems` why
    some edits of the log do not fit it.
    """

    def __init__(self, measured: Report, folder: Path | None, log: EditLog) -> None:
        self.folder = folder
        self._measured = measured
        self.log = log
        self.report, self.problems = apply_edits(measured, log.active)
        points = measured.points
        self.packets = Packets(points.parts) if isinstance(points, PointFiles) else None

    @classmethod
    def open(cls, folder: Path) -> Workspace:
        """The report saved in `folder`. Raises ConfigError, OSError."""
        return cls(load_measured(folder), folder, load_edits(folder))

    def edit(self, edit: Edit) -> None:
        """Does it and saves. Raises ValueError, in words for people, where it does not fit."""
        self.report = apply_edit(self.report, edit)
        self._keep(self.log.add(edit))

    def undo(self) -> Edit | None:
        """Takes the last edit back; what it was, None where there is none."""
        if not self.log.active:
            return None
        gone = self.log.active[-1]
        self._again(self.log.undo())
        return gone

    def redo(self) -> Edit | None:
        """Does again what was undone last; None where nothing was."""
        if not self.log.n_undone:
            return None
        self._again(self.log.redo())
        return self.log.active[-1]

    def _again(self, log: EditLog) -> None:
        self.report, self.problems = apply_edits(self._measured, log.active)
        self._keep(log)

    def _keep(self, log: EditLog) -> None:
        self.log = log
        if self.folder is None:
            return
        # A reader sees the old log or the new one, never half of it.
        partial = self.folder / f".{EDITS}.{os.getpid()}.partial"
        partial.write_text(json.dumps(to_json(log), indent=1) + "\n", encoding="utf-8")
        partial.replace(self.folder / EDITS)
