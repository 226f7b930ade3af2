"""The page of one browser: what its widgets do. State is in `view` and `workspace`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import polars as pl
from bokeh.document import Document
from bokeh.events import SelectionGeometry
from bokeh.layouts import column, row
from bokeh.models import Column, GridPlot, Range1d

from wiretell.devices.edits import Annotate, Edit, Merge, Rename, Split, describe_edit
from wiretell.errors import ConfigError
from wiretell.explore import panels, story
from wiretell.explore.figures import Plot, toolbar
from wiretell.explore.judging import Phase
from wiretell.explore.legend import legend
from wiretell.explore.listing import address_rows, device_rows, flow_rows
from wiretell.explore.points import PLOTS
from wiretell.explore.selection_texts import offer
from wiretell.explore.view import View
from wiretell.explore.workspace import Workspace
from wiretell.expressions.error import ExpressionError

ZOOM_WAIT_MS = 90
"""Zooming is a stream of changes; the last of them counts."""


class Page:
    """Widgets and what they do."""

    def __init__(self, doc: Document, workspace: Workspace, source: str) -> None:
        self._doc, self._work, self._source = doc, workspace, source
        self._view: View | None = None
        self._told: tuple[str, Any] = ("address", None)
        self._revision = workspace.revision
        self._quiet = False
        self._listed = 0, 0
        self._colour_is_chosen = False
        self._is_thinned = False
        self._zooming: Any = None
        self._x_range = Range1d(start=0.0, end=1.0)
        self._plots = {name: Plot(name, self._x_range) for name in PLOTS}
        self._addresses = panels.table("addresses", panels.ADDRESSES, 320)
        self._devices = panels.table("devices", panels.DEVICES, 210)
        self._flows = panels.table("flows", panels.FLOWS, 260)
        example = 'user_agent has "Firefox" and not dst_port in (80, 53)'
        self._filter = panels.expression_box("filter", "Show only", example)
        self._mark = panels.expression_box("highlight", "Highlight", 'user_agent has "Windows"')
        self._colour = panels.colour_choice()
        self._name = panels.text_box("name", "Name of the machine", "Anna's phone")
        self._note = panels.text_box("note", "Note", "seen in room 12")
        self._form = panels.form_choice()
        self._export = panels.export_text()
        self._command = panels.command_box()
        self._words = {
            name: panels.words(name)
            for name in (
                *("count", "state", "legend", "message", "selection", "story", "history", "drawn"),
            )
        }
        self._buttons = {
            name: panels.button(name, label, key)
            for name, label, key in (
                ("merge", "Merge", "m"),
                ("split", "Split off", "s"),
                ("rename", "Rename", "r"),
                ("annotate", "Annotate", "n"),
                ("undo", "Undo", "u"),
                ("redo", "Redo", "y"),
                ("clear", "Clear", "esc"),
            )
        }
        self._listen()
        self._colour_by_default()
        self._list_addresses()
        self._tell_history()
        self._tell_state()
        if self._addresses.keys:
            first = self._addresses.keys[0]
            self._list_addresses(first)
            self._open(first)
        else:
            self._tell("address", None)
            self._words["drawn"].text = story.nothing_to_draw()
        if workspace.problems:
            self._say("\n".join(workspace.problems), is_error=True)
        stop = workspace.listen(lambda: doc.add_next_tick_callback(self._heard))
        doc.on_session_destroyed(lambda _: stop())

    def roots(self) -> list[Any]:
        """The parts that the page's template places by their names."""
        plots = [plot.figure for plot in self._plots.values()]
        w = self._words
        above = GridPlot(
            children=[(w["legend"], 0, 0)],
            toolbar=toolbar(self._plots.values()),
            toolbar_location="above",
            sizing_mode="stretch_width",
        )
        pairs = [row(*plots[n : n + 2], sizing_mode="stretch_width") for n in range(0, 6, 2)]
        b = self._buttons
        edit = column(
            row(b["merge"], b["split"]),
            row(b["undo"], b["redo"], b["clear"]),
            row(self._name, b["rename"], sizing_mode="stretch_width"),
            row(self._note, b["annotate"], sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )
        boxes = row(self._filter, self._mark, self._colour, sizing_mode="stretch_width")
        return [
            _part("left", self._addresses.widget, w["count"], w["history"], w["state"]),
            _part("boxes", boxes, w["message"]),
            _part("plots", above, *pairs, w["drawn"]),
            _part("table", w["selection"], self._flows.widget),
            _part("machines", self._devices.widget, edit),
            _part("told", w["story"]),
            _part("exports", self._form, self._export),
            self._command,
        ]

    # What happens

    def _listen(self) -> None:
        self._addresses.source.selected.on_change("indices", self._guarded(self._pick_address))
        self._devices.source.selected.on_change("indices", self._guarded(self._pick_devices))
        self._flows.source.selected.on_change("indices", self._guarded(self._pick_flows))
        for box in (self._filter, self._mark):
            box.on_change("value", self._guarded(self._show))
            box.on_change("value_input", self._guarded(partial(self._complete, box)))
        self._colour.on_change("value", self._guarded(self._choose_colour))
        self._form.on_change("value", self._guarded(self._tell_export))
        self._command.on_change("value", self._guarded(self._obey))
        for end in ("start", "end"):
            self._x_range.on_change(end, self._guarded(self._zoomed))
        for plot in self._plots.values():
            plot.figure.on_event(SelectionGeometry, partial(self._brush, plot))
        acts: dict[str, Callable[[], None]] = {
            "merge": self._merge,
            "split": self._split,
            "rename": lambda: self._write(Rename, self._name),
            "annotate": lambda: self._write(Annotate, self._note),
            "undo": lambda: self._step_back(forward=False),
            "redo": lambda: self._step_back(forward=True),
            "clear": self._choose_nothing,
        }
        self._acts = acts
        for name, act in acts.items():
            self._buttons[name].on_click(partial(self._safely, act))

    def _guarded(self, act: Callable[[], object]) -> Callable[[str, Any, Any], None]:
        """A callback that does nothing while the page itself changes its widgets."""

        def callback(attr: str, old: Any, new: Any) -> None:
            if not self._quiet:
                self._safely(act, keep_message=attr == "indices")

        return callback

    def _safely(self, act: Callable[[], object], *, keep_message: bool = False) -> None:
        """What cannot be done is said on the page."""
        try:
            if not keep_message:  # tables that are filled anew tell their selection again
                self._say("")
            act()
        except ExpressionError as error:
            self._say(str(error), is_error=True)
        except (ValueError, ConfigError, OSError) as error:
            self._say(str(error), is_error=True)

    def _obey(self) -> None:
        """A key, `name:number`, or a click on a machine's row, `machine:name:number`.

        The number is only there to make it a change.
        """
        name, _, rest = self._command.value.partition(":")
        if name == "machine":
            self._pick_device(rest.rpartition(":")[0])
        elif name in self._acts:
            self._acts[name]()

    def _pick_address(self) -> None:
        picked = self._addresses.picked
        # A table that is filled anew tells its selection again: that asks for nothing.
        if picked and (self._view is None or picked[0] != self._view.address):
            self._open(picked[0])

    def _open(self, address: str) -> None:
        self._view = View(self._work.opened(address), address, self._work.packets)
        with_range = self._view.span_ms
        self._show_plots()
        for plot in self._plots.values():
            plot.forget_zoom()
        self._silently(lambda: self._x_range.update(start=with_range[0], end=with_range[1]))
        self._x_range.update(reset_start=with_range[0], reset_end=with_range[1])
        self._tell("address", None)
        self._show()

    def _show_plots(self) -> None:
        """Those that have something to draw, now or once machines are told apart."""
        view = self._need_view()
        drawn = {name: bool(len(points.x)) for name, points in view.points.items()}
        for name, plot in self._plots.items():
            plot.figure.visible = drawn["tsval" if name == "drift" else name]
        self._plots["drift"].say(
            "" if drawn["drift"] else "none known" if view.is_judged else "to come"
        )

    def _choose_colour(self) -> None:
        self._colour_is_chosen = True
        self._show()

    def _colour_by_default(self) -> None:
        """By machine; by what stacks look like while there are none."""
        if not self._colour_is_chosen:
            by = "device" if self._work.state.phase is Phase.DONE else "syn"
            self._silently(lambda: self._colour.update(value=by))

    def _show(self, *, is_asked: bool = True) -> None:
        """Draws again with the filter, the highlight and the colours that are asked for.

        Raises ExpressionError for the first that cannot be read; what it asked before stays.
        Where nothing was asked anew (`is_asked`), that was told before.
        """
        view = self._need_view()
        wrong: list[ExpressionError] = []
        for ask, box in ((view.filter, self._filter), (view.highlight, self._mark)):
            try:
                ask(box.value)
            except ExpressionError as error:
                wrong.append(error)
        view.colour_by(self._colour.value)
        self._words["legend"].text = legend(view.colours, view.shown)
        self._draw()
        self._list_devices()
        self._tell_selection()
        if wrong and is_asked:
            raise wrong[0]

    def _x(self) -> tuple[float, float]:
        """The times in view, in ms."""
        return cast(float, self._x_range.start), cast(float, self._x_range.end)

    def _draw(self) -> None:
        view = self._need_view()
        x = self._x()
        rows = view.rows()
        said, absent = [], []
        n_drawn = 0
        near = view.look_at(x)
        for name, plot in self._plots.items():
            if not plot.figure.visible:
                absent.append(PLOTS[name])
                continue
            plot.points = near[name]
            n, n_all = plot.draw(x, view.shown, view.kinds, rows)
            plot.select(view.chosen)
            n_drawn += n
            if n < n_all:
                said.append(f"{PLOTS[name]} {n} of {n_all}")
        self._is_thinned = bool(said)
        self._words["drawn"].text = story.drawn(
            said, absent, has_points=bool(n_drawn), meant=view.meant
        )

    def _draw_selection(self) -> None:
        """Marks what is selected; thinned plots are drawn again, for they may lack points of it."""
        if self._is_thinned:
            self._draw()
            return
        for plot in self._plots.values():
            plot.select(self._need_view().chosen)

    def _zoomed(self) -> None:
        if self._view is None:
            return
        if self._zooming is not None:
            self._doc.remove_timeout_callback(self._zooming)
        self._zooming = self._doc.add_timeout_callback(self._zoom_now, ZOOM_WAIT_MS)

    def _zoom_now(self) -> None:
        self._zooming = None
        self._safely(self._look)

    def _look(self) -> None:
        """At other times: the table of flows follows, unless flows are selected."""
        self._draw()
        if self._need_view().chosen is None:
            self._list_flows()

    def _brush(self, plot: Plot, event: SelectionGeometry) -> None:
        box = cast(dict[str, Any], event.geometry or {})
        if not event.final or self._view is None or box.get("type") != "rect":
            return
        x, y = sorted((box["x0"], box["x1"])), sorted((box["y0"], box["y1"]))
        self._view.choose_box(plot.name, (x[0], x[1]), (y[0], y[1]))
        self._tell("address", None)
        self._selection_changed()

    def _pick_devices(self) -> None:
        view = self._need_view()
        devices = self._devices.picked
        if not self._devices.is_news(devices):
            return
        if devices:
            view.choose_devices(devices)
            self._tell("device", devices[-1])
        else:
            view.choose_nothing()
            self._tell("address", None)
        self._selection_changed(keep_devices=True)

    def _pick_device(self, device: str) -> None:
        """This machine alone, as by a click on its row; its box adds it to others."""
        if device not in self._devices.keys:
            return
        self._need_view().choose_devices([device])
        self._silently(lambda: self._devices.pick([device]))
        self._tell("device", device)
        self._selection_changed(keep_devices=True)

    def _pick_flows(self) -> None:
        view = self._need_view()
        rows = self._flows.picked
        if not rows:
            return
        self._tell("flow", rows[-1])
        view.choose_rows(rows)
        self._count_selection()
        self._draw_selection()
        self._tell_export()

    def _choose_nothing(self) -> None:
        self._need_view().choose_nothing()
        self._tell("address", None)
        self._selection_changed()

    def _selection_changed(self, *, keep_devices: bool = False) -> None:
        self._draw_selection()
        if not keep_devices:
            self._silently(lambda: self._devices.pick([]))
        self._tell_selection()

    def _complete(self, box: Any) -> None:
        if self._view is not None:
            box.completions = self._view.completions(box.value_input)

    # Edits

    def _merge(self) -> None:
        self._edit(Merge(tuple(self._devices.picked)))

    def _split(self) -> None:
        chosen = self._need_view().selected()
        if chosen.is_empty():
            raise ValueError("select flows first: draw a box in a plot, or click flows")
        devices = chosen["machine"].unique().drop_nulls().to_list()
        if len(devices) != 1:
            names = ", ".join(sorted(device.rpartition("#")[2] for device in devices)) or "none"
            raise ValueError(f"the selected flows must be of one machine; they are of: {names}")
        own = chosen.filter(pl.col("machine").is_not_null())
        sides = tuple(zip(own["flow_id"].to_list(), own["side"].to_list(), strict=True))
        self._edit(Split(devices[0], sides))

    def _write(self, kind: type[Rename] | type[Annotate], box: Any) -> None:
        devices = self._devices.picked
        if len(devices) != 1:
            raise ValueError("tick one machine first")
        self._edit(kind(devices[0], box.value))
        self._silently(lambda: box.update(value=""))

    def _edit(self, edit: Edit) -> None:
        self._work.edit(edit)
        self._say(f"{describe_edit(edit)[:1].upper()}{describe_edit(edit)[1:]}.")

    def _step_back(self, *, forward: bool) -> None:
        edit = self._work.redo() if forward else self._work.undo()
        if edit is None:
            raise ValueError(f"nothing to {'redo' if forward else 'undo'}")
        self._say(f"{'Done again' if forward else 'Undone'}: {describe_edit(edit)}.")

    # What changes: by an edit of any page, or because machines are told apart

    def _heard(self) -> None:
        self._safely(self._change, keep_message=True)

    def _change(self) -> None:
        self._tell_state()
        has_packets = self._view is not None and self._view.use(self._work.packets)
        if self._revision == self._work.revision:
            if has_packets:
                self._draw()
            return
        self._revision = self._work.revision
        self._tell_history()
        if self._view is None:
            return
        self._list_addresses(self._view.address)
        opened = self._work.opened(self._view.address)
        if opened.report is not self._view.report:
            self._view = self._view.edited(opened)
            self._colour_by_default()
            self._show_plots()
            self._tell(*self._told)
            self._show(is_asked=False)

    # What is told

    def _tell(self, kind: str, which: Any) -> None:
        """The story of a machine, a flow (by its row), or else of the address."""
        self._told = kind, which
        view = self._view
        if view is None:
            text = story.address_story(None)
        elif kind == "flow":
            text = story.flow_story(view.report, view.sides.row(which, named=True))
        elif kind == "device" and which in view.report.devices["device"]:
            text = story.device_story(view.report, which, view.sides)
        else:
            text = story.address_story(view.report)
        self._words["story"].text = text

    def _tell_state(self) -> None:
        work = self._work
        is_judged = work.state.phase is Phase.DONE
        self._words["count"].text = story.overview(work.addresses, work.n_flows, is_judged)
        self._words["state"].text = story.judging(work.state)

    def _list_addresses(self, picked: str | None = None) -> None:
        rows = address_rows(self._work.addresses)
        self._silently(lambda: self._addresses.fill(rows, [picked]))

    def _list_devices(self) -> None:
        view = self._need_view()
        by_device = self._colour.value == "device"
        rows = device_rows(view.report, view.colours if by_device else None)
        self._silently(lambda: self._devices.fill(rows, self._devices.picked))

    def _tell_selection(self) -> None:
        self._list_flows()
        self._tell_export()

    def _list_flows(self) -> None:
        view = self._need_view()
        listed, n_all = view.listed(self._x())
        self._listed = listed.height, n_all
        self._count_selection()
        rows = flow_rows(listed, view.colours, view.nobody)
        self._silently(lambda: self._flows.fill(rows))

    def _count_selection(self) -> None:
        view = self._need_view()
        chosen = view.selected()
        named = chosen["device"].fill_null("none").unique().to_list() if view.is_judged else []
        devices = sorted(named)
        n_bytes = int(chosen["bytes"].sum()) + int(chosen["bytes_in"].sum())
        told = story.selection(chosen.height, devices, n_bytes, *self._listed)
        self._words["selection"].text = told

    def _tell_export(self) -> None:
        chosen = self._need_view().selected()
        offered = offer(self._form.value, chosen, self._source)
        self._export.update(value=offered.text, placeholder=offered.why_none)

    def _tell_history(self) -> None:
        log = self._work.log
        lines = [describe_edit(edit) for edit in log.active]
        folder = None if self._work.folder is None else str(self._work.folder)
        promised = None if self._work.promised is None else str(self._work.promised)
        self._words["history"].text = story.history(lines, log.n_undone, folder, promised)
        has_machines = self._work.state.phase is Phase.DONE
        for name in ("merge", "split", "rename", "annotate"):
            self._buttons[name].disabled = not has_machines
        self._buttons["undo"].disabled = not log.active
        self._buttons["redo"].disabled = not log.n_undone

    def _say(self, text: str, *, is_error: bool = False) -> None:
        self._words["message"].text = story.message(text, is_error=is_error)

    def _need_view(self) -> View:
        if self._view is None:
            raise ValueError("pick an address first")
        return self._view

    def _silently(self, change: Callable[[], object]) -> None:
        self._quiet = True
        try:
            change()
        finally:
            self._quiet = False


def _part(name: str, *widgets: Any) -> Column:
    part = column(*widgets, sizing_mode="stretch_width")
    part.name = name
    return part
