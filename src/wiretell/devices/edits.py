"""What an analyst decides against the engine: machines split, merged, renamed, annotated.

An edit is a value; a log of edits is applied to the engine's own report from the beginning, so
that undo is leaving out the last one and nothing that was measured is ever lost. The edited
report has the same tables, so every output shows it; the first reason of a machine that was
changed says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from wiretell.devices.edited_rows import address_row, merged_row, part_row, rest_row
from wiretell.model.report import Report
from wiretell.model.tables import ADDRESSES, DEVICES, MEMBERS

FlowSide = tuple[int, int]
"""flow_id and side (0 orig, 1 resp)."""

MAX_TEXT = 200
"""Characters of a name or a note."""


@dataclass(frozen=True)
class Merge:
    """These machines of one address are one; it keeps the least number."""

    devices: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """These flow sides of a machine are another machine, with a new number."""

    device: str
    sides: tuple[FlowSide, ...]


@dataclass(frozen=True)
class Move:
    """These flow sides of an address belong to that machine; None: to none that is known."""

    sides: tuple[FlowSide, ...]
    device: str | None


@dataclass(frozen=True)
class Rename:
    """The analyst's name of a machine; empty: none again."""

    device: str
    name: str


@dataclass(frozen=True)
class Annotate:
    """A remark on a machine."""

    device: str
    note: str


Edit = Merge | Split | Move | Rename | Annotate


def apply_edits(report: Report, edits: Iterable[Edit]) -> tuple[Report, tuple[str, ...]]:
    """The report as the analyst sees it, and why some edits could not be applied.

    An edit does not fit where it names a machine or flow that the report does not have (it was
    made for another report); it is left out.
    """
    problems: list[str] = []
    for number, edit in enumerate(edits, start=1):
        try:
            report = apply_edit(report, edit)
        except ValueError as error:
            problems.append(f"edit {number} was left out: {error}")
    return report, tuple(problems)


def apply_edit(report: Report, edit: Edit) -> Report:
    """The report after one edit. Raises ValueError, in words for people, where it does not fit."""
    match edit:
        case Merge():
            return _merge(report, edit)
        case Split():
            return _split(report, edit)
        case Move():
            return _move(report, edit)
        case Rename():
            name = _text(edit.name)
            row = _device(report, edit.device)
            return _replaced(report, {**row, "looks_like": _renamed(row["looks_like"], name)})
        case Annotate():
            row = _device(report, edit.device)
            note = _text(edit.note)
            if not note:
                raise ValueError("a note needs words")
            return _replaced(report, {**row, "reasons": [f"Note: {note}", *row["reasons"]]})


def describe_edit(edit: Edit) -> str:
    """The edit in a few words, for a list of what was done."""
    match edit:
        case Merge():
            return f"merged {' and '.join(_short(device) for device in edit.devices)}"
        case Split():
            return f"split {len(edit.sides)} flows off {_short(edit.device)}"
        case Move():
            place = "no machine" if edit.device is None else _short(edit.device)
            return f"moved {len(edit.sides)} flows to {place}"
        case Rename():
            return f"renamed {_short(edit.device)}"
        case Annotate():
            return f"annotated {_short(edit.device)}"


def _merge(report: Report, edit: Merge) -> Report:
    rows = [_device(report, device) for device in dict.fromkeys(edit.devices)]
    if len(rows) < 2:
        raise ValueError("choose two machines or more to merge")
    if len({row["address"] for row in rows}) > 1:
        raise ValueError("machines of two addresses cannot be merged here: `match` compares them")
    rows.sort(key=lambda row: _number(row["device"]))
    kept, *gone = rows
    names = [row["device"] for row in gone]
    home = pl.when(pl.col("device").is_in(names)).then(pl.lit(kept["device"]))
    report = replace(
        report,
        members=report.members.with_columns(home.otherwise("device").alias("device")),
        evidence=report.evidence.with_columns(
            pl.col(end).replace(names, kept["device"]) for end in ("a", "b")
        ).filter(pl.col("a") != pl.col("b")),
        devices=report.devices.filter(~pl.col("device").is_in(names)),
    )
    row = merged_row(rows, f"The analyst merged {', '.join(_short(r['device']) for r in rows)}.")
    report = _replaced(report, row)
    n_less = sum(r["n_machines"] or 1 for r in rows) - (row["n_machines"] or 1)
    return _counted(report, row["address"], -n_less, row["reasons"][0])


def _split(report: Report, edit: Split) -> Report:
    row = _device(report, edit.device)
    own = _members_of(report, edit.device)
    chosen = _chosen(own, edit.sides)
    if chosen.is_empty():
        raise ValueError(f"none of these flows is of {_short(edit.device)}")
    if chosen.height == own.height:
        raise ValueError(f"these are all flows of {_short(edit.device)}: nothing would be left")
    made = f"{row['address']}#{_next_number(report, row['address'])}"
    reason = f"The analyst split {chosen.height} flows off {_short(edit.device)}."
    report = _reassigned(report, chosen, made, "the analyst split it off")
    unnamed = {**row, "looks_like": _renamed(row["looks_like"], "")}
    part = part_row(report, _members_of(report, made), unnamed, made, reason)
    report = replace(report, devices=pl.concat([report.devices, DEVICES.frame([part])]))
    report = _replaced(report, rest_row(report, _members_of(report, edit.device), row, reason))
    return _counted(report, row["address"], +1, reason)


