"""What one browser looks at: an address, its points, what is shown, marked and selected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.explore.colours import OTHERS, Colouring, colouring
from wiretell.explore.detail import Packets
from wiretell.explore.expression import completions, holds, meant_by, names_of
from wiretell.explore.figures import FADED
from wiretell.explore.listing import NOT_YET
from wiretell.explore.points import (
    NS_PER_MS,
    Points,
    flow_points,
    lanes,
    packet_points,
    points_of,
)
from wiretell.explore.sides import clocks_of, side_table, with_machines
from wiretell.explore.workspace import Opened
from wiretell.exporters.escape import shortened, visible
from wiretell.plots.grid import clamped

BRIGHT, QUIET = 0.85, 0.55
MAX_SAID = 100
FLOWS_LISTED = 500

Mask = NDArray[np.bool_]


class View:
    """The view of one address of a report; arrays are by row of its side table."""

    def __init__(self, opened: Opened, address: str, packets: Packets | None = None) -> None:
        self._packets = packets
        self.measured = opened.measured
        self.report = opened.report
        self.is_judged = opened.is_judged
        self.address = address
        measured = side_table(opened.measured, address)
        # A line of offsets needs the clock of a machine: that of a flow says nothing.
        self._clocks = clocks_of(opened.measured, measured) if self.is_judged else None
        self.sides = with_machines(measured, opened.report.members)
        self.names = names_of(self.sides)
        self.points: Mapping[str, Points] = points_of(
            opened.report.samples, self.sides, self._clocks
        )
        self._near: tuple[tuple[float, float], Mapping[str, Points]] | None = None
        self.shown: Mask = np.ones(self.sides.height, np.bool_)
        self.meant: tuple[str, ...] = ()
        self.marked: Mask | None = None
        self.chosen: Mask | None = None
        self.colours: Colouring = colouring(self.sides, "device")
        self._said = np.array(
            [shortened(visible(text or ""), MAX_SAID) for text in self.sides["says"].to_list()],
            dtype=object,
        )

    @property
    def nobody(self) -> str:
        """What stands for the machine of a flow that has none."""
        return "none" if self.is_judged else NOT_YET

    @property
    def span_ms(self) -> tuple[float, float]:
        """First and last moment of the plots, with a margin."""
        if self.sides.is_empty():
            return 0.0, 1.0
        first, last = self.sides["first_ns"].min(), self.sides["last_ns"].max()
        start, end = float(first) / 1e6, float(last) / 1e6  # type: ignore[arg-type]
        margin = max(0.02 * (end - start), 10.0)
        return start - margin, end + margin

    def look_at(self, x: tuple[float, float]) -> Mapping[str, Points]:
        """The points for a view of the times `x`: every packet where these are few enough."""
        if self._packets is None:
            return self.points
        if self._near is not None and self._near[0] == x:
            return self._near[1]
        found = self._packets.within(int(x[0] * 1e6), int(x[1] * 1e6))
        near = self.points
        if found is not None:
            near = {**self.points, **packet_points(found, self.sides, self._clocks)}
        self._near = x, near
        return near

    def use(self, packets: Packets | None) -> bool:
        """Draws close views from these packets; whether they are others than before."""
        if packets is self._packets:
            return False
        self._packets, self._near = packets, None
        return True

    def edited(self, opened: Opened) -> View:
        """The same view of the address after an edit, or a new one where it was judged."""
        if opened.measured is not self.measured:
            after = View(opened, self.address, self._packets)
            after._keep_view_of(self)
            return after
        after = copy(self)
        after.report = opened.report
        after.sides = with_machines(self.sides, opened.report.members)
        after.names = names_of(after.sides)
        after.points = {**self.points, **flow_points(after.sides)}
        after._near = None
        return after

    def _keep_view_of(self, other: View) -> None:
        """Takes over what another view of the same flows shows, marks and has selected."""
        key = ["flow_id", "side"]
        if self.sides.select(key).equals(other.sides.select(key)):
            self.shown, self.marked, self.chosen = other.shown, other.marked, other.chosen
            self.meant = other.meant

    def filter(self, text: str) -> None:
        """Shows only sides for which the expression holds. Raises ExpressionError."""
        self.shown = holds(text, self.sides, self.names)
        self.meant = () if self.shown.any() else meant_by(text, self.sides, self.names)

    def highlight(self, text: str) -> None:
        """Fades all others; an empty expression fades none. Raises ExpressionError."""
        self.marked = holds(text, self.sides, self.names) if text.strip() else None

    def completions(self, text: str) -> list[str]:
        """Whole expressions that go on from this one."""
        return completions(text, self.names)

    def colour_by(self, by: str) -> None:
        """Colours by one of `colours.BY`."""
        self.colours = colouring(self.sides, by)

    @property
    def kinds(self) -> NDArray[np.int64]:
        """Per row what a thinned plot keeps points of: each colour, selected and not."""
        if self.chosen is None:
            return self.colours.kind
        return self.colours.kind * 2 + self.chosen

    def rows(self) -> dict[str, NDArray[Any]]:
        """Per row what a point shows."""
        colors = np.array(self.colours.colors, dtype=object)[self.colours.kind]
        # What has no colour of its own stays behind what has.
        alpha = np.where(colors == OTHERS, QUIET, BRIGHT)
        if self.marked is not None:
            alpha[~self.marked] = FADED
        return {
            "color": colors,
            "alpha": alpha,
            "flow": self.sides["flow_id"].to_numpy().astype(np.int64),
            "machine": self.sides["device"].fill_null(self.nobody).to_numpy(),
            "says": self._said,
            "end": self.sides["last_ns"].to_numpy() / 1e6,
        }

    def choose_box(self, plot: str, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Selects the sides with a point in that box of a plot, among those shown."""
        found = np.zeros(self.sides.height, np.bool_)
        if plot == "flows":  # lanes are drawn: whoever lives in that time
            first = self.sides["first_ns"].to_numpy() / 1e6
            last = self.sides["last_ns"].to_numpy() / 1e6
            lane = lanes(self.sides)
            found = (first <= x[1]) & (last >= x[0]) & (lane >= y[0]) & (lane <= y[1])
        else:
            found[(self._near[1] if self._near else self.points)[plot].box(x, y)] = True
        self._choose(found & self.shown)

    def choose_devices(self, devices: Iterable[str]) -> None:
        """Selects all sides of these machines."""
        wanted = pl.Series("wanted", list(devices), pl.String)
        is_one = self.sides["machine"].is_in(wanted.implode()).fill_null(value=False)
        self._choose(is_one.to_numpy())

    def choose_rows(self, rows: Iterable[int]) -> None:
        """Selects these sides."""
        found = np.zeros(self.sides.height, np.bool_)
        found[list(rows)] = True
        self._choose(found)

    def choose_nothing(self) -> None:
        """Nothing is selected."""
        self.chosen = None

    def _choose(self, found: Mask) -> None:
        self.chosen = found if found.any() else None

    def selected(self) -> pl.DataFrame:
        """The selected rows of the side table."""
        if self.chosen is None:
            return self.sides.clear()
        return self.sides.filter(pl.Series(self.chosen))

    def listed(self, x: tuple[float, float]) -> tuple[pl.DataFrame, int]:
        """The first flows of the table, and how many it would have.

        Those selected, else those shown that live within the times `x`, in ms.
        """
        mask = self.shown if self.chosen is None else self.chosen
        rows = self.sides.filter(pl.Series(mask))
        if self.chosen is None:
            start, end = (clamped(int(each * NS_PER_MS)) for each in x)
            rows = rows.filter((pl.col("last_ns") >= start) & (pl.col("first_ns") <= end))
        return rows.head(FLOWS_LISTED), rows.height
