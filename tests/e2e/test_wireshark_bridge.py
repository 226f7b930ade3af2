"""What Wireshark is given: tshark reads the comments, names and fields, and finds the same."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from fixtures.report import HOSTILE, make_report

import wiretell
from wiretell.exporters.annotated import address_names, colour_filters
from wiretell.exporters.wireshark import judgements, write_wireshark
from wiretell.pipeline import annotate

EXAMPLE = Path(__file__).parents[2] / "examples" / "single.pcap.zst"
TSHARK = shutil.which("tshark")
needs_tshark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> tuple[wiretell.Report, Path, Path]:
    """The report of an example, the annotated capture, the folder of the dissector."""
    folder = tmp_path_factory.mktemp("bridge")
    report = wiretell.analyze(EXAMPLE)
    n_packets = annotate(report, EXAMPLE, folder / "out.pcapng")
    assert n_packets == report.provenance["counters"]["frames"]
    write_wireshark(report, folder / "wireshark")
    return report, folder / "out.pcapng", folder / "wireshark"


def tshark(*words: str | Path) -> list[str]:
    done = subprocess.run([str(TSHARK), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Lua" not in done.stderr
    return done.stdout.splitlines()


def test_the_capture_is_the_same_with_comments(
    bridge: tuple[wiretell.Report, Path, Path],
) -> None:
    _, annotated, _ = bridge
    before = pl.concat(wiretell.read(EXAMPLE))
    after = pl.concat(wiretell.read(annotated))
    assert after.equals(before)


@needs_tshark
def test_comments_and_fields_find_the_packets_of_a_machine(
    bridge: tuple[wiretell.Report, Path, Path],
) -> None:
    report, annotated, folder = bridge
    device = report.devices.sort("n_flows")["device"][-1]
    own = report.members.filter(pl.col("device") == device).join(report.flows, on="flow_id")
    sent = own.select(
        pl.when(pl.col("side") == 0).then("orig_pkts").otherwise("resp_pkts").sum()
    ).item()
    by_comment = tshark("-r", annotated, "-Y", f'frame.comment contains "machine {device};"')
    assert len(by_comment) == sent
    script = f"lua_script:{folder / 'wiretell.lua'}"
    by_field = tshark("-X", script, "-r", annotated, "-Y", f'wiretell.machine == "{device}"')
    told = (
        own.filter(pl.col("proto").is_in([6, 17]))
        .select(pl.when(pl.col("side") == 0).then("orig_pkts").otherwise("resp_pkts").sum())
        .item()
    )
    assert len(by_field) == told > 0
    values = tshark(
        *("-X", script, "-r", annotated, "-c", "1", "-T", "fields"),
        *("-e", "wiretell.machine", "-e", "wiretell.flow", "-e", "wiretell.confidence"),
    )
    assert values[0].split("\t")[1] == "0"


@needs_tshark
def test_addresses_have_names(bridge: tuple[wiretell.Report, Path, Path]) -> None:
    report, annotated, _ = bridge
    address, name = address_names(report)[0]
    shown = tshark("-N", "n", "-r", annotated, "-Y", f"ip.addr == {address}", "-c", "1",
                   "-T", "fields", "-e", "ip.src_host", "-e", "ip.dst_host")  # fmt: skip
    assert not shown or name in shown[0]


@needs_tshark
def test_every_colouring_rule_is_a_filter(
    bridge: tuple[wiretell.Report, Path, Path],
) -> None:
    _, annotated, _ = bridge
    rules = colour_filters(make_report()).splitlines()
    assert len(rules) == 5
    for rule in rules:
        _, name, wanted, colours = rule.split("@")
        assert name.startswith("machine 203.0.113.7#")
        assert colours.count(",") == 4
        tshark("-r", annotated, "-Y", wanted)


def test_hostile_looks_are_one_cell_of_one_line(tmp_path: Path) -> None:
    report = make_report()
    looks = pl.Series(
        "looks_like", [HOSTILE[n % 4] + "\t\n@" for n in range(report.devices.height)]
    )
    hostile = replace(report, devices=report.devices.with_columns(looks))
    write_wireshark(hostile, tmp_path)
    lines = (tmp_path / "wiretell.tsv").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    assert len(lines) == judgements(hostile).height
    assert all(line.count("\t") == 11 for line in lines)
    assert not any("\x1b" in line or "\u202e" in line for line in lines)
    for _, name in address_names(hostile):
        assert all(c.isascii() and (c.isalnum() or c == "-") for c in name)
