"""`--fail-on`: a condition on the report that ends the command with exit code 3."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wiretell.findings.scans.finding import Scans
    from wiretell.model.report import Report

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_CONDITION = re.compile(r"\s*(devices)\s*(>=|<=|==|!=|>|<)\s*(\d{1,9})\s*")


class FailOn(click.ParamType["Callable[[Report], bool]"]):
    """`devices>N`: true where any address has more than N machines."""

    name = "condition"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Callable[[Report], bool]:
        """A predicate over the report."""
        match = _CONDITION.fullmatch(value)
        if match is None:
            self.fail(f"{value!r}: give a condition such as devices>1", param, ctx)
        compare, number = _COMPARISONS[match[2]], int(match[3])

        def holds(report: Report) -> bool:
            counts = report.addresses["n_devices"].drop_nulls().to_list()
            return any(compare(count, number) for count in counts)

        return holds


_SCANS = {
    "scans": ("port_scan", "sweep", "idle_scan", "decoy_scan", "ip_id_watch"),
    "idle": ("idle_scan",),
    "decoys": ("decoy_scan",),
    "sweeps": ("sweep",),
    "backscatter": ("backscatter",),
}
_ABOUT_SCANS = re.compile(rf"\s*({'|'.join(_SCANS)})\s*(>=|<=|==|!=|>|<)\s*(\d{{1,9}})\s*")


class FailOnScans(click.ParamType[Callable[["Scans"], bool]]):
    """`scans>N` and the like: true where so many likely findings of these kinds are there."""

    name = "condition"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Callable[[Scans], bool]:
        """A predicate over what was found."""
        match = _ABOUT_SCANS.fullmatch(value)
        if match is None:
            self.fail(f"{value!r}: give a condition such as scans>0 or idle>0", param, ctx)
        compare, number, kinds = _COMPARISONS[match[2]], int(match[3]), _SCANS[match[1]]
        return lambda found: bool(compare(sum(each.kind in kinds for each in found.likely), number))
