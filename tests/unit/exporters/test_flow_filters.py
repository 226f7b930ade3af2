"""Filters for other tools: these accept them and choose the flows that were meant."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest

from wiretell.exporters import flow_filters
from wiretell.pipeline import measure
from wiretell.sources.bpf import compile_filter

EXAMPLE = Path(__file__).parents[3] / "examples" / "office.pcap.zst"


def sides(rows: list[tuple[int, int, str, int, str, int]]) -> pl.DataFrame:
    names = ("flow_id", "proto", "src", "src_port", "dst", "dst_port")
    return pl.DataFrame(rows, schema=names, orient="row")


SOME = sides(
    [
        (1, 6, "10.0.0.1", 40_000, "192.0.2.1", 443),
        (2, 6, "10.0.0.1", 40_002, "192.0.2.1", 443),
        (3, 17, "10.0.0.1", 5353, "192.0.2.2", 53),
        (4, 1, "10.0.0.1", 77, "192.0.2.2", 0),
        (5, 47, "10.0.0.1", 0, "192.0.2.2", 0),
        (6, 58, "2001:db8::1", 9, "2001:db8::2", 0),
        (7, 6, "2001:db8::1", 50_000, "2001:db8::2", 80),
    ]
)


def test_flows_to_one_far_end_share_a_term() -> None:
    text = flow_filters.wireshark(SOME)
    assert (
        "(ip.addr == 10.0.0.1 and ip.addr == 192.0.2.1 and tcp.port == 443"
        " and tcp.port in {40000, 40002})" in text
    )
    assert flow_filters.wireshark(SOME.clear()) == ""
    assert "(port 40000 or port 40002)" in flow_filters.bpf(SOME)


def test_libpcap_accepts_the_filter() -> None:
    compile_filter(flow_filters.bpf(SOME))


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_accepts_the_filter_and_finds_the_flow(tmp_path: Path) -> None:
    report = measure([EXAMPLE])
    flow = report.flows.filter(pl.col("proto") == 6).row(7, named=True)
    chosen = sides(
        [(flow["flow_id"], 6, flow["orig_h"], flow["orig_p"], flow["resp_h"], flow["resp_p"])]
    )
    for text in (flow_filters.wireshark(pl.concat([chosen, SOME])), flow_filters.wireshark(chosen)):
        found = subprocess.run(
            ["tshark", "-r", EXAMPLE, "-Y", text, "-T", "fields", "-e", "frame.number"],
            capture_output=True,
            text=True,
            check=False,
        )
        if "isn't a capture file" in found.stderr:
            pytest.skip("this tshark does not read zstd")
        assert found.returncode == 0, found.stderr
        assert len(found.stdout.split()) == flow["orig_pkts"] + flow["resp_pkts"]


def test_python_lines_run(tmp_path: Path) -> None:
    text = flow_filters.python(SOME[:2], f"wiretell.analyze({str(EXAMPLE)!r})")
    assert "is_in([1, 2])" in text
    compile(text, "lines", "exec")


def test_too_many_are_refused_in_words() -> None:
    """libpcap takes seconds for more ends, and an argument of a command holds 128 KiB."""
    many = sides([(n, 6, "10.0.0.1", n, "192.0.2.1", 443) for n in range(501)])
    with pytest.raises(ValueError, match="501 flows"):
        flow_filters.bpf(many)
    ends = sides([(n, 6, "10.0.0.1", n, f"2001:db8::{n + 1:x}", 443) for n in range(1_500)])
    with pytest.raises(ValueError, match="1500 flows"):
        flow_filters.wireshark(ends)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_accepts_a_filter_of_more_than_a_thousand_flows(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(bytes.fromhex("d4c3b2a10200040000000000000000000000040001000000"))
    ends = sides(
        [(n, 6, "10.0.0.1", 2 * n, f"192.0.{n // 250}.{n % 250}", 443) for n in range(1_150)]
    )
    text = flow_filters.wireshark(ends)
    assert text.count("tcp.port in") == 1_150
    found = subprocess.run(
        ["tshark", "-r", empty, "-Y", text], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr


def test_python_lines_hold_any_number() -> None:
    many = sides([(n, 6, "10.0.0.1", n, "192.0.2.1", 443) for n in range(5_000)])
    assert "4999])" in flow_filters.python(many, "report")
