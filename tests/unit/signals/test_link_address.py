from __future__ import annotations

import polars as pl
from payload_flows import flows_of

from wiretell.model.tables import OBSERVATIONS
from wiretell.signals import link_address


def test_card_and_random_addresses() -> None:
    found = link_address.extract(
        flows_of(
            {"orig_mac": "20:f8:5e:ca:91:52", "resp_mac": "02:00:5e:00:00:fe", "orig_first_ns": 5},
            {"orig_mac": "d6:11:22:33:44:55"},
        )
    )
    assert found.schema == OBSERVATIONS.schema
    rows = found.select("flow_id", "side", "quantity", "text", "value", "address").rows()
    assert rows == [
        (0, 0, "mac", "20:f8:5e:ca:91:52", None, "10.0.0.1"),
        (0, 1, "mac", "02:00:5e:00:00:fe", None, "192.0.2.1"),
        (0, 1, "mac_random", "02:00:5e:00:00:fe", 1.0, "192.0.2.1"),
        (1, 0, "mac", "d6:11:22:33:44:55", None, "10.0.0.1"),
        (1, 0, "mac_random", "d6:11:22:33:44:55", 1.0, "10.0.0.1"),
    ]
    assert found["time_ns"][0] == 5


def test_group_broadcast_and_zero_addresses_name_no_machine() -> None:
    macs = ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb", "33:33:00:00:00:01", "00:00:00:00:00:00")
    found = link_address.extract(flows_of(*({"orig_mac": mac} for mac in macs)))
    assert found.equals(OBSERVATIONS.empty())


def _sides(*cards: tuple[str, int, int]) -> pl.DataFrame:
    """SIDES as far as the card is weighed: (link address, addresses it speaks for, TTL)."""
    return pl.DataFrame(
        {
            "number": list(range(len(cards))),
            "mac": [mac for mac, _, _ in cards],
            "mac_addresses": [n for _, n, _ in cards],
            "ttl": [ttl for _, _, ttl in cards],
        }
    )


def test_only_a_card_on_the_own_segment_is_weighed() -> None:
    own, router = "02:00:00:00:00:01", "02:00:00:00:00:02"
    sides = _sides((own, 2, 64), (router, 40, 64), (own, 2, 63), ("00:00:00:00:00:00", 1, 64))
    scores = link_address.score(sides, pl.DataFrame())
    assert [(label.side, label.text) for label in scores.labels] == [(0, own)]
    assert scores.regimes == {0: "own", 1: "router's", 2: "router's"}
    (rule,) = scores.rules
    assert rule.bits_other < 0.0 < rule.bits_equal
