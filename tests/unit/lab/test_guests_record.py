"""A recording whose guest dies ends at once and says the guest's last words."""

import pytest

from lab.guests import record
from lab.guests.processes import CommandError
from lab.guests.scenario import parse


class Dead:
    """Processes of which every one has ended without a failure, as QEMU does on a panic."""

    def check(self, name):
        """Nothing failed."""

    def check_running(self, name):
        raise CommandError(f"{name} ended early with 0")


def prepared(stack):
    scenario = parse(
        "one",
        {
            "duration_s": 20,
            "nat_ip": "203.0.113.9",
            "server": [{"address": "198.51.100.20", "ports": [80]}],
            "machine": [{"name": "it", "stack": stack}],
        },
    )
    return [record.Prepared(scenario.machines[0], "a stack", lambda *_: None)]


def test_a_guest_that_died_is_told_with_its_last_words(tmp_path):
    (tmp_path / "it.console").write_text("x" * 5000 + "Kernel panic - not syncing")
    with pytest.raises(CommandError, match=r"(?s)it ended early with 0.*Kernel panic") as told:
        record._check(prepared("linux-6.1"), Dead(), tmp_path)
    assert len(str(told.value)) < record.CONSOLE_CHARACTERS + 100


@pytest.mark.parametrize("stack", ["namespace", "lwip"])
def test_other_machines_may_be_done_with_their_plans(stack, tmp_path):
    record._check(prepared(stack), Dead(), tmp_path)
