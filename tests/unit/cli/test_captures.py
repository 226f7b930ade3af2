"""Captures and filter words told apart."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from wiretell.cli.captures import split_arguments


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.pcap", "b.pcapng.gz", "odd name", "udp"):
        Path(name).touch()


@pytest.mark.parametrize(
    ("arguments", "captures", "expression"),
    [
        (["a.pcap"], ["a.pcap"], None),
        (["a.pcap", "b.pcapng.gz", "tcp", "port", "80"], ["a.pcap", "b.pcapng.gz"], "tcp port 80"),
        (["a.pcap", "tcp", "b.pcapng.gz"], ["a.pcap"], "tcp b.pcapng.gz"),
        (["-", "net", "10.0.0.0/8"], ["-"], "net 10.0.0.0/8"),
        (["a.pcap", "10.0.0.0/8"], ["a.pcap"], "10.0.0.0/8"),
        (["a.pcap", "net 10.0.0.0/8 and tcp"], ["a.pcap"], "net 10.0.0.0/8 and tcp"),
        (["a.pcap", "ip[6:2]/8 != 0"], ["a.pcap"], "ip[6:2]/8 != 0"),
        (["*.pcap*", "tcp[13] & 2 != 0"], ["a.pcap", "b.pcapng.gz"], "tcp[13] & 2 != 0"),
        (["odd name"], ["odd name"], None),
    ],
)
def test_split(arguments: list[str], captures: list[str], expression: str | None) -> None:
    assert split_arguments(arguments, []) == (captures, expression)


def test_after_r_every_word_is_filter() -> None:
    assert split_arguments(["udp"], ["a.pcap"]) == (["a.pcap"], "udp")


@pytest.mark.parametrize(
    ("arguments", "files", "missing"),
    [
        (["c.pcap"], [], "c.pcap"),
        (["a.pcap", "c.pcapng.zst"], [], "c.pcapng.zst"),
        (["a.pcap", "dir/c"], [], "dir/c"),
        (["tcp"], [], "tcp"),
        ([], ["c.pcap"], "c.pcap"),
    ],
)
def test_missing_files_are_named(arguments: list[str], files: list[str], missing: str) -> None:
    with pytest.raises(click.UsageError, match=f"no such capture: {missing}"):
        split_arguments(arguments, files)


def test_nothing_named() -> None:
    with pytest.raises(click.UsageError, match="at least one capture"):
        split_arguments([], [])


def test_a_folder_stands_for_the_captures_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    place = Path("place")
    (place / "deeper").mkdir(parents=True)
    inside = [str(place / "deeper" / "x.pcap"), str(place / "y.pcap")]
    for name in (*inside, "place/notes.txt"):
        Path(name).touch()
    assert split_arguments(["place", "a.pcap", "tcp", "port", "53"], []) == (
        [*inside, "a.pcap"],
        "tcp port 53",
    )
    told = capsys.readouterr().err
    assert told == "wiretell: place: left out 1 file that is no capture: notes.txt\n"
    assert split_arguments(["place"], [], folders=False) == (["place"], None)
    # None of them twice, whoever named it first.
    assert split_arguments([inside[1], "place", "p*"], [])[0] == [inside[1], inside[0]]
    assert split_arguments(["place/**/*.pcap"], [])[0] == inside
    assert split_arguments([], ["place"])[0] == inside


def test_a_saved_report_stands_for_itself() -> None:
    Path("saved").mkdir()
    Path("saved/report.json").touch()
    assert split_arguments(["saved"], [])[0] == ["saved"]


def test_a_folder_without_captures() -> None:
    Path("place").mkdir()
    with pytest.raises(click.UsageError, match="no capture below place"):
        split_arguments(["place"], [])
