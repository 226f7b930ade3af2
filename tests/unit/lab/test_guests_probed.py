"""What probing guests came to, beside what was set."""

import json

from lab.guests import probed, scenario


def document(*rows):
    clocks = [clock for clock, _ in rows]
    probes = [probe for _, probe in rows]
    return json.dumps({"clocks": clocks, "probes": probes})


def test_measured_is_put_beside_set():
    read = scenario.read(probed.SCENARIO)
    fast, slow, _ = read.machines
    ended = {"probed_s": 120.0, "n_packets_sent": 480, "stopped": "the precision asked for"}
    good = (
        {"address": fast.ip, "skew_ppm": 80.25, "skew_se_ppm": 0.5},
        {**ended, "certain_low_ppm": 79.0, "certain_high_ppm": 82.0},
    )
    bad = (
        {"address": fast.ip, "skew_ppm": 70.0, "skew_se_ppm": 0.5},
        {**ended, "certain_low_ppm": 69.0, "certain_high_ppm": 71.0},
    )
    none = ({"address": slow.ip}, {**ended, "stopped": "it does not answer"})
    found = probed.results(read, [("icmp", document(good, none)), ("tcp", document(bad))])
    assert [(each.name, each.method) for each in found] == [
        ("fast", "icmp"),
        ("slow", "icmp"),
        ("fast", "tcp"),
    ]
    assert [each.error_ppm for each in found] == [0.25, None, -10.0]
    assert [each.certain for each in found] == [True, None, False]
    head, first, second, third = probed.table(found).splitlines()
    assert head.startswith("machine  method  set ppm")
    assert "+80.25 ±1.00" in first
    assert "holds" in first
    assert "none" in second
    assert "FAILS" in third
