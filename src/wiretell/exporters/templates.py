"""Jinja environments of the folders with templates: every value is escaped, none may be missing."""

from __future__ import annotations

from functools import cache

import jinja2

from wiretell.exporters import quantity
from wiretell.exporters.escape import visible


@cache
def environment(folder: str = "exporters") -> jinja2.Environment:
    """Templates of that folder of the package, with the formats of `quantity`.

    `visible` is for texts off the wire. One for each folder: compiled templates are kept.
    """
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("wiretell", folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        visible=lambda text: visible(str(text or "")),
        grouped=quantity.grouped,
        size=quantity.size,
        percent=quantity.percent,
        rate=quantity.rate,
        skew=quantity.skew,
        interval=quantity.interval,
        alike=quantity.alike,
    )
    made.globals.update(span=quantity.span, count=quantity.count)
    return made
