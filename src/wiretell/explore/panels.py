"""The tables, boxes and buttons of the page, without what they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.models.css import InlineStyleSheet
from bokeh.models.filters import AllIndices
from bokeh.models.sources import ColumnDataSource
from bokeh.models.widgets.buttons import Button
from bokeh.models.widgets.inputs import AutocompleteInput, Select, TextAreaInput, TextInput
from bokeh.models.widgets.markups import Div
from bokeh.models.widgets.tables import DataTable, NumberFormatter, StringFormatter, TableColumn

from wiretell.explore.colours import BY
from wiretell.explore.selection_texts import FORMS

WIDGET_CSS = """
:host { color: var(--text); font: inherit; }
.bk-input { background: var(--raised); color: var(--text); border-color: var(--line);
  font-size: 13px; }
.bk-input-group > label, .bk-input-group label { color: var(--dim); font-size: 12px; }
select:not([size]).bk-input { background-size: 5px 5px; background-image:
  linear-gradient(45deg, transparent 50%, var(--dim) 50%),
  linear-gradient(135deg, var(--dim) 50%, transparent 50%);
  background-position: right 13px center, right 8px center; background-repeat: no-repeat; }
.bk-btn { background: var(--raised); color: var(--text); border-color: var(--line);
  font-size: 13px; }
.bk-btn:hover, .bk-btn:focus, .bk-btn:active { background: var(--raised) !important;
  border-color: var(--accent) !important; color: var(--accent) !important; }
.bk-btn[disabled], .bk-btn-default[disabled] { opacity: .5; background: var(--raised) !important;
  color: var(--dim) !important; border-color: var(--line) !important; }
.bk-menu { background: var(--raised); color: var(--text); border-color: var(--line);
  z-index: 50; max-height: 18rem; overflow-y: auto; }
.bk-menu > div { padding: 2px 8px; overflow-wrap: anywhere; white-space: normal; }
.bk-menu > div.bk-active, .bk-menu > div.bk-hover { background: var(--accent) !important;
  color: var(--ground) !important; }
.slick-header-columns, .slick-header-column, .slick-header-column.ui-state-default {
  background: var(--raised) !important; color: var(--dim) !important; border-color: var(--line)
  !important; font-weight: 500; }
.slick-row, .slick-row.odd, .slick-cell { background: var(--ground) !important;
  color: var(--text); border-color: var(--line) !important; }
.slick-row .slick-cell.selected, .slick-row.selected .slick-cell, .slick-cell.bk-cell-selected,
.slick-cell.selected { background: var(--picked) !important; color: var(--text); }
.slick-row.active .slick-cell { box-shadow: inset 0 1px var(--accent), inset 0 -1px var(--accent); }
.bk-data-table:focus-within { outline: 2px solid var(--accent); outline-offset: -1px; }
.slick-viewport, .slickgrid-container, .bk-data-table { background: var(--ground) !important; }
"""

ADDRESSES = {"address": 112, "machines": 66, "flows": 52, "verdict": 110}
DEVICES = {"mark": 18, "machine": 28, "looks": 152, "flows": 44, "sure": 52, "clock": 106}
FLOWS = {
    "flow_id": 48, "machine": 36, "time": 66, "far end": 116, "service": 72, "state": 46,
    "pkts": 46, "bytes": 68, "says": 400,
}  # fmt: skip
_NARROW = {
    "addresses": ".slick-viewport { overflow-x: hidden !important; }"
    " @media (min-width: 1101px) and (max-width: 1899px) {"
    " .slick-header-column:nth-child(4), .slick-cell.l3 { visibility: hidden; } }",
}
"""Tables that never move sideways; a verdict that has no room is told beside the page's plots."""
_NUMBERS = {"flows", "flow_id", "pkts", "bytes"}


def sheet() -> InlineStyleSheet:
    """The page's colours inside a widget."""
    return InlineStyleSheet(css=WIDGET_CSS)


