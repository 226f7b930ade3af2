"""Which connections are worth explaining, as a table, and how good the capture is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from wiretell.exporter import Options, Target
from wiretell.exporters import quality_text
from wiretell.exporters.console import write_lines
from wiretell.exporters.escape import shortened, visible
from wiretell.exporters.explain_text import PROTOCOLS, wrapped
from wiretell.exporters.quantity import count, grouped
from wiretell.findings.explain.worth import Worth
from wiretell.findings.overview import Overview

MAX_CONNECTIONS = 30
_HEADINGS = ("flow", "connection", "proto", "packets", "INVALID", "first", "what")
_RIGHT = frozenset({0, 3, 4, 5})
MIN_WHAT = 24


def write(seen: Overview, target: Target, options: Options) -> None:
    """Writes the overview as text; the same overview gives the same bytes."""
    write_lines(lines(seen, options), target, options)


def lines(seen: Overview, options: Options) -> Iterator[Text]:
    """The lines, without line ends."""
    yield from wrapped(_title(seen), options.width, style="bold")
    shown = seen.worth[: options.top or MAX_CONNECTIONS]
    if shown:
        yield Text()
        yield from _table(shown, options.width)
        left = len(seen.worth) - len(shown)
        if left:
            yield Text(f"{count(left, 'more connection')} (--top {len(seen.worth)} shows all).")
        yield Text()
        hint = f"Packet by packet: wiretell explain CAPTURE {shown[0].flow_id}"
        yield Text(hint, style="dim")
    yield Text()
    yield from quality_text.lines(seen.quality, options)


def _title(seen: Overview) -> str:
    flows = count(seen.n_flows, "connection")
    if not seen.worth:
        return f"{flows}, none of them odd: no packet INVALID, no retransmission, nothing missing."
    invalid = count(seen.n_invalid, "packet")
    odd = len(seen.worth)
    return f"{grouped(odd)} of {flows} worth explaining; {invalid} INVALID."


def _table(shown: Sequence[Worth], width: int) -> Iterator[Text]:
    rows = [_HEADINGS, *(_cells(each) for each in shown)]
    last = len(_HEADINGS) - 1
    widths = [max(cell_len(row[place]) for row in rows) for place in range(last)]
    taken = sum(widths) + 2 * last
    room = max(MIN_WHAT, width - taken)
    widths[1] = max(12, widths[1] - max(0, taken + MIN_WHAT - width))
    for place, row in enumerate(rows):
        cells = [
            f"{shortened(cell, w):>{w}}" if n in _RIGHT else f"{shortened(cell, w):<{w}}"
            for n, (cell, w) in enumerate(zip(row[:last], widths, strict=True))
        ]
        is_invalid = place > 0 and shown[place - 1].n_invalid > 0
        style = "bold" if place == 0 else "red" if is_invalid else ""
        yield Text("  ".join([*cells, shortened(row[last], room)]).rstrip(), style=style)


def _cells(each: Worth) -> tuple[str, ...]:
    return (
        str(each.flow_id),
        f"{_end(*each.orig)} > {_end(*each.resp)}",
        PROTOCOLS.get(each.proto, str(each.proto)),
        grouped(each.n_packets),
        grouped(each.n_invalid) if each.n_invalid else "",
        f"#{each.first_odd}" if each.first_odd is not None else "",
        what(each),
    )


def what(each: Worth) -> str:
    """`seq over 10; retransmission 4, out of order 2`."""
    parts = [each.reasons, each.marks, each.notes]
    told = [", ".join(f"{name.replace('_', ' ')} {n}" for name, n in part) for part in parts]
    return visible("; ".join(text for text in told if text))


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
