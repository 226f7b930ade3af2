"""What a plot shows, as one JSON document (RFC 8259, ASCII); schema: docs/schema/plot.v1.json."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from wiretell.exporter import Target, text_stream
from wiretell.exporters.plot_layout import HEIGHT, WIDTH
from wiretell.plots.scene import Scene, mark_color

FORMAT = "wiretell.plot/1"
"""Name and version of the document; a change that breaks readers raises the version."""


def write(scene: Scene, target: Target, *, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """Writes the document."""
    with text_stream(target) as stream:
        json.dump(document(scene, size=size), stream, allow_nan=False, ensure_ascii=True)
        stream.write("\n")


def document(scene: Scene, *, size: tuple[int, int] = (WIDTH, HEIGHT)) -> dict[str, Any]:
    """The plot as JSON values.

    Few points are listed: x, y, layer, flow, side (0 orig, 1 resp). Many are counted in cells of
    a picture of that size: column from the left, row from below, layer, points.
    """
    window = scene.window
    name = scene.quantity.name
    return {
        "format": FORMAT,
        "quantity": name.name,
        "meaning": name.meaning,
        "unit": name.unit,
        "axis": scene.axis,
        "window": {"x0": window.x0, "x1": window.x1, "y0": window.y0, "y1": window.y1},
        "filters": list(scene.filters),
        "remarks": list(scene.remarks),
        "layers": [
            {
                "label": layer.label,
                "color": "#{:02x}{:02x}{:02x}".format(*mark_color(layer.look)),
                "marker": layer.look.marker,
                "n_points": int(total),
            }
            for layer, total in zip(scene.layers, scene.totals, strict=True)
        ],
        "n_points": scene.cloud.n_points,
        "n_shown": scene.n_shown,
        "n_without_value": scene.cloud.n_missing,
        "n_filtered_out": scene.cloud.n_filtered,
        **({"points": _points(scene)} if scene.by_marks else {"cells": _cells(scene, size)}),
    }


def _points(scene: Scene) -> list[list[float]]:
    cloud, shown = scene.cloud, scene.shown
    y = cloud.y[shown]
    values = y.tolist() if np.issubdtype(y.dtype, np.integer) else np.round(y, 6).tolist()
    side = cloud.side[shown]
    columns = (cloud.x[shown].tolist(), values, cloud.layer[shown].tolist())
    return [
        list(row) for row in zip(*columns, (side // 2).tolist(), (side % 2).tolist(), strict=True)
    ]


def _cells(scene: Scene, size: tuple[int, int]) -> dict[str, Any]:
    width, height = size
    counts = scene.counts(width, height)
    layer, row, column = np.nonzero(counts)
    held = zip(
        column.tolist(),
        row.tolist(),
        layer.tolist(),
        counts[layer, row, column].tolist(),
        strict=True,
    )
    return {"width": width, "height": height, "counts": [list(each) for each in held]}
