"""Rows of what was probed, and how they are written."""

import io
import json
from dataclasses import replace

import jsonschema
import polars as pl
import pytest
from fixtures.remote_host import DAY_MS, RemoteHost

from wiretell.exporter import Options
from wiretell.exporters import probe_csv, probe_json, probe_text
from wiretell.model.clocks import CLOCKS
from wiretell.model.probe import PROBES
from wiretell.probing.report import Outcome, report
from wiretell.probing.sampler import Settings

ICMP = Settings(1.0, 300.0, 4.0, DAY_MS, 1000.0, connects=False)
TCP = Settings(1.0, 60.0, 4.0, 2**32, None, connects=True)
EPOCH_NS = 1_700_000_000 * 10**9


def outcome(host, settings=ICMP, method="icmp", port=None, sent=None):
    sampler = host.run(settings)
    counted = {"ICMP timestamp request": sampler.n_sent} if sent is None else sent
    return Outcome("192.0.2.7", method, port, sampler, counted)


def text(told):
    stream = io.StringIO()
    probe_text.write(told, stream, Options())
    return stream.getvalue()


@pytest.fixture(scope="module")
def told():
    found = outcome(RemoteHost(1))
    silent = outcome(RemoteHost(1, answers=False))
    return report([found, silent], EPOCH_NS)


def test_the_rows_are_of_the_tables_of_clocks_and_probes(told):
    assert told.clocks.schema == CLOCKS.schema
    assert told.probes.schema == PROBES.schema
    clock, probe = told.clocks.row(0, named=True), told.probes.row(0, named=True)
    assert clock["skew_ppm"] == pytest.approx(80.0, abs=1.0)
    assert clock["rate_hz"] == pytest.approx(1000.08, abs=1e-3)
    assert clock["best_ppm"] == clock["skew_ppm"]
    for way in ("requests", "answers"):
        assert abs(probe[f"{way}_ppm"] - 80.0) < 4 * probe[f"{way}_se_ppm"]
    assert (clock["quality"], clock["source"], clock["level"]) == (
        "good",
        "icmp_timestamp",
        "address",
    )
    assert probe["certain_low_ppm"] < 80.0 < probe["certain_high_ppm"]
    assert probe["n_packets_sent"] == probe["n_requests"] == probe["n_answered"]
    assert probe["packets_sent"] == f"{probe['n_requests']} ICMP timestamp request"
    assert probe["tick_ms"] == 1.0
    assert probe["began_ns"] >= EPOCH_NS


def test_a_host_without_a_rate_has_a_row_that_says_why(told):
    clock, probe = told.clocks.row(1, named=True), told.probes.row(1, named=True)
    assert clock["skew_ppm"] is None
    assert (clock["quality"], clock["quality_reason"]) == ("none", "it does not answer")
    assert probe["stopped"] == "it does not answer"
    assert probe["n_packets_sent"] == probe["n_unanswered"] == 5


def test_the_text_says_rate_interval_packets_and_end(told):
    said = text(told)
    assert "192.0.2.7 (ICMP): +" in said
    assert "For certain between" in said
    assert "the precision asked for is reached" in said
    assert "192.0.2.7 (ICMP): no rate; it does not answer" in said
    assert "5 packets sent (5 ICMP timestamp request), 0 of 5 requests answered" in said
    assert "against this computer's clock" in said
    assert "NTP" in said


def test_a_way_whose_delay_grows_is_seen():
    """The answers' way becomes longer by 10 ms in five minutes: 33 ppm of a slower clock."""

    def growing(reading):
        late_ns = round((reading.received_ns - 10**9) * 33e-6)
        return replace(reading, received_ns=reading.received_ns + max(0, late_ns))

    settings = Settings(0.01, 300.0, 4.0, DAY_MS, 1000.0, connects=False)
    told = report([outcome(RemoteHost(1, seen=growing), settings)], EPOCH_NS)
    clock, probe = told.clocks.row(0, named=True), told.probes.row(0, named=True)
    assert clock["quality"] == "methods disagree"
    assert "the delay of one way changed" in clock["quality_reason"]
    assert probe["requests_ppm"] == pytest.approx(80.0, abs=1.0)
    assert probe["answers_ppm"] < 60.0


def test_a_clock_without_time_is_named_as_hidden():
    said = text(report([outcome(RemoteHost(1, stamp=lambda *_: 0))], EPOCH_NS))
    assert "no rate; its timestamps are all zero" in said
    assert "Hidden: zero" in said


def test_tcp_names_the_service_and_both_kinds_of_packets():
    host = RemoteHost(2, modulus=2**32, step_at_s=30.0, step_ticks=9_000_000)
    sent = {"TCP segments of the kernel": 5, "TCP keep-alive": 100, "none of these": 0}
    said = text(report([outcome(host, TCP, "tcp", 443, sent)], EPOCH_NS))
    assert "192.0.2.7 (TCP port 443)" in said
    assert "105 packets sent (100 TCP keep-alive, 5 TCP segments of the kernel)" in said
    assert "The clock was set 1 time while it was probed." in said
    assert "NTP" not in said


def test_json_and_csv_carry_the_rows(told):
    stream = io.StringIO()
    probe_json.write(told, stream)
    document = json.loads(stream.getvalue())
    assert document["format"] == "wiretell.probe/1"
    assert document["clocks"][0]["skew_ppm"] == told.clocks["skew_ppm"][0]
    assert document["clocks"][1]["skew_ppm"] is None
    assert document["notes"] == list(told.notes)
    jsonschema.validate(document, probe_json.schema())
    stream = io.StringIO()
    probe_csv.write(told, stream)
    rows = pl.read_csv(io.StringIO(stream.getvalue()))
    assert rows.height == 2
    assert rows["skew_ppm"][0] == pytest.approx(told.clocks["skew_ppm"][0], abs=1e-3)
    assert rows["stopped"].to_list() == told.probes["stopped"].to_list()


def test_the_schema_in_the_documents_is_that_of_the_document(root):
    text = (root / "docs/schema/probe.v1.json").read_text(encoding="utf-8")
    assert json.loads(text) == probe_json.schema()
