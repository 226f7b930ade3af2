"""The answer about two flows as a person and a program read it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.report import ESCAPES, HOSTILE
from jsonschema import Draft202012Validator

from wiretell.devices.balance import TOPICS, Balance, Line, balance
from wiretell.devices.compare import Argument
from wiretell.devices.why import ALIKE, DIFFERENT, OPEN, SAME, FlowSide, Step, Why
from wiretell.exporter import Options
from wiretell.exporters import why_json, why_text

S = 1_000_000_000


def flow(flow_id: int, device: str | None, address: str = "203.0.113.7") -> FlowSide:
    return FlowSide(
        flow_id, 0, (address, 40_000 + flow_id), ("198.51.100.1", 443), 6,
        1_790_000_000 * S, 1_790_000_009 * S, 9, device, 0.9, f"Linux, says {ESCAPES}",
    )  # fmt: skip


def answer(n_steps: int = 20) -> Why:
    written = [
        Argument("user_agent", 6.0, f"same User-Agent: {HOSTILE[0]}", correlated=True),
        Argument("stack", 2.0, "same SYN", correlated=True),
        Argument("mss", 0.05, "same MSS", correlated=True),
        Argument("tcp_timestamp", -3.5, ESCAPES),
    ]
    steps = tuple(
        Step(i, i + 1, 13.0 if i != 9 else 7.5, "ip_id", f"step {i} {ESCAPES}")
        for i in range(n_steps)
    )
    return Why(
        address="203.0.113.7",
        role="client",
        flows=(flow(0, "203.0.113.7#3"), flow(n_steps, "203.0.113.7#3")),
        decision=SAME,
        reasons=(f"strong links: {HOSTILE[2]}",),
        probability=0.83,
        balances=(balance("the two flows alone", written),),
        silent={"names": "neither", "activity": "not asked", "services": "not asked"},
        path=steps,
        more=("a name",),
        notes=(f"2 flows fit {ESCAPES}: 0 is the first",),
    )


def text(of: Why, options: Options) -> str:
    stream = io.StringIO()
    why_text.write(of, stream, options)
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_keeps_to_its_width(width: int) -> None:
    for line in text(answer(), Options(width=width, verbose=True)).splitlines():
        assert len(line) <= width, line


def test_nothing_off_the_wire_steers_the_terminal() -> None:
    for options in (Options(), Options(verbose=True)):
        said = text(answer(), options)
        assert all(c == "\n" or c.isprintable() for c in said)
        assert r"evil\x1b]0;title\x07" in said


def test_bits_stand_in_a_column_and_add_up() -> None:
    said = text(answer(), Options(verbose=True)).splitlines()
    start = said.index("The two flows alone, in bits") + 1
    rows = [line for line in said[start:] if line[2:9].strip() and line[9:11] == "  "][:8]
    shown = [float(row[2:9]) for row in rows if row[2:9].strip() != "·"][:6]
    assert shown == [4.0, 6.0, 1.0, 0.0, -3.5, 7.5]
    assert "(+2.0 in full)" in "\n".join(said)


def test_slight_arguments_are_counted() -> None:
    assert "1 more that add next to nothing" in text(answer(), Options())
    assert "same MSS" not in text(answer(), Options())
    assert "same MSS" in text(answer(), Options(verbose=True))


def test_topics_that_say_nothing_stand_together() -> None:
    said = text(answer(), Options())
    assert "·  activity          not asked; so is services" in said
    assert "·  names             neither" in said


def test_a_long_chain_shows_its_ends_and_its_weakest_link() -> None:
    short = text(answer(), Options())
    assert "20 links" in short
    for step in (0, 4, 9, 15, 19):
        assert f"flow {step} to {step + 1}: step {step} " in short
    assert "flow 7 to 8" not in short
    assert short.count(" more (-v shows them)") == 2
    assert "the weakest" in short
    assert "flow 7 to 8" in text(answer(), Options(verbose=True))


@pytest.mark.parametrize(
    ("decision", "devices", "words"),
    [
        (SAME, ("a#3", "a#3"), "Decided: one machine, #3."),
        (ALIKE, ("a#3", "a#3"), "Decided: one machine or alike ones, #3."),
        (DIFFERENT, ("a#3", "a#1"), "Decided: two machines, #3 and #1."),
        (OPEN, ("a#3", None), "Decided: left open."),
    ],
)
def test_the_verdict_names_machines(
    decision: str, devices: tuple[str, str | None], words: str
) -> None:
    flows = (flow(0, devices[0]), flow(20, devices[1], "2001:db8::7"))
    said = text(replace(answer(), decision=decision, flows=flows), Options())
    assert f"{words} Probability of one machine: 83 %" in said
    assert "[2001:db8::7]:40020 > 198.51.100.1:443" in said
    assert ("; no machine;" in " ".join(said.split())) == (devices[1] is None)


@pytest.mark.parametrize(("sure", "shown"), [(0.0, "<1 %"), (0.004, "<1 %"), (1.0, ">99 %")])
def test_no_probability_is_certain(sure: float, shown: str) -> None:
    said = text(replace(answer(), probability=sure), Options())
    assert f"Probability of one machine: {shown}" in said


def test_json_has_the_same_and_no_odd_numbers() -> None:
    endless = Balance("x", (Line("clocks", "tcp_timestamp", float("-inf"), float("nan"), "?"),))
    given = replace(answer(), balances=(*answer().balances, endless), probability=1.0)
    stream = io.StringIO()
    why_json.write(given, stream)
    found = json.loads(stream.getvalue())
    assert stream.getvalue().isascii()
    assert found["format"] == "wiretell.why/1"
    assert (found["decision"], found["probability"], found["bits"]) == (SAME, 1.0, None)
    assert found["balances"][1]["arguments"][0]["bits"] is None
    assert found["flows"][0]["local"] == {"address": "203.0.113.7", "port": 40_000}
    assert len(found["path"]) == 20
    assert json.loads(json.dumps(found)) == why_json.document(given)


def test_json_odds_are_those_of_the_probability() -> None:
    found = why_json.document(replace(answer(), probability=0.8))
    assert found["bits"] == pytest.approx(2.0)


SCHEMA = Path(__file__).parents[3] / "docs" / "schema" / "why.v1.json"


def test_json_is_as_its_schema_says() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    open_one = replace(
        answer(), decision=OPEN, flows=(flow(0, None), flow(20, "a#1")), path=(), probability=0.0
    )
    for given in (answer(), open_one):
        validator.validate(why_json.document(given))
    said = schema["properties"]["balances"]["items"]["properties"]["arguments"]["items"]
    assert said["properties"]["topic"]["enum"] == list(TOPICS)
    assert schema["properties"]["decision"]["enum"] == [SAME, ALIKE, DIFFERENT, OPEN]
