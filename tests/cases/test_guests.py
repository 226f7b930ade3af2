"""Real machines whose clocks were set: the rates come out, and addresses find their machine.

`guests/README.md` says how the captures were made.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wiretell.cli import command

FOLDER = Path(__file__).parent / "guests"
ADDRESSES, BEFORE, AFTER = (
    FOLDER / f"{name}.pcap.zst" for name in ("addresses", "before", "after")
)
STATED_PPM = 1.0
"""Error of a rate over seven to ten minutes that is promised here."""


def wiretell(*words: object) -> dict[str, Any]:
    done = CliRunner().invoke(command, [*map(str, words), "--json", "-q"])
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def truth() -> dict[str, dict[str, str]]:
    with (FOLDER / "truth.csv").open(newline="") as file:
        return {row["address"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("capture", [ADDRESSES, BEFORE, AFTER], ids=lambda path: path.stem)
def test_skews_that_were_set_are_measured(capture: Path, truth: dict[str, dict[str, str]]) -> None:
    told = wiretell("clocks", "--addresses", capture)["clocks"]
    errors = {
        clock["address"]: clock["best_ppm"] - float(truth[clock["address"]]["set_skew_ppm"])
        for clock in told
        if clock["address"] in truth and clock["source"] == "tcp_timestamp"
    }
    expected = {a for a, row in truth.items() if row["capture"] == capture.name.split(".")[0]}
    assert errors.keys() == expected
    assert max(map(abs, errors.values())) < STATED_PPM, errors


def test_four_addresses_of_one_machine_are_one_and_four_machines_four(
    truth: dict[str, dict[str, str]],
) -> None:
    aliases = wiretell("match", "--aliases", ADDRESSES)["aliases"]
    (group,) = aliases["groups"]
    found = {member["address"] for member in group["members"]}
    assert found == {address for address, row in truth.items() if row["machine"] == "many"}
    assert group["p_chance"] < 0.01
    assert group["rate"]["ppm"] == pytest.approx(45.0, abs=STATED_PPM)


def test_a_machine_is_found_again_under_another_address_at_another_time() -> None:
    (comparison,) = wiretell("match", BEFORE, AFTER)["comparisons"]
    (match,) = comparison["matches"]
    assert match["decision"] == "same machine"
    assert (match["a"]["address"], match["b"]["address"]) == ("10.77.0.12", "10.77.0.247")
    rate = next(each for each in match["arguments"] if each["topic"] == "clock rate")
    assert rate["bits"] > 5


def test_machines_of_other_clocks_are_not_taken_for_it() -> None:
    (comparison,) = wiretell("match", BEFORE, ADDRESSES)["comparisons"]
    assert [each for each in comparison["matches"] if each["decision"] == "same machine"] == []
