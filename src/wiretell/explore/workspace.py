"""The report that all pages of a server show, and the analyst's edits, saved after every step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from wiretell.devices.edit_log import EditLog
from wiretell.devices.edits import Edit, Merge, Move, Rename, Split, apply_edit, apply_edits
from wiretell.explore.detail import Packets
from wiretell.explore.edits_file import EditsFile
from wiretell.explore.held import Held
from wiretell.explore.judging import Judging, Phase
from wiretell.model.report import Report
from wiretell.sources.by_address import SavedByAddress
from wiretell.sources.points import PointFiles
from wiretell.sources.saved import load_edits

MOST_OPEN = 3
"""Addresses whose rows are kept in memory: those that were looked at last."""

_NEWS = "edits made elsewhere meanwhile were taken in; with them: "


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
    that listen. For one thread; other processes may edit the saved report, and what they did is
    taken in before the next edit here.
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
        self._file = None if folder is None else EditsFile(folder)
        self.revision += 1
        points = held.points
        self.packets = Packets(points) if isinstance(points, PointFiles) else None
        self._open: OrderedDict[str, Opened] = OrderedDict()
        self._apply(log)

    def _apply(self, log: EditLog) -> None:
        """The list of addresses with these edits, and those of them that do not fit."""
        touched = list(dict.fromkeys(a for edit in log.edits for a in self._touched(edit)))
        edited, self.problems = apply_edits(self._held.of(*touched), log.active)
        self.addresses = self._held.addresses
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
        found = self._open.get(address) or self._edited(self._held.of(address), address, self.log)
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
        """Does it and saves.

        Raises ValueError, in words for people, where it does not fit or cannot be saved; then it
        was not done. ConfigError where the log of edits was damaged.
        """
        self._need_machines()
        with self._newest_log() as is_news:
            try:
                changed = self._changed_by(edit, is_news=is_news)
            except ValueError as error:
                raise ValueError(f"{_NEWS if is_news else ''}{error}") from error
            self._save(self.log.add(edit), changed)

    def _changed_by(self, edit: Edit, *, is_news: bool) -> dict[str, Opened]:
        changed: dict[str, Opened] = {}
        problem = ValueError("these flows are of no address")
        for address in self._touched(edit):
            before = self.opened(address)
            try:
                if is_news:
                    _need_same_flows(edit, before.report)
                after = apply_edit(before.report, edit)
                _need_change(edit, before.report, after)
                changed[address] = replace(before, report=after)
            except ValueError as error:
                problem = error
        if not changed:
            raise problem
        return changed

    def undo(self) -> Edit | None:
        """Takes the last edit back; what it was, None where there is none. Raises as `edit`."""
        with self._newest_log() as is_news:
            if is_news:
                raise ValueError(f"{_NEWS}nothing was undone yet, as the last edit is another now")
            if not self.log.active:
                return None
            gone = self.log.active[-1]
            self._again(gone, self.log.undo())
            return gone

    def redo(self) -> Edit | None:
        """Does again what was undone last; None where nothing was. Raises as `edit`."""
        with self._newest_log() as is_news:
            if is_news:
                raise ValueError(f"{_NEWS}nothing was done again yet, as the edits are others now")
            if not self.log.n_undone:
                return None
            log = self.log.redo()
            self._again(log.active[-1], log)
            return log.active[-1]

    @contextmanager
    def _newest_log(self) -> Iterator[bool]:
        """Nobody else edits meanwhile; True where edits made elsewhere had to be taken in."""
        if self._file is None:
            yield False
            return
        with self._file.locked():
            news = self._file.news(self.log)
            if news is not None:
                self._take_in(news)
            yield news is not None

    def _take_in(self, log: EditLog) -> None:
        self._apply(log)
        self.log = log
        for address, opened in self._open.items():
            self._open[address] = self._edited(opened.measured, address, log)
        self.revision += 1
        self._tell()

    def _need_machines(self) -> None:
        if self.state.phase is not Phase.DONE:
            raise ValueError("there are no machines to edit: they are not told apart yet")

    def _again(self, edit: Edit, log: EditLog) -> None:
        changed = {
            address: self._edited(self.opened(address).measured, address, log)
            for address in self._touched(edit)
        }
        self._save(log, changed)

    def _edited(self, measured: Report, address: str, log: EditLog) -> Opened:
        own = [edit for edit in log.active if address in self._touched(edit)]
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

    def _save(self, log: EditLog, changed: Mapping[str, Opened]) -> None:
        """What could not be saved is not kept either: nothing comes as a surprise later."""
        if self._file is not None:
            self._file.save(log)
        self.log = log
        self.revision += 1
        for address, now in changed.items():
            self._keep_open(address, now)
            self._count_again(now.report)
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


def _need_same_flows(edit: Edit, now: Report) -> None:
    """What was selected before others edited is of that machine still. Raises ValueError."""
    if isinstance(edit, Split):
        own = now.members.filter(pl.col("device") == edit.device).select("flow_id", "side").rows()
        if not set(edit.sides) <= set(own):
            raise ValueError("some of these flows are of another machine now")
