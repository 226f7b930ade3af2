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
