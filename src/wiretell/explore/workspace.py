"""The report that all pages of a server show, and the analyst's edits, saved after every step."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from wiretell.devices.edit_log import EditLog, to_json
from wiretell.devices.edits import Edit, Merge, Move, Rename, apply_edit, apply_edits
from wiretell.explore.detail import Packets
from wiretell.explore.held import Held
from wiretell.explore.judging import Judging, Phase
from wiretell.model.report import Report
from wiretell.model.saved import EDITS
from wiretell.sources.by_address import SavedByAddress
from wiretell.sources.points import PointFiles
from wiretell.sources.saved import load_edits

MOST_OPEN = 3
"""Addresses whose rows are kept in memory: those that were looked at last."""


@dataclass(frozen=True)
class Opened:
    """One address: its part of the report as measured, and as edited."""

    measured: Report
    report: Report

    @property
    def is_judged(self) -> bool:
        """Its machines are told apart."""
        return self.report.addresses["n_devices"].null_count() == 0


class Workspace:
    """What every page of one server shows.

    `folder` is the saved report's; None: nothing is saved. `promised` is the folder that it will
    be saved in. `state` says whether machines are told apart, `revision` counts the changes of
    the report, `problems` are why some edits of the log do not fit it. Changes are told to all
    that listen. For one thread.
    """

    def __init__(
        self,
        held: Held,
        folder: Path | None,
        log: EditLog,
        *,
        state: Judging | None = None,
        promised: Path | None = None,
    ) -> None:
        self._listeners: list[Callable[[], object]] = []
        self.state = state or Judging.of_judged()
        self.promised = promised
        self.revision = 0
        self._take(held, folder, log)

    @classmethod
    def open(cls, folder: Path) -> Workspace:
        """The report saved in `folder`. Raises ConfigError, OSError."""
        return cls(SavedByAddress(folder), folder, load_edits(folder))

    def _take(self, held: Held, folder: Path | None, log: EditLog) -> None:
        self._held, self.folder, self.log = held, folder, log
        self.revision += 1
        points = held.points
        self.packets = Packets(points) if isinstance(points, PointFiles) else None
        self._open: OrderedDict[str, Opened] = OrderedDict()
        self.addresses = held.addresses
        touched = list(dict.fromkeys(a for edit in log.edits for a in self._touched(edit)))
        edited, self.problems = apply_edits(held.of(*touched), log.active)
        self._count_again(edited)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Of the report."""
        return self._held.provenance

    @property
    def n_flows(self) -> int:
        """Of all addresses."""
        return self._held.n_flows

    def opened(self, address: str) -> Opened:
        """What is known of one address. Raises ConfigError, OSError where it cannot be read."""
        found = self._open.get(address) or self._edited(self._held.of(address), address)
        self._keep_open(address, found)
        return found

    def listen(self, heard: Callable[[], object]) -> Callable[[], None]:
        """`heard` is called after every change; what ends that."""
        self._listeners.append(heard)
        return lambda: self._listeners.remove(heard)

    def advance(self, state: Judging) -> None:
        """The telling apart of machines has come so far."""
        self.state = state
        self._tell()

    def packets_kept(self, files: PointFiles, state: Judging) -> None:
        """Every packet can be drawn from now on."""
        self.state, self.packets = state, Packets(files)
        self._tell()

    def judged(self, held: Held, folder: Path | None, state: Judging) -> None:
        """The same capture with its machines, saved in `folder` where one is given."""
        self.state, self.promised = state, None
        self._take(held, folder, self.log)
        self._tell()

    def edit(self, edit: Edit) -> None:
        """Does it and saves. Raises ValueError, in words for people, where it does not fit."""
        self._need_machines()
        changed: dict[str, Opened] = {}
        problem = ValueError("these flows are of no address")
        for address in self._touched(edit):
            before = self.opened(address)
            try:
                after = apply_edit(before.report, edit)
                _need_change(edit, before.report, after)
                changed[address] = replace(before, report=after)
            except ValueError as error:
                problem = error
        if not changed:
            raise problem
        for address, now in changed.items():
            self._keep_open(address, now)
            self._count_again(now.report)
        self._save(self.log.add(edit))

    def undo(self) -> Edit | None:
        """Takes the last edit back; what it was, None where there is none."""
        if not self.log.active:
            return None
        gone = self.log.active[-1]
        self._again(gone, self.log.undo())
        return gone

    def redo(self) -> Edit | None:
        """Does again what was undone last; None where nothing was."""
        if not self.log.n_undone:
            return None
        log = self.log.redo()
        self._again(log.active[-1], log)
        return log.active[-1]

    def _need_machines(self) -> None:
        if self.state.phase is not Phase.DONE:
            raise ValueError("there are no machines to edit: they are not told apart yet")

    def _again(self, edit: Edit, log: EditLog) -> None:
        self.log = log
        for address in self._touched(edit):
            after = self._edited(self.opened(address).measured, address)
            self._keep_open(address, after)
            self._count_again(after.report)
        self._save(log)

    def _edited(self, measured: Report, address: str) -> Opened:
        own = [edit for edit in self.log.active if address in self._touched(edit)]
        return Opened(measured, apply_edits(measured, own)[0])

    def _keep_open(self, address: str, opened: Opened) -> None:
        self._open[address] = opened
        self._open.move_to_end(address)
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)

    def _count_again(self, edited: Report) -> None:
        """The list of addresses has the rows of `edited`."""
        numbered = self.addresses.with_row_index("place")
        kept = numbered.select("place", "address", "n_opened")
        rows = edited.addresses.join(kept, on="address").select(numbered.columns)
        others = numbered.join(rows, on="address", how="anti")
        self.addresses = pl.concat([others, rows]).sort("place").drop("place")

    def _touched(self, edit: Edit) -> list[str]:
        """The addresses whose machines an edit changes."""
        match edit:
            case Merge(devices):
                return list(dict.fromkeys(device.rpartition("#")[0] for device in devices))[:1]
            case Move(sides, None):
                return self._held.addresses_of([flow_id for flow_id, _ in sides])
            case _:
                return [str(edit.device).rpartition("#")[0]]

    def _save(self, log: EditLog) -> None:
        self.log = log
        self.revision += 1
        if self.folder is not None:
            # A reader sees the old log or the new one, never half of it.
            partial = self.folder / f".{EDITS}.{os.getpid()}.partial"
            partial.write_text(json.dumps(to_json(log), indent=1) + "\n", encoding="utf-8")
            partial.replace(self.folder / EDITS)
        self._tell()

    def _tell(self) -> None:
        for heard in tuple(self._listeners):
            heard()


def _need_change(edit: Edit, before: Report, after: Report) -> None:
    """A name that changes nothing is no step to undo. Raises ValueError."""
    if isinstance(edit, Rename) and after.devices.equals(before.devices):
        raise ValueError(
            "that is its name already" if edit.name.split() else "write its name into the box first"
        )
