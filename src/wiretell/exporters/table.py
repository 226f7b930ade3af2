"""The report for a person at a terminal: each address, its machines, and why.

Plain text of a stable width where the stream is no terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.text import Text

from wiretell.exporter import Options, Target
from wiretell.exporters import quantity
from wiretell.exporters.console import write_lines
from wiretell.exporters.escape import shortened, visible
from wiretell.exporters.notes import notes
from wiretell.exporters.selection import Row, Section, device_number, sections
from wiretell.model.report import Report

name = "table"

MAX_ADDRESSES = 50
"""Addresses shown unless a number was asked for."""
N_REASONS = 2
N_NAMES = 3
_HEADINGS = ("", "looks like", "clock", "timestamps", "flows", "bytes", "seen (UTC)", "sure")
_RIGHT = frozenset({0, 4, 5, 7})
_LIMITS = (8, 40, 32, 16, 12, 12, 40, 5)
_WORDY = ((1, 20), (3, 8), (2, 16), (1, 8), (2, 8))
"""Columns that give way on a narrow line, in turn, and how far."""
_CLOCK, _TIMESTAMPS = 2, 3
NARROW = 100
"""On a narrower line the clock has a line of its own: cut, it says nothing."""
_INDENT = "      "


def write(report: Report, target: Target, options: Options) -> None:
    """Writes the table; see `wiretell.exporter.Exporter`."""
    write_lines(lines(report, options), target, options)


def lines(report: Report, options: Options) -> Iterator[Text]:
    """The lines of the table, without line ends."""
    chosen = list(sections(report, replace(options, top=None)))
    listed = [s for s in chosen if options.all_addresses or not s.is_single_server]
    if options.addresses:
        listed = chosen
    summed = [s for s in chosen if s not in listed] if len(listed) < len(chosen) else []
    shown = listed[: MAX_ADDRESSES if options.top is None else options.top]
    for section in shown:
        yield from _address(section, options)
        yield Text()
    yield from _closing(listed[len(shown) :], summed, anything=bool(chosen), options=options)
    for note in notes(report):
        yield from _wrapped(f"! {note}", options.width, indent="  ", style="red")


def _address(section: Section, options: Options) -> Iterator[Text]:
    address = section.address
    line = Text(address["address"], style="bold")
    line.append(f"  {quantity.interval(address)}", style="bold cyan")
    if address["verdict"]:
        line.append(f"  {address['verdict']}", style="yellow")
    line.truncate(options.width, overflow="ellipsis")
    yield line
    facts = (
        address["role"] or "",
        quantity.count(address["n_flows"] or 0, "flow"),
        quantity.size(address["n_bytes"]),
        quantity.span(address["first_ns"], address["last_ns"]),
    )
    said = ", ".join(fact for fact in facts if fact)
    yield from _wrapped(f"  {said}", options.width, indent="  ", style="dim")
    reasons = address["reasons"] or []
    for reason in reasons if options.verbose else reasons[:N_REASONS]:
        yield from _reason(reason, options, "  ")
    if section.devices:
        yield from _machines(section.devices, options)


def _machines(devices: Sequence[Row], options: Options) -> Iterator[Text]:
    one_day = len({quantity.date(d[k]) for d in devices for k in ("first_ns", "last_ns")}) == 1
    rows = [_cells(device, one_day) for device in devices]
    widths = [
        min(limit, max(cell_len(cell) for cell in column))
        for limit, column in zip(_LIMITS, zip(_HEADINGS, *rows, strict=True), strict=True)
    ]
    narrow = options.width < NARROW
    if narrow:
        widths[_CLOCK] = widths[_TIMESTAMPS] = 0
    _narrow(widths, options.width)
    yield Text(_row(_HEADINGS, widths), style="dim")
    for device, cells in zip(devices, rows, strict=True):
        yield Text(_row(cells, widths), style="bold")
        if cells[1] != cells[1][: widths[1]]:
            yield from _wrapped(f"{_INDENT}{cells[1]}", options.width, indent=_INDENT)
        if narrow and quantity.clock(device):
            what = "clock" if quantity.rate(device) else "timestamps"
            said = f"{_INDENT}{what} {visible(quantity.clock(device))}"
            yield from _wrapped(said, options.width, indent=_INDENT)
        alike = quantity.alike(device)
        if alike:
            said = f"{_INDENT}{alike}: nothing in the traffic tells such machines apart"
            yield from _wrapped(said, options.width, indent=_INDENT, style="yellow")
        yield from _details(device, options)
        reasons = device["reasons"] or []
        # Of those, the first says why there may be several.
        n_reasons = N_REASONS + bool(alike)
        for reason in reasons if options.verbose else reasons[:n_reasons]:
            yield from _reason(reason, options, _INDENT)


def _cells(device: Row, one_day: bool) -> tuple[str, ...]:
    first, last = (
        quantity.clock_time(device[key])
        if one_day
        else f"{quantity.date(device[key])} {quantity.clock_time(device[key])}"
        for key in ("first_ns", "last_ns")
    )
    number = device_number(device["device"])
    return (
        f"#{number}" if number else visible(device["device"]),
        visible(device["looks_like"] or "unknown"),
        f"{quantity.rate(device)} {quantity.skew(device)}".strip(),
        visible(device["clock_regime"] or ""),
        quantity.grouped(device["n_flows"] or 0),
        quantity.size((device["bytes_out"] or 0) + (device["bytes_in"] or 0)),
        f"{first}–{last}" if first else "",
        quantity.percent(device["confidence"]),
    )


def _narrow(widths: list[int], width: int) -> None:
    """Takes from the wordy columns what a line has too much."""
    for column, least in _WORDY:
        over = 2 + sum(widths) + 2 * (sum(w > 0 for w in widths) - 1) - width
        if over > 0:
            widths[column] = max(min(least, widths[column]), widths[column] - over)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    placed = (
        _placed(cell, width, right=column in _RIGHT)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        if width
    )
    return f"  {'  '.join(placed)}".rstrip()


def _placed(cell: str, width: int, *, right: bool) -> str:
    while cell_len(cell) > width:
        cell = shortened(cell, len(cell) - 1)
    padding = " " * (width - cell_len(cell))
    return padding + cell if right else cell + padding


def _details(device: Row, options: Options) -> Iterator[Text]:
    if device["names"]:
        names = ", ".join(shortened(visible(n), 40) for n in device["names"][:N_NAMES])
        yield from _wrapped(f"{_INDENT}calls itself {names}", options.width, indent=_INDENT)
    if not options.verbose:
        return
    known = {
        "IP ID": device["ipid_regime"],
        "ports": device["port_regime"],
        "TTL": device["ttl"],
        "SYN": device["syn"],
        "clock lines": device["boots"] if (device["boots"] or 0) > 1 else None,
        "User-Agents": " | ".join(device["user_agents"] or ()),
    }
    said = "; ".join(f"{key} {value}" for key, value in known.items() if value)
    if said:
        yield from _wrapped(f"{_INDENT}{visible(said)}", options.width, indent=_INDENT, style="dim")


def _reason(reason: str, options: Options, indent: str) -> Iterator[Text]:
    text = visible(reason) if options.verbose else shortened(visible(reason), 240)
    yield from _wrapped(f"{indent}· {text}", options.width, indent=f"{indent}  ")


def _wrapped(text: str, width: int, *, indent: str = "", style: str = "") -> Iterator[Text]:
    for line in textwrap.wrap(text, max(width, 40), subsequent_indent=indent):
        yield Text(line, style=style)


def _closing(
    cut: Sequence[Section], summed: Sequence[Section], *, anything: bool, options: Options
) -> Iterator[Text]:
    if cut:
        several = sum(1 for s in cut if (s.address["n_devices"] or 0) > 1)
        said = f"{quantity.count(len(cut), 'more address', 'more addresses')}"
        said += f", {several} of them with several machines" if several else ""
        said += f" (--top {len(cut) + (options.top or MAX_ADDRESSES)} shows them)."
        yield from _wrapped(said, options.width)
    if summed:
        flows = _total(summed, "n_flows")
        servers = "1 server" if len(summed) == 1 else f"{quantity.grouped(len(summed))} servers"
        which = "is a single machine" if len(summed) == 1 else "are single machines"
        said = f"{quantity.count(flows, 'flow')}, {quantity.size(_total(summed, 'n_bytes'))}"
        said = f"{servers} {which}, as far as can be seen: {said} (--all lists them)."
        yield from _wrapped(said, options.width)
    if not anything:
        yield Text("No such address was judged." if options.addresses else "No flow to judge.")


def _total(chosen: Iterable[Section], column: str) -> int:
    return sum(section.address[column] or 0 for section in chosen)
