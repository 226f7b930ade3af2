"""What must be known beside the result."""

from __future__ import annotations

from dataclasses import replace

from fixtures.report import make_report

from wiretell.exporters.notes import MAX_DAMAGE_NOTES, notes


def test_damage_failures_and_losses_are_told() -> None:
    told = notes(make_report())
    assert told == [
        "input damaged: office.pcapng: the last record is cut (after packet 4321, byte 987654)",
        r"signal tcp_syn failed and was left out: ValueError: \x1b[31mno signature",
        "office.pcapng: the capturing machine dropped 3 packets",
        "1 packet with an absurd time",
    ]


def test_much_damage_is_counted() -> None:
    report = make_report()
    places = [{"file": "a", "kind": "corrupt", "offset": i, "packet": None} for i in range(50)]
    told = notes(replace(report, provenance={"damage": places}))
    assert told[0] == "input damaged: a: corrupt (byte 0)"
    assert len(told) == MAX_DAMAGE_NOTES + 1
    assert told[-1] == "input damaged: 45 more places"


def test_nothing_to_tell() -> None:
    assert notes(replace(make_report(), provenance={})) == []