class Grid:
    """A table and its rows."""

    def __init__(self, widget: DataTable, source: ColumnDataSource) -> None:
        self.widget, self.source = widget, source
        self._known: list[Any] = []

    def is_news(self, picked: list[Any]) -> bool:
        """Whether these keys are others than were told last: a browser tells some twice."""
        same, self._known = picked == self._known, picked
        return not same

    @property
    def keys(self) -> list[Any]:
        """What each row stands for."""
        return list(self.source.data["key"])

    @property
    def picked(self) -> list[Any]:
        """Keys of the chosen rows, in the order of the table."""
        keys = self.keys
        return [keys[place] for place in sorted(self.source.selected.indices) if place < len(keys)]

    def pick(self, keys: Sequence[Any]) -> None:
        """Chooses the rows with these keys; told back by a browser, that is no news."""
        wanted = set(keys)
        places = [place for place, key in enumerate(self.keys) if key in wanted]
        if places != list(self.source.selected.indices):
            self.source.selected.indices = places
        self._known = self.picked

    def fill(self, rows: Mapping[str, list[Any]], picked: Sequence[Any] = ()) -> None:
        """Shows other rows, those with the keys `picked` chosen."""
        if list(rows["key"]) == self.keys and rows["key"]:
            self._change_cells(rows)
        else:
            self._change_rows(rows)
        self.pick(picked)

    def _change_cells(self, rows: Mapping[str, list[Any]]) -> None:
        """The same rows with other cells: it stays where it was scrolled to."""
        changed = {name: values for name, values in rows.items()
                   if values != list(self.source.data[name])}  # fmt: skip
        whole = slice(0, len(rows["key"]))
        if changed:
            self.source.patch({name: [(whole, values)] for name, values in changed.items()})
            self.widget.view.filter = AllIndices()  # another one: the cells are drawn again

    def _change_rows(self, rows: Mapping[str, list[Any]]) -> None:
        if len(rows["key"]) == len(self.source.data["key"]):
            # Bokeh's table draws anew only where the number of rows changes.
            self.source.data = {name: [] for name in rows}
        self.source.data = dict(rows)


def table(name: str, widths: dict[str, int], height: int) -> Grid:
    """A table without rows; a column `color` gives the colour of the marks."""
    source = ColumnDataSource(data={key: [] for key in (*widths, "key", "color")})
    columns = [TableColumn(field=key, title=_title(key), width=width, formatter=_formatter(key))
               for key, width in widths.items()]  # fmt: skip
    widget = DataTable(
        name=name,
        source=source,
        columns=columns,
        index_position=None,
        reorderable=False,
        autosize_mode="force_fit" if name == "devices" else "none",
        height=height,
        row_height=24,
        sizing_mode="stretch_width",
        selectable="checkbox" if name == "devices" else True,
        stylesheets=[sheet(), InlineStyleSheet(css=_NARROW.get(name, ""))],
    )
    return Grid(widget, source)


def _title(key: str) -> str:
    return {
        "flow_id": "flow",
        "looks": "looks like",
        "mark": "",
        "machine": "#",
        "clock": "clock (ppm, Hz)",
    }.get(key, key)


def _formatter(key: str) -> StringFormatter:
    if key in _NUMBERS:
        return NumberFormatter(format="0,0", text_align="right")
    if key == "mark":
        return StringFormatter(text_color="color")
    return StringFormatter(null_format="")


def expression_box(name: str, title: str, example: str) -> AutocompleteInput:
    """A box for an expression, with completion."""
    return AutocompleteInput(
        name=name,
        title=title,
        placeholder=example,
        completions=[],
        restrict=False,
        min_characters=1,
        max_completions=12,
        case_sensitive=False,
        search_strategy="starts_with",
        sizing_mode="stretch_width",
        stylesheets=[sheet()],
    )


def colour_choice() -> Select:
    """What the points are coloured by."""
    return Select(
        name="colour",
        title="Colour by",
        value="device",
        options=list[str | tuple[Any, str]](BY.items()),
        width=150,
        stylesheets=[sheet()],
    )


def button(name: str, label: str, key: str) -> Button:
    """A button; `key` is the key that does the same."""
    return Button(
        name=name, label=f"{label} ({key})", stylesheets=[sheet()], height=30, align="end"
    )


def text_box(name: str, title: str, example: str) -> TextInput:
    """A box for a short text."""
    return TextInput(
        name=name,
        title=title,
        placeholder=example,
        sizing_mode="stretch_width",
        stylesheets=[sheet()],
    )


