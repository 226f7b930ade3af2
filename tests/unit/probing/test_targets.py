"""What may be probed at once."""

import pytest

from wiretell.probing.targets import addresses_of


def test_addresses_and_small_ranges_are_taken_once_and_in_order():
    assert addresses_of(["192.0.2.9", "192.0.2.8/30", "2001:db8::1"]) == [
        "192.0.2.9",
        "192.0.2.10",
        "2001:db8::1",
    ]
    assert len(addresses_of(["10.0.0.0/24"])) == 254


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["10.0.0.0/23"], "512 addresses"),
        (["2001:db8::/64"], "a range has 256 at most"),
        (["10.0.0.0/24", "10.0.1.0/24"], "508 addresses"),
        (["0.0.0.0/0"], "4294967296 addresses"),
        (["224.0.0.1"], "one host"),
        (["255.255.255.255"], "one host"),
        (["0.0.0.0"], "one host"),
        (["192.0.2.1/33"], "not an address"),
        (["nonsense"], "not an address"),
    ],
)
def test_what_is_no_small_set_of_hosts_is_refused(words, reason):
    with pytest.raises(ValueError, match=reason):
        addresses_of(words)
