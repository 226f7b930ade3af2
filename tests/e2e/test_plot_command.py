"""`wiretell plot` as a user meets it: what is drawn, what is said, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wiretell.cli import main

OFFICE = "203.0.113.64"
CAPTURE = "examples/office.pcap.zst"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.chdir(root)
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return call


@pytest.fixture(scope="module")
def saved(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plot") / "saved"
    with pytest.raises(SystemExit) as ended:
        main(["devices", str(root / CAPTURE), "--save", str(folder), "--points", "-q"])
    assert not ended.value.code
    assert [each.name for each in folder.parent.iterdir()] == ["saved"]
    return folder


def _totals(told: dict[str, Any]) -> dict[str, int]:
    return {layer["label"]: layer["n_points"] for layer in told["layers"] if layer["n_points"]}


def test_highlighted_by_user_agents(run: Run) -> None:
    code, out, _ = run("plot", "ip_id", CAPTURE, "--highlight", "user_agent", "--json", "-q")
    assert code == 0
    totals = _totals(json.loads(out))
    assert sum(totals.values()) == 11_370
    assert {label.split("/")[0]: n for label, n in totals.items() if "Mozilla" not in label} == {
        "PrintFleet-Agent": 715,
        "ThermoLink": 705,
        "Roku": 570,
        "Debian APT-HTTP": 109,
        "none": 7_815,
    }


def test_filters_of_both_languages(run: Run) -> None:
    words = ("--where", 'user_agent has "Firefox" and not dst_port in (443, 53)', "--json", "-q")
    code, out, _ = run("plot", "src_port", CAPTURE, *words, "tcp", "and", "port", "80")
    told = json.loads(out)
    assert code == 0
    assert told["filters"] == ["filter: tcp and port 80", f"where: {words[1]}"]
    assert 0 < told["n_shown"] < 1_000
    assert told["n_filtered_out"] > 0


def test_the_colours_of_devices_are_the_lines_that_the_eye_sees(run: Run, saved: Path) -> None:
    """The lwIP machines of the office count all their packets: a colour is one counter."""
    code, out, _ = run("plot", "ip_id", saved, "--address", OFFICE, "--json", "-q")
    assert code == 0
    told = json.loads(out)
    points = np.array([point[:3] for point in told["points"]])
    counters = 0
    for number in range(len(told["layers"])):
        own = points[points[:, 2] == number][:, 1]
        if len(own) > 500:
            steps = np.diff(own) % 65536
            counters += bool((steps < 8).mean() > 0.99)
    assert counters == 3


def test_every_form_at_once(run: Run, saved: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"plot.{form}" for form in ("png", "svg", "html")]
    options = [word for each in files for word in (f"--{each.suffix[1:]}", str(each))]
    code, out, err = run("plot", "clock_offset", saved, *options, "--size", "900x400", "--dark")
    assert code == 0
    assert out == ""
    assert all(each.stat().st_size > 5_000 for each in files)
    assert [f"wrote {each}" in err for each in files] == [True] * 3


def test_without_a_file_the_plot_is_drawn_here(run: Run, saved: Path) -> None:
    code, out, _ = run("plot", "ip_id", saved, "--address", OFFICE)
    assert code == 0
    assert f"{OFFICE}#6" in out
    assert sum(0x2801 <= ord(c) <= 0x28FF for c in out) > 500


def test_against_packet_numbers(run: Run, saved: Path) -> None:
    code, out, _ = run("plot", "ttl", saved, "--x", "packet", "--json", "-q")
    assert code == 0
    told = json.loads(out)
    assert [point[0] for point in told["points"]] == list(range(1, 11_371))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ip_di", CAPTURE), "did you mean ip_id"),
        (("ip_id", CAPTURE, "--where", "usr_agent"), "    ^^^^^^^^^".strip()),
        (("ip_id", CAPTURE, "--where", "ttl >"), "a number belongs here"),
        (("ip_id", CAPTURE, "--highlight", "agnt"), "there is no attribute 'agnt'"),
        (("ip_id", CAPTURE, "--size", "1x1"), "pixels"),
        (("ip_id", CAPTURE, "--y-range", "5..1"), "first number must be below the second"),
        (("ip_id", CAPTURE, "--y-range", "5"), "not like"),
        (("ip_id", CAPTURE, "--y-range", "-inf..5"), "not like"),
        (("ip_id", CAPTURE, "--highlight", "device", "--highlight", "ja4"), "stands alone"),
        (("ip_id", CAPTURE, "--highlight", "x=syn", "--highlight", "ttl"), "ttl colours by its"),
        (("ip_id", "missing.pcap"), "no such capture"),
        (("ip_id", CAPTURE, "--address", "home"), "not an IP address"),
        (("ip_id", CAPTURE, "--png", "a", "--svg", "a"), "same place"),
        (("ip_id", CAPTURE, "--png", CAPTURE), "cannot be written"),
        (("ip_id", CAPTURE, "--reverse", "--highlight", "ttl = 3"), "reverse.NAME"),
        (("ip_id", CAPTURE, "--reverse"), "--highlight ATTRIBUTE"),
    ],
)
def test_mistakes_are_told_before_anything_is_read(run: Run, words: Any, says: str) -> None:
    code, out, err = run("plot", *words)
    assert code == 2
    assert out == ""
    assert says in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--where", "ttl = 3"), "none of 3602 packets fits --where: ttl = 3"),
        (("--address", "192.0.2.99"), "no packet was sent by --address 192.0.2.99."),
        (("port", "4"), "none of 3602 packets fits the capture filter: port 4."),
        (("udp", "--where", "proto = tcp"), "packets that the capture filter left (udp) fits"),
        (("--y-range", "70000..80000"), "all points lie outside the axes (--y-range)."),
    ],
)
def test_a_plot_without_points_says_which_filter_left_none(run: Run, words: Any, why: str) -> None:
    code, out, err = run("plot", "ip_id", "examples/single.pcap.zst", *words, "--json")
    assert code == 0
    assert json.loads(out)["n_shown"] == 0
    assert "wiretell: nothing is drawn: " in err
    assert why in err
    assert run("plot", "ip_id", "examples/single.pcap.zst", *words, "--json", "-q")[2] == ""


def test_a_damaged_capture_is_drawn_as_far_as_it_goes(run: Run, root: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap.zst"
    cut.write_bytes((root / "examples/single.pcap.zst").read_bytes()[:60_000])
    code, out, err = run("plot", "ip_id", cut, "--json")
    assert code == 1
    assert json.loads(out)["n_shown"] > 100
    assert "cut.pcap.zst" in err


def test_columns_are_listed(run: Run) -> None:
    code, out, _ = run("plot", "--columns")
    assert code == 0
    assert "y ip_id " in out
    assert "  user_agent" in out


def test_points_need_a_place(run: Run, saved: Path) -> None:
    code, _, err = run("devices", CAPTURE, "--points")
    assert code == 2
    assert "--save DIR" in err


def test_packets_of_large_captures_wait_in_a_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from wiretell.cli import plot

    _, in_memory, _ = run("plot", "ttl", "examples/single.pcap.zst", "--json", "-q")
    monkeypatch.setattr(plot, "_MOST_IN_MEMORY", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, out, _ = run("plot", "ttl", "examples/single.pcap.zst", "--json", "-q")
    assert code == 0
    assert out == in_memory
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("y", ["ip_id", "clock_offset", "flow"])
def test_a_capture_without_packets_is_an_empty_plot(run: Run, tmp_path: Path, y: str) -> None:
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    code, out, _ = run("plot", y, empty, "--highlight", "user_agent", "--json", "-q")
    assert code == 0
    assert json.loads(out)["n_points"] == 0
    assert run("plot", y, empty, "--svg", tmp_path / "empty.svg")[0] == 0