def form_choice() -> Select:
    """Which form the selection is offered in."""
    return Select(
        name="form",
        title="As",
        value="wireshark",
        options=list[str | tuple[Any, str]](FORMS.items()),
        width=240,
        stylesheets=[sheet()],
    )


def command_box() -> TextInput:
    """Where the page's keys arrive; not shown."""
    return TextInput(name="command", visible=False)


def export_text() -> TextAreaInput:
    """The filter or lines for the selection, to be copied."""
    return TextAreaInput(
        name="export",
        title="For this selection",
        rows=4,
        max_length=200_000,
        sizing_mode="stretch_width",
        stylesheets=[sheet()],
    )


def words(name: str) -> Div:
    """A place for HTML that is made of escaped texts alone."""
    css = InlineStyleSheet(css=STORY_CSS + _PLACES.get(name, ""))
    return Div(name=name, text="", sizing_mode="stretch_width", stylesheets=[css])


_PLACES = {
    "message": ":host { height: 0; margin: 0; position: relative; z-index: 40; }",
    # Its first line is beside the plots' tools, which are above it and at the right.
    "legend": ":host { min-height: 6.8em; max-height: 6.8em; overflow-y: auto;"
    " margin-top: -26px; }",
    "drawn": ":host { min-height: 3.2em; }",
    "count": ":host { min-height: 3em; }",
    "selection": ":host { min-height: 3.4em; }",
}
"""What comes and goes has its place, or lies above the page: nothing moves because of it."""


STORY_CSS = """
:host { color: var(--text); font: inherit; display: block; width: calc(100% - 10px); }
.bk-clearfix { display: block; width: 100%; }
p { margin: .2rem 0; } h3 { margin: .2rem 0; font-size: 1.05rem; overflow-wrap: anywhere; }
h4 { margin: .7rem 0 .2rem; font-size: .9rem; color: var(--dim); font-weight: 500; }
ul, ol { margin: .2rem 0; padding-left: 1.1rem; } .dim { color: var(--dim); }
.lead { font-size: 1rem; } .count { color: var(--accent); font-weight: 600; }
.mono, .wire { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .82rem; }
.wire { overflow-wrap: anywhere; unicode-bidi: isolate; }
.pill { padding: 0 .55rem; border: 1px solid var(--line); border-radius: 99px; color: var(--dim);
  font-size: .82rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .8rem; margin: .3rem 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.error { padding: .3rem .6rem; border-radius: 5px; background: var(--warn-ground);
  color: var(--warn); white-space: pre-wrap; font-family: ui-monospace, monospace;
  font-size: .82rem; }
p.error { margin: 0; }
.over, .done { position: fixed; bottom: 1rem; left: 50%; transform: translateX(-50%); margin: 0;
  padding: .4rem .9rem; border: 1px solid var(--line); border-radius: 5px; max-width: 40rem;
  background: var(--raised); color: var(--text); box-shadow: 0 3px 12px #0004; }
.over { border-color: var(--warn); background: var(--warn-ground); color: var(--warn);
  max-height: 40vh; overflow: auto; }
.done { animation: leave .6s 6s forwards; }
@keyframes leave { to { opacity: 0; visibility: hidden; } }
.far { height: 4px; border-radius: 2px; background: var(--line); overflow: hidden; }
.far i { display: block; height: 100%; background: var(--accent); }
.bars { display: flex; align-items: flex-end; gap: 1px; height: 28px; margin-top: .2rem; }
.bars i { flex: 1; background: var(--accent); min-height: 1px; opacity: .8; }
.legend { font-size: .85rem; }
.legend::before { content: ""; float: right; width: 165px; height: 30px; }
.legend > span { display: inline-flex; align-items: baseline; max-width: calc(50% - 1rem);
  margin-right: 1rem; white-space: nowrap; vertical-align: top; }
.legend b { flex: none; } .legend .dim { margin-left: .4em; }
.legend i { font-style: normal; overflow: hidden; text-overflow: ellipsis; min-width: 0; }
.legend b { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  margin-right: .4em; }
.legend i { unicode-bidi: isolate; }
a { color: var(--accent); }
"""
