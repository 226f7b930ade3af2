"""Clocks for a person at a terminal: a line each, and what it means."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from wiretell.exporter import Options, Target
from wiretell.exporters import quantity
from wiretell.exporters.console import write_lines
from wiretell.exporters.escape import shortened, visible
from wiretell.model.clocks import ADDRESS, DEVICE, FLOW, ClockReport

Row = Mapping[str, Any]
MAX_ADDRESSES = 50
_HEADINGS = (
    "",
    "source",
    "rate",
    "skew, ppm",
    "by hull",
    "by regression",
    "quality",
    "watched",
    "flows",
    "readings",
)
_RIGHT = frozenset({2, 3, 4, 5, 7, 8, 9})
SOURCE_WORDS = {
    "tcp_timestamp": "TCP",
    "icmp_timestamp": "ICMP",
    "http_date": "HTTP Date",
    "ntp": "NTP",
    "tls_hello": "TLS hello",
    "rtp": "RTP",
}
_WHAT = {FLOW: "flow side", ADDRESS: "address", DEVICE: "machine"}
_NOTHING = ("none", "too short")
_INDENT = "      "
READING = (
    "Skew is how fast a clock runs: +50 ppm gains 4.3 s a day. It is measured by the upper hull"
    " of the readings and by robust regression; where these disagree, trust neither."
)


def write(found: ClockReport, target: Target, options: Options) -> None:
    """Writes the table; the same clocks give the same bytes."""
    write_lines(lines(found, options), target, options)


def lines(found: ClockReport, options: Options) -> Iterator[Text]:
    """The lines, without line ends."""
    rows = found.clocks.to_dicts()
    shown = rows if options.all_addresses else [row for row in rows if is_told(row)]
    groups = by_address(shown)
    cut = groups[: options.top or MAX_ADDRESSES]
    told = quantity.count(n_measured(rows), "clock")
    yield Text(f"{told} measured, by {_WHAT[found.level]}.", style="bold")
    yield Text()
    for address, own in cut:
        yield Text(address, style="bold cyan")
        yield from _table(own, options)
        yield Text()
    n_more = len(groups) - len(cut)
    if n_more:
        more = quantity.count(n_more, "more address", "more addresses")
        yield Text(f"{more} (--top {len(groups)} shows all).")
    hidden = len(rows) - len(shown)
    if hidden:
        said = quantity.count(hidden, "clock", "clocks")
        off = sum(row["countermeasure"] == "off" for row in rows if not is_told(row))
        none = f", {off} of them without timestamps" if off else ""
        yield Text(f"{said} not listed: too little to tell a rate{none} (--all).")
    if shown:
        for note in (READING, *found.notes):
            yield from _wrapped(note, options.width, style="dim")


def n_measured(rows: Sequence[Row]) -> int:
    """Clocks whose rate is known."""
    return sum(row["best_ppm"] is not None and row["quality"] not in _NOTHING for row in rows)


def is_told(row: Row) -> bool:
    """Is there something to say of this clock: a rate, or what hides it?"""
    hidden = row["countermeasure"] not in (None, "", "off")
    return hidden or row["quality"] not in _NOTHING


def by_address(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Rows by their address, in the order of its first row."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row["address"]), []).append(row)
    return list(groups.items())


def short_name(row: Row) -> str:
    """`#2` of a machine, `flow 17 <` of a flow's far side, `all` of an address."""
    if row["level"] == DEVICE:
        number = str(row["subject"]).rpartition("#")[2]
        return f"#{number}" if number.isdigit() else visible(str(row["subject"]))
    if row["level"] == FLOW and row["flow_id"] is not None:
        return f"flow {row['flow_id']} {'<' if row['side'] else '>'}"
    return "all"


def rate(row: Row) -> str:
    """`1000 Hz`, `1 MHz`; `time` of a clock that tells the time in fractions as it likes."""
    hz = row["nominal_hz"] or row["rate_hz"]
    if hz is None:
        return ""
    if row["source"] == "ntp":
        return "time"
    return f"{hz / 1e6:g} MHz" if hz >= 1e6 else f"{hz:.6g} Hz"


def skew(ppm: float | None, error: float | None) -> str:
    """`+79.99 ±0.13`: as many digits as the error bears; empty where unknown."""
    if ppm is None:
        return ""
    if error is None:
        return f"{ppm:+.0f}"
    digits = 3 if error < 0.0095 else 2 if error < 0.95 else 1 if error < 9.5 else 0
    return f"{ppm:+.{digits}f} ±{error:.{digits}f}"


def by_hull(row: Row) -> str:
    """What the linear program says."""
    return skew(row["skew_ppm"], row["skew_se_ppm"]) if row["best_ppm"] is not None else ""