def _move(report: Report, edit: Move) -> Report:
    chosen = _chosen(report.members, edit.sides)
    if edit.device is not None:
        row = _device(report, edit.device)
        chosen = chosen.filter(pl.col("address") == row["address"])
    chosen = chosen.filter(pl.col("device").ne_missing(pl.lit(edit.device, pl.String)))
    if chosen.is_empty():
        raise ValueError("none of these flows can be moved there")
    touched = [d for d in chosen["device"].unique().to_list() if d is not None]
    report = _reassigned(report, chosen, edit.device, "the analyst put it there")
    reason = f"The analyst moved {chosen.height} flows."
    changes = dict.fromkeys(chosen["address"].unique(maintain_order=True).to_list(), 0)
    for device in sorted({*touched, *([edit.device] if edit.device else [])}):
        own = _members_of(report, device)
        row = _device(report, device)
        if own.is_empty():
            report = replace(report, devices=report.devices.filter(pl.col("device") != device))
            changes[row["address"]] -= row["n_machines"] or 1
        else:
            report = _replaced(report, rest_row(report, own, row, reason))
    for address, change in changes.items():
        report = _counted(report, address, change, reason)
    return report


def _reassigned(report: Report, chosen: pl.DataFrame, device: str | None, why: str) -> Report:
    mark = chosen.select("flow_id", "side", pl.lit(True).alias("_moved"))
    members = report.members.join(
        mark, on=["flow_id", "side"], how="left", maintain_order="left"
    ).with_columns(
        pl.when("_moved").then(pl.lit(device, pl.String)).otherwise("device").alias("device"),
        pl.when("_moved").then(None).otherwise("confidence").alias("confidence"),
        pl.when("_moved").then(pl.lit(why)).otherwise("reason").alias("reason"),
    )
    return replace(report, members=members.select(MEMBERS.schema.names()))


def _counted(report: Report, address: str, change: int, reason: str) -> Report:
    rows = report.addresses.filter(pl.col("address") == address).to_dicts()
    if not rows:
        return report
    row = address_row(rows[0], change, reason)
    at = pl.col("address") == address
    return replace(report, addresses=_with_row(report.addresses, at, ADDRESSES.frame([row])))


def _replaced(report: Report, row: Mapping[str, Any]) -> Report:
    at = pl.col("device") == row["device"]
    return replace(report, devices=_with_row(report.devices, at, DEVICES.frame([row])))


def _with_row(table: pl.DataFrame, at: pl.Expr, row: pl.DataFrame) -> pl.DataFrame:
    """`table` with its one row `at` replaced, in its place."""
    place = table.select(at.arg_true()).to_series()[0]
    return pl.concat([table[:place], row, table[place + 1 :]])


def _chosen(members: pl.DataFrame, sides: Sequence[FlowSide]) -> pl.DataFrame:
    wanted = pl.DataFrame(
        list(dict.fromkeys(sides)),
        schema={"flow_id": pl.UInt64, "side": pl.UInt8},
        orient="row",
    )
    return members.join(wanted, on=["flow_id", "side"], how="semi", maintain_order="left")


def _members_of(report: Report, device: str) -> pl.DataFrame:
    return report.members.filter(pl.col("device") == device)


def _device(report: Report, device: str) -> dict[str, Any]:
    found = report.devices.filter(pl.col("device") == device).to_dicts()
    if not found:
        raise ValueError(f"there is no machine {device}")
    return found[0]


def _next_number(report: Report, address: str) -> int:
    """One that no machine of this address has, nor had before a merge."""
    own = report.devices.filter(pl.col("address") == address)
    said = [word for reasons in own["reasons"].to_list() for word in " ".join(reasons).split()]
    numbers = [_number(device) for device in own["device"].to_list()]
    numbers += [_number(word.strip(",.")) for word in said if word.startswith("#")]
    return max(numbers, default=0) + 1


def _number(device: str) -> int:
    number = device.rpartition("#")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0


def _short(device: str) -> str:
    number = _number(device)
    return f"#{number}" if number else device


def _text(given: str) -> str:
    return " ".join(given.split())[:MAX_TEXT]


def _renamed(looks_like: str | None, name: str) -> str | None:
    """The analyst's name before what the machine looks like."""
    looks = looks_like or "unknown"
    if looks.startswith("“") and "” (" in looks:
        looks = looks.rpartition("” (")[2].removesuffix(")")
    return f"“{name.replace('”', '')}” ({looks})" if name else looks
