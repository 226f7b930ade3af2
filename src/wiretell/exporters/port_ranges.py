"""Port numbers as people write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby


def port_ranges(ports: Iterable[int], most: int | None = None) -> str:
    """`22, 80, 8000-8010` of ascending ports; with `most`, that many ranges, then `...`."""
    told = list(_ranges(ports))
    shown = told if most is None else told[:most]
    return ", ".join(shown) + (", ..." if len(shown) < len(told) else "")


def _ranges(ports: Iterable[int]) -> Iterator[str]:
    for _, each in groupby(enumerate(ports), key=lambda numbered: numbered[1] - numbered[0]):
        run = [port for _, port in each]
        yield str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
