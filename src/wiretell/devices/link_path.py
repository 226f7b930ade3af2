"""The chain of links that ties two sides best: its weakest link is as strong as can be."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable

from wiretell.signal import Link


def best_path(links: Iterable[Link], start: int, end: int) -> list[Link]:
    """Links from `start` to `end` in order; empty where none connect them.

    Of all ways that whose weakest link is strongest, then the shortest (widest path, Dijkstra
    with the minimum in place of the sum).
    """
    reach: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        reach[link.a].append(link)
        reach[link.b].append(link)
    queue: list[tuple[float, int, int]] = [(float("-inf"), 0, start)]
    came: dict[int, Link] = {}
    done: set[int] = set()
    known = {start: (float("-inf"), 0)}
    while queue:
        negative, hops, side = heapq.heappop(queue)
        if side in done:
            continue
        done.add(side)
        if side == end:
            break
        for link in reach[side]:
            other = link.b if link.a == side else link.a
            way = (max(negative, -link.bits), hops + 1)
            if other not in done and (other not in known or way < known[other]):
                known[other], came[other] = way, link
                heapq.heappush(queue, (*way, other))
    if end not in done or start == end:
        return []
    path: list[Link] = []
    side = end
    while side != start:
        link = came[side]
        path.append(link)
        side = link.a if link.b == side else link.b
    return path[::-1]
