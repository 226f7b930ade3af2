"""`wiretell explain` as a person runs it."""

from __future__ import annotations

import io
import json
import struct
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cases.ftp_greeting.make import CAPTURE
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from raw_ip import ACK, RAW, RST, SYN, tcp_frame, udp_frame

from wiretell.cli.explain import command

A = {"src": "192.0.2.1", "dst": "198.51.100.1", "sport": 40_000, "dport": 443}
B = {"src": "198.51.100.1", "dst": "192.0.2.1", "sport": 443, "dport": 40_000}


def run(*arguments: object, **more: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], **more)  # type: ignore[arg-type]


def pcap(path: Path, frames: list[bytes], link_type: int = RAW) -> Path:
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, link_type)]
    for number, frame in enumerate(frames):
        head = struct.pack("<IIII", 1_768_471_200, 1007 * number, len(frame), len(frame))
        parts += [head, frame]
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture
def spoofed(tmp_path: Path) -> Path:
    """A connection into which a RST with a guessed number comes, and a datagram beside it."""
    frames = [
        tcp_frame(**A, flags=SYN, seq=1000, ipid=1),
        tcp_frame(**B, flags=SYN | ACK, seq=5000, ack=1001, ipid=1),
        tcp_frame(**A, seq=1001, ack=5001, ipid=2),
        tcp_frame(**B, flags=RST, seq=900_000_000, ipid=77),
        tcp_frame(**B, seq=5001, ack=1001, payload=b"x" * 30, ipid=2),
        tcp_frame(**A, seq=1001, ack=5031, ipid=3),
        udp_frame(payload=b"hello"),
    ]
    return pcap(tmp_path / "spoofed.pcap", frames)


def test_without_a_flow_the_invalid_come_first_and_the_quality_is_told(spoofed: Path) -> None:
    done = run(spoofed)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "1 of 2 connections worth explaining; 1 packet INVALID."
    assert any("192.0.2.1:40000 > 198.51.100.1:443" in line and "#4" in line for line in lines)
    assert any(line.startswith("Capture quality: good") for line in lines)


@pytest.mark.parametrize("flow", ["0", "192.0.2.1:40000", "198.51.100.1:443>192.0.2.1:40000"])
def test_a_flow_is_named_as_elsewhere(spoofed: Path, flow: str) -> None:
    done = run(spoofed, flow)
    assert done.exit_code == 0, done.output
    assert "Flow 0: 192.0.2.1:40000 > 198.51.100.1:443, TCP" in done.stdout
    assert done.stdout.count("\n#") == 6


def test_an_invalid_packet_is_explained_by_bound_cause_and_remedy(spoofed: Path) -> None:
    done = run(spoofed, "--packet", 4)
    assert done.exit_code == 0, done.output
    assert "INVALID" in done.stdout
    assert "Likely cause: spoofing" in done.stdout.replace("\n      ", " ")
    assert "What to do: Drop it" in done.stdout.replace("\n      ", " ")
    assert "#3" not in done.stdout


def test_other_settings_give_other_verdicts(spoofed: Path) -> None:
    assert "INVALID" not in run(spoofed, "0", "--ct", "liberal").stdout.partition("#1 ")[0]
    refused = run(spoofed, "0", "--ct", "no-such-profile")
    assert refused.exit_code != 0


def test_a_datagram_is_explained_shortly(spoofed: Path) -> None:
    done = run(spoofed, "1")
    assert "UDP knows no connection" in done.stdout
    assert "The client sends 5 bytes" in done.stdout


def test_every_form_is_written_and_fits(spoofed: Path, tmp_path: Path, root: Path) -> None:
    places = {kind: tmp_path / f"told.{kind}" for kind in ("json", "svg", "html")}
    options = [word for kind, place in places.items() for word in (f"--{kind}", place)]
    done = run(spoofed, "0", *options)
    assert done.exit_code == 0, done.output
    assert "#6" in done.stdout  # the text is there too
    ElementTree.fromstring(places["svg"].read_text(encoding="utf-8"))
    assert places["html"].read_text(encoding="utf-8").count('class="packet') == 6
    _fits(root, "explain", places["json"].read_text(encoding="utf-8"))


def test_the_overview_is_a_document_too(spoofed: Path, root: Path) -> None:
    document = _fits(root, "connections", run(spoofed, "--json").stdout)
    (connection,) = document["connections"]
    assert (connection["flow_id"], connection["n_invalid"], connection["first_odd"]) == (0, 1, 4)
    assert sum(connection["reasons"].values()) == 1
    assert document["quality"]["verdict"] == "good"


def _fits(root: Path, name: str, text: str) -> dict[str, object]:
    schema = json.loads((root / "docs" / "schema" / f"{name}.v1.json").read_text(encoding="utf-8"))
    document: dict[str, object] = json.loads(text)
    assert list(Draft202012Validator(schema).iter_errors(document)) == []
    return document


def test_words_behind_the_flow_filter(spoofed: Path) -> None:
    assert (
        "2 packets"
        in run(spoofed, "0", "src host 192.0.2.1 and tcp[tcpflags] & tcp-ack != 0").stdout
    )
    assert run(spoofed, "udp").stdout.startswith("1 connection,")


def test_standard_input_is_read_more_than_once(
    spoofed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Pipe:
        buffer = io.BytesIO(spoofed.read_bytes())

    monkeypatch.setattr(sys, "stdin", Pipe)
    from wiretell.pipeline import explain_flow

    told, provenance, _ = explain_flow("-", "0", packet=4)
    assert [each["path"] for each in provenance["files"]] == ["-"]  # type: ignore[attr-defined]
    assert [each.packet for each in told.packets] == [4]


def test_the_quality_alone_is_a_form_of_flows(spoofed: Path) -> None:
    from wiretell.cli.flows import command as flows

    done = CliRunner().invoke(flows, [str(spoofed), "--quality"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Capture quality: good (7 packets looked at)")
    refused = CliRunner().invoke(flows, [str(spoofed), "--quality", "--count"])
    assert refused.exit_code == 2 and "leave --count out" in refused.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["99"], "no flow '99'"),
        (["--packet", "999"], "packet 999 belongs to no connection"),
        (["1", "--packet", "4"], "packet 4 does not belong to flow 1"),
        (["--svg", "x.svg"], "name FLOW or --packet"),
        (["0", "--top", "3"], "leave FLOW out"),
    ],
)
def test_what_cannot_be_told_is_said(spoofed: Path, arguments: list[str], words: str) -> None:
    done = run(spoofed, *arguments)
    assert done.exit_code != 0
    assert words in done.output


def test_damage_is_told_and_exits_1(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(CAPTURE.read_bytes()[:-30])
    done = run(cut, "0")
    assert done.exit_code == 1
    assert "input damaged" in done.stderr
    assert done.stdout.count("\n#") == 15


def test_every_shared_capture_is_explained_without_a_fault(captures: Path) -> None:
    told = 0
    for capture in sorted((captures / "tcp-state").glob("*.pcap")):
        done = run(capture, "0", "--limit", 40)
        assert done.exit_code in {0, 1}, (capture.name, done.output)
        assert "#" in done.stdout
        told += 1
    assert told > 20
