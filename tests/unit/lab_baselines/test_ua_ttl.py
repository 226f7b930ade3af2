"""Distinct TTL classes, systems and browsers."""

from __future__ import annotations

import pytest
from baseline_lines import line

from lab.baselines.ua_ttl import family, ttl_class, ua_ttl


def says(flow_id: int, system: str, browser: str) -> list[dict[str, object]]:
    return [
        {"flow_id": flow_id, "quantity": "user_agent_os", "text": system},
        {"flow_id": flow_id, "quantity": "user_agent_client", "text": browser},
    ]


def test_a_combination_is_a_machine() -> None:
    flows = [{"orig_ttl": ttl} for ttl in (63, 63, 127, 63)]
    told = [
        *says(0, "Android 13", "Chrome 131"),
        *says(1, "Linux", "Firefox 115"),
        *says(2, "Windows 10", "Chrome 131"),
        *says(3, "Android 13", "Chrome 120"),
    ]
    found = ua_ttl(line(flows, observations=told))
    assert found.count == 3, "versions of one browser are merged"
    assert found.machine == {0: 0, 1: 1, 2: 2, 3: 0}


def test_silent_flows_go_to_the_only_machine_of_their_class() -> None:
    flows = [{"orig_ttl": ttl} for ttl in (127, 127, 63, 63, 63, 254)]
    told = [
        *says(0, "Windows", "Edge 120"),
        *says(2, "Linux", "Firefox 115"),
        *says(3, "Android", "Chrome"),
    ]
    found = ua_ttl(line(flows, observations=told))
    assert found.machine == {0: 0, 1: 0, 2: 1, 3: 2, 5: 3}, "flow 4 could be of either"
    assert found.count == 4, "a class of its own without a word is a machine"


@pytest.mark.parametrize(
    ("ttl", "initial"), [(1, 32), (32, 32), (33, 64), (64, 64), (128, 128), (129, 255), (255, 255)]
)
def test_classes_of_ttl(ttl: int, initial: int) -> None:
    assert ttl_class(ttl) == initial


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Chrome 131", "Chrome"),
        ("Mac OS X 10.8.5", "Mac OS X"),
        ("Mobile Safari UI/WKWebView", "Mobile Safari UI/WKWebView"),
        ("Debian APT-HTTP 1", "Debian APT-HTTP"),
        ("", ""),
    ],
)
def test_families(text: str, name: str) -> None:
    assert family(text) == name
