"""Which packets become which points: filters, layers, quantities."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_points import points_of_samples
from fixtures.report import NAT, SCRIPT, make_report

from wiretell.errors import ConfigError
from wiretell.expressions.parser import parse
from wiretell.plots.cloud import HIDDEN, Cloud, Layers, load_clouds
from wiretell.plots.columns import columns, names, quantity
from wiretell.plots.highlight import highlight
from wiretell.plots.sides import Sides, flow_sides
from wiretell.sources.points import PointFrames

REPORT = make_report()


@pytest.fixture(scope="module")
def sides() -> Sides:
    return flow_sides(REPORT)


@pytest.fixture(scope="module")
def points() -> PointFrames:
    return points_of_samples()


def _cloud(points: PointFrames, sides: Sides, y: str, where: str | None = None) -> Cloud:
    layers = Layers(np.zeros(sides.table.height, np.uint8))
    node = parse(where, names()) if where else None
    return load_clouds(points, sides, [quantity(y)], layers, where=node)[0]


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("length > 100", lambda row: row["wire_len"] > 100),
        (f"src = {NAT}", lambda row: row["side"] == 0 and row["flow_id"] < 60),
        (
            f"(src = {NAT} and length > 100) or (syn and not src = {NAT})",
            lambda row: (row["wire_len"] > 100) == (row["side"] == 0 and row["flow_id"] < 60),
        ),
        (f"reverse.src = {NAT}", lambda row: row["side"] == 1 and row["flow_id"] < 60),
        ("tsval", lambda row: row["tsval"] is not None),
        ("rtt in 1.5..2.5 and side = orig", lambda row: row["rtt_ns"] and row["side"] == 0),
    ],
)
def test_filters_hold_for_packets_of_their_sides(
    points: PointFrames, sides: Sides, where: str, holds: object
) -> None:
    (rows,) = points.batches(["packet", "wire_len", "side", "flow_id", "tsval", "rtt_ns"])
    wanted = [row["packet"] for row in rows.iter_rows(named=True) if holds(row)]  # type: ignore[operator]
    found = _cloud(points, sides, "packet", where)
    assert sorted(found.y.tolist()) == sorted(wanted)
    assert found.n_filtered == rows.height - len(wanted)


@pytest.mark.parametrize("name", [n for n, each in columns().items() if each.axis is not None])
def test_everything_that_can_be_drawn_is(points: PointFrames, sides: Sides, name: str) -> None:
    report_plot = _cloud if name not in {"tsval_unwrapped", "clock_offset"} else None
    if report_plot is None:
        with pytest.raises(ValueError, match="needs clocks"):
            _cloud(points, sides, name)
        return
    cloud = report_plot(points, sides, name)
    assert cloud.n_points + cloud.n_missing == points.n_rows
    assert cloud.n_points > 0
    assert (np.diff(cloud.x) >= 0).all()


def test_packets_without_a_value_are_counted_and_not_drawn(
    points: PointFrames, sides: Sides
) -> None:
    cloud = _cloud(points, sides, "tsval")
    (rows,) = points.batches(["tsval"])
    assert cloud.n_missing == rows["tsval"].null_count()
    drawn = cloud.y[cloud.layer != HIDDEN]
    assert sorted(drawn.tolist()) == sorted(rows["tsval"].drop_nulls().to_list())


def test_points_out_of_order_are_put_in_order(points: PointFrames, sides: Sides) -> None:
    (rows,) = points.batches(["packet", "time_ns", "flow_id", "side", "ipid"])
    shuffled = PointFrames([rows.reverse()])
    one, other = _cloud(points, sides, "ip_id"), _cloud(shuffled, sides, "ip_id")
    assert one.x.tolist() == other.x.tolist()
    assert sorted(one.y.tolist()) == sorted(other.y.tolist())


def test_batches_do_not_matter(points: PointFrames, sides: Sides) -> None:
    (rows,) = points.batches(["packet", "time_ns", "flow_id", "side", "tsval", "flags"])
    cut = PointFrames([rows.head(7), rows.slice(7, 50), rows.slice(57)])
    whole, parts = (_cloud(each, sides, "tsval", "not fin") for each in (points, cut))
    assert whole.y.tolist() == parts.y.tolist()
    assert whole.layer.tolist() == parts.layer.tolist()


def test_highlights_by_attribute_own_and_reverse(points: PointFrames, sides: Sides) -> None:
    own = highlight(["device"], sides)
    labels = [layer.label for layer in own.shown]
    assert labels[:5] == [f"{NAT}#{number}" for number in range(1, 6)]
    assert labels[-2:] == ["others", "none"]
    reverse = highlight(["device"], sides, reverse=True)
    assert (own.layers.of_side[0::2] == reverse.layers.of_side[1::2]).all()
    assert (highlight(["reverse.device"], sides).layers.of_side == reverse.layers.of_side).all()


def test_the_first_expression_that_holds_colours_a_packet(
    points: PointFrames, sides: Sides
) -> None:
    found = highlight(["long=length > 100", f"mine=src = {NAT}", "syn"], sides)
    assert [layer.label for layer in found.shown] == ["long", "mine", "syn", "others"]
    (cloud,) = load_clouds(points, sides, [quantity("packet")], found.layers)
    (rows,) = points.batches(["packet", "wire_len", "side", "flow_id", "flags"])
    expected = {
        row["packet"]: 0
        if row["wire_len"] > 100
        else 1
        if row["side"] == 0 and row["flow_id"] < 60
        else 2
        for row in rows.iter_rows(named=True)
    }
    assert dict(zip(cloud.y.tolist(), cloud.layer.tolist(), strict=True)) == expected


def test_values_beyond_the_top_are_others(sides: Sides) -> None:
    found = highlight(["user_agent"], sides, most=1)
    assert len(found.shown) == 3
    assert set(found.layers.of_side.tolist()) == {0, 1, 2}
    assert SCRIPT in {layer.label for layer in highlight(["user_agent"], sides).shown}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["usr_agent"], "did you mean user_agent"),
        (["x=ttl has 3"], "is for text"),
        (["ttl = 3", "ttl = "], "a number belongs here"),
        (["ttl"] * 60, "at most 48"),
    ],
)
def test_wrong_highlights_are_told(sides: Sides, asked: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        highlight(asked, sides)


def test_reverse_is_for_one_attribute(sides: Sides) -> None:
    with pytest.raises(ConfigError, match=r"reverse\.NAME"):
        highlight(["ttl = 3"], sides, reverse=True)


def test_a_wrong_quantity_is_told_with_near_names() -> None:
    with pytest.raises(ConfigError, match="did you mean ip_id"):
        quantity("ip_di")
