"""Community IDs equal the reference implementation's, on every flow of real captures."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracked_flows import track

CAPTURES = ("nat/phones_a.pcap", "nat/mixed_a.pcap", "nat/iot_a.pcap")
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


@pytest.mark.parametrize("name", CAPTURES)
def test_equal_the_reference(name: str, captures: Path) -> None:
    communityid = pytest.importorskip("communityid", reason="communityid is not installed")
    reference = communityid.CommunityID()
    flows, _ = track([captures / name])
    assert flows.height > 100
    for row in flows.iter_rows(named=True):
        ports = (row["orig_p"], row["resp_p"])
        if row["proto"] in (ICMP, ICMPV6):
            ports = (row["icmp_type"], row["icmp_code"])
        elif row["proto"] not in (TCP, UDP):
            ports = (None, None)
        ends = communityid.FlowTuple(row["proto"], row["orig_h"], row["resp_h"], *ports)
        assert row["community_id"] == reference.calc(ends), row["flow_id"]
