"""Links chosen with all counters in view."""

from __future__ import annotations

import numpy as np

from wiretell.devices.joint import joint_links
from wiretell.signal import Counter, Link, Steps


def ports(edges: list[tuple[int, int, float]]) -> Steps:
    """Ways in which the port counter may go on: (tail, head, bits)."""
    tail, head, bits = zip(*edges, strict=True)
    return Steps(
        "source_port",
        "ports",
        np.array(tail),
        np.array(head),
        np.array(bits, dtype=np.float64),
        lambda i: f"{tail[i]} then {head[i]}",
    )


def identifications(values: list[int]) -> Counter:
    """A counter of 16 bits that side i met at i s; at most 20 a second and 10 at once."""
    marks = {i: ((float(i), v), (float(i), v)) for i, v in enumerate(values)}
    return Counter("ip_id", 65_536, 10, 20.0, marks)


CROSSING = [(0, 2, 9.0), (0, 3, 9.5), (1, 2, 9.5), (1, 3, 9.0)]
"""Two counters that cross: ports alone take the wrong turn by half a bit."""
PORTS_ALONE = [
    Link("source_port", 0, 3, 5.0, "0 then 3", "ports"),
    Link("source_port", 1, 2, 5.0, "1 then 2", "ports"),
]


def pairs(links: list[Link]) -> set[tuple[int, int]]:
    return {(link.a, link.b) for link in links}


def test_another_counter_says_whose_the_next_flow_is() -> None:
    two = identifications([100, 40_000, 120, 40_030])
    links = joint_links(PORTS_ALONE, [ports(CROSSING)], [two], 4)
    assert pairs(links) == {(0, 2), (1, 3)}
    assert all(link.bits > 9.0 and link.counter == "ports" for link in links)
    assert {link.reason for link in links} == {"0 then 2", "1 then 3"}


def test_without_another_counter_links_stay_as_they_are() -> None:
    assert joint_links(PORTS_ALONE, [ports(CROSSING)], [], 4) == PORTS_ALONE
    unknown = Counter("ip_id", 65_536, 10, 20.0, {})
    assert joint_links(PORTS_ALONE, [ports(CROSSING)], [unknown], 4) == PORTS_ALONE
    own = Counter("source_port", 16_384, 10, 1.0, identifications([1, 2, 3, 4]).marks)
    assert joint_links(PORTS_ALONE, [ports(CROSSING)], [own], 4) == PORTS_ALONE


def test_links_of_other_counters_are_kept() -> None:
    other = Link("resolution", 0, 1, 4.0, "asked, then called")
    two = identifications([100, 40_000, 120, 40_030])
    links = joint_links([*PORTS_ALONE, other], [ports(CROSSING)], [two], 4)
    assert other in links
    assert len(links) == 3


def test_a_step_that_the_other_counter_forbids_is_not_taken() -> None:
    apart = identifications([100, 40_000])
    assert joint_links([], [ports([(0, 1, 8.0)])], [apart], 2) == []