def by_regression(row: Row) -> str:
    """What robust regression says."""
    return skew(row["robust_ppm"], row["robust_se_ppm"]) if row["best_ppm"] is not None else ""


def time_span(seconds: float | None) -> str:
    """`45 s`, `9.9 min`, `3.2 h`, `2.0 d`."""
    if seconds is None:
        return ""
    for unit, one in (("d", 172_800.0), ("h", 7200.0), ("min", 120.0)):
        if seconds >= one:
            return f"{seconds / {'d': 86400.0, 'h': 3600.0, 'min': 60.0}[unit]:.1f} {unit}"
    return f"{seconds:.0f} s"


def best(row: Row) -> str:
    """The skew to believe, or where there are several clocks, nothing."""
    if row["best_ppm"] is None:
        return "" if row["quality"] == "several clocks" else skew(row["skew_ppm"], None)
    return skew(row["best_ppm"], row["best_se_ppm"])


def details(row: Row, *, verbose: bool) -> list[str]:
    """What there is to say beside the numbers, in plain sentences."""
    said: list[str] = []
    hidden = row["countermeasure"] or ""
    if hidden:
        said.append(f"{hidden}: {row['countermeasure_reason']}")
    if row["quality"] in ("methods disagree", "several clocks") or verbose:
        said.append(f"{row['quality']}: {row['quality_reason']}")
    steps = list(zip(row["step_ns"] or (), row["step_ms"] or (), strict=True))
    for time_ns, size_ms in steps[: None if verbose else 3]:
        longer = "set back, or the way became longer" if size_ms < 0 else "set forward, or shorter"
        said.append(f"step of {size_ms:+.1f} ms at {quantity.clock_time(time_ns)} UTC: {longer}")
    if len(steps) > 3 and not verbose:
        said.append(f"{len(steps) - 3} more steps (-v)")
    if row["best_ppm"] is not None:
        unknown = row["discipline"] == "unknown"
        state = "whether NTP sets it is not known" if unknown else row["discipline"]
        said.append(f"{state}: {row['discipline_reason']}")
        steady = (row["wander"] or "").startswith("none seen")
        if row["wander_ppm"] is not None or (verbose and steady):
            said.append(f"wander: {row['wander']}")
        if row["relative_ppm"] is not None and verbose:
            said.append(f"relative to the common mode: {row['relative_ppm']:+.2f} ppm")
        if row["more_s"] or verbose:
            said.append(f"precision: {row['advice']}")
    if row["ahead_ms"] is not None:
        said.append(
            f"tells the time {_ahead(row['ahead_ms'])} the observer's clock, packet's way in"
        )
    elif row["n_readings"]:
        boot = row["boot"] or ""
        if row["boot_ns"] is not None:
            boot = f"booted {boot}"
        said.append(f"offset {row['offset_regime']}; {boot}" if verbose or boot else "")
    return [visible(text) for text in said if text]


def _ahead(ms: float) -> str:
    """`0.4 s ahead of`, `12 ms behind`."""
    size = f"{abs(ms) / 1e3:.2f} s" if abs(ms) >= 1000.0 else f"{abs(ms):.0f} ms"
    return f"{size} ahead of" if ms > 0.0 else f"{size} behind"


def _table(rows: Sequence[Row], options: Options) -> Iterator[Text]:
    cells = [_cells(row) for row in rows]
    widths = [max(cell_len(c) for c in column) for column in zip(_HEADINGS, *cells, strict=True)]
    yield Text(_line(_HEADINGS, widths, options.width), style="dim")
    for row, own in zip(rows, cells, strict=True):
        yield Text(_line(own, widths, options.width), style="bold")
        for said in details(row, verbose=options.verbose):
            text = f"{_INDENT}· {said}"
            yield from _wrapped(text, options.width, indent=f"{_INDENT}  ")


def _cells(row: Row) -> tuple[str, ...]:
    n_flows = row["n_flows"]
    return (
        short_name(row),
        SOURCE_WORDS.get(str(row["source"]), str(row["source"])),
        rate(row),
        best(row),
        by_hull(row),
        by_regression(row),
        str(row["quality"] or ""),
        time_span(row["span_s"]),
        "" if n_flows is None else quantity.grouped(n_flows),
        quantity.grouped(row["n_readings"] or 0),
    )


def _line(cells: Sequence[str], widths: Sequence[int], width: int) -> str:
    placed = [
        " " * (w - cell_len(c)) + c if n in _RIGHT else c + " " * (w - cell_len(c))
        for n, (c, w) in enumerate(zip(cells, widths, strict=True))
    ]
    return shortened(f"  {'  '.join(placed)}".rstrip(), max(width, 60))


def _wrapped(text: str, width: int, *, indent: str = "", style: str = "") -> Iterator[Text]:
    for line in textwrap.wrap(text, max(width, 40), subsequent_indent=indent):
        yield Text(line, style=style)
