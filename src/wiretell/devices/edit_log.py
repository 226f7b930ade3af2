"""The log of an analyst's edits, with undo and redo, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wiretell.devices.edits import Annotate, Edit, Merge, Move, Rename, Split

VERSION = 1
"""Of the JSON form."""


@dataclass(frozen=True)
class EditLog:
    """Edits in order; the last `n_undone` of them do not count now."""

    edits: tuple[Edit, ...] = ()
    n_undone: int = 0

    @property
    def active(self) -> tuple[Edit, ...]:
        """Those that count."""
        return self.edits[: len(self.edits) - self.n_undone]

    def add(self, edit: Edit) -> EditLog:
        """With one more; what was undone is gone."""
        return EditLog((*self.active, edit))

    def undo(self) -> EditLog:
        """Without the last that counts."""
        return replace(self, n_undone=min(self.n_undone + 1, len(self.edits)))

    def redo(self) -> EditLog:
        """With the first of those undone."""
        return replace(self, n_undone=max(self.n_undone - 1, 0))


def to_json(log: EditLog) -> dict[str, Any]:
    """A JSON object; `from_json` reads it again."""
    return {
        "version": VERSION,
        "n_undone": log.n_undone,
        "edits": [_one_to_json(edit) for edit in log.edits],
    }


def from_json(value: object) -> EditLog:
    """The log of such an object. Raises ValueError where it is none."""
    try:
        if not isinstance(value, Mapping) or value["version"] != VERSION:
            raise ValueError(f"not a log of edits of version {VERSION}")
        edits = tuple(_one_from_json(edit) for edit in value["edits"])
        n_undone = int(value["n_undone"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a log of edits: {error!r}") from error
    if not 0 <= n_undone <= len(edits):
        raise ValueError("not a log of edits: more was undone than done")
    return EditLog(edits, n_undone)


def _one_to_json(edit: Edit) -> dict[str, Any]:
    match edit:
        case Merge():
            return {"kind": "merge", "devices": list(edit.devices)}
        case Split():
            return {"kind": "split", "device": edit.device, "sides": [*map(list, edit.sides)]}
        case Move():
            return {"kind": "move", "device": edit.device, "sides": [*map(list, edit.sides)]}
        case Rename():
            return {"kind": "rename", "device": edit.device, "name": edit.name}
        case Annotate():
            return {"kind": "annotate", "device": edit.device, "note": edit.note}


def _one_from_json(value: Mapping[str, Any]) -> Edit:
    match value["kind"]:
        case "merge":
            return Merge(tuple(str(device) for device in value["devices"]))
        case "split":
            return Split(str(value["device"]), _sides(value["sides"]))
        case "move":
            device = value["device"]
            return Move(_sides(value["sides"]), None if device is None else str(device))
        case "rename":
            return Rename(str(value["device"]), str(value["name"]))
        case "annotate":
            return Annotate(str(value["device"]), str(value["note"]))
        case kind:
            raise ValueError(f"not an edit: {kind!r}")


def _sides(value: Any) -> tuple[tuple[int, int], ...]:
    sides = tuple((int(flow_id), int(side)) for flow_id, side in value)
    if any(not 0 <= flow_id < 1 << 63 or side not in (0, 1) for flow_id, side in sides):
        raise ValueError("not a flow and a side of it")
    return sides
