"""The command line as a user meets it, on a saved report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.report import NAT, make_report

from wiretell.exporter import Options
from wiretell.exporters import parquet
from wiretell.sources.saved import load


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "report"
    parquet.write(make_report(), folder, Options())
    return folder


def wiretell(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wiretell", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        check=False,
        env={**os.environ, "COLUMNS": "70"},
    )


def test_table_on_standard_output(saved: Path) -> None:
    done = wiretell("devices", saved)
    assert done.returncode == 1  # the report says that its input was damaged
    assert done.stdout.startswith(f"{NAT}  5 machines (90 %: 5-6)")
    assert "input damaged: office.pcapng" in done.stdout
    assert done.stderr == ""
    assert done.stdout == wiretell("show", saved).stdout


def test_json_and_csv_to_standard_output(saved: Path) -> None:
    done = wiretell("devices", saved, "--json")
    assert json.loads(done.stdout)["format"] == "wiretell.devices/2"
    assert "input damaged" in done.stderr
    assert wiretell("devices", "--csv", saved).stdout.startswith("src,sport,dst,dport,proto,device")


def test_every_form_into_files(saved: Path, tmp_path: Path) -> None:
    done = wiretell(
        "devices", saved, "--json", "o.json", "--csv=o.txt", "--save", "again", cwd=tmp_path
    )
    assert done.stdout.startswith(NAT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "o.json", "o.txt"]
    assert (tmp_path / "o.txt").read_text().startswith("src,")
    assert load(tmp_path / "again").members.equals(load(saved).members)


def test_a_capture_after_a_bare_option_is_not_written_to(saved: Path, tmp_path: Path) -> None:
    capture = tmp_path / "x.csv"
    capture.write_bytes(b"precious")
    done = wiretell("devices", "-r", capture, "--csv", capture)
    assert done.returncode == 2
    assert "is read; it cannot be written too" in done.stderr
    assert capture.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["devices"], "at least one capture"),
        (["devices", "absent.pcap"], "no such capture: absent.pcap"),
        (["devices", "REPORT", "tcp"], "without a filter"),
        (["devices", "REPORT", "--json", "--csv"], "same place"),
        (["devices", "REPORT", "--fail-on", "devices"], "devices>1"),
        (["devices", "REPORT", "--address", "nowhere"], "not an IP address"),
        (["devices", "REPORT", "--save", "/"], "not a saved report"),
        (["guess"], "No such command"),
    ],
)
def test_usage_errors(saved: Path, arguments: list[str], message: str) -> None:
    done = wiretell(*(str(saved) if word == "REPORT" else word for word in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_fail_on_and_quiet(saved: Path) -> None:
    assert wiretell("devices", saved, "--fail-on", "devices>4", "-q").returncode == 3
    done = wiretell("devices", saved, "--fail-on", "devices > 5", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(saved: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = wiretell("devices", saved, "--csv", tmp_path / "o.csv")
    assert done.returncode == 4
    assert "no permission" in done.stderr


def test_a_closed_pipe_is_quiet(saved: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "wiretell", "devices", str(saved), "--csv"],
            stdout=stream,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 141
    assert b"Traceback" not in done.stderr
    assert b"Broken" not in done.stderr


def test_help_and_version_import_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from wiretell.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        "print(code, [m for m in ('polars', 'numpy', 'rich', 'bokeh', 'jinja2', 'scipy')"
        " if m in sys.modules])"
    )
    for flag in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", program, flag], capture_output=True, text=True, check=False
        )
        assert done.stdout.endswith("0 []\n"), done.stdout + done.stderr


OFFICE = Path(__file__).parents[2] / "examples" / "office.pcap.zst"


def test_why_tells_about_two_flows(tmp_path: Path) -> None:
    done = wiretell("devices", OFFICE, "--why", "1", "2")
    assert done.returncode == 0, done.stderr
    assert "are these two flows one machine's?" in done.stdout
    assert "Decided: " in done.stdout
    told = json.loads(wiretell("devices", OFFICE, "--why", "1", "2", "--json").stdout)
    ends = [
        [f"{f[e]['address']}:{f[e]['port']}" for e in ("local", "remote")] for f in told["flows"]
    ]
    wiretell("devices", OFFICE, "-q", "--save", "report", cwd=tmp_path)
    saved = wiretell(
        "devices", tmp_path / "report", "--why", *(">".join(e) for e in ends), "--json"
    )
    assert json.loads(saved.stdout) == told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--why", "1", "1"), "one and the same flow"),
        (("--why", "1", "999999"), "no flow '999999'"),
        (("--why", "1", "\x1b[31m"), "give a flow_id"),
        (("--why", "1", "2", "--html", "x.html"), "not --html"),
        (("--why", "1", "2", "--address", "192.0.2.1", "--address", "192.0.2.2"), "one address"),
        (("--why", "1", "2", "--address", "192.0.2.99"), "is no end of flow 1"),
        (("--why", "1", "2", "--fail-on", "devices>1"), "--fail-on"),
    ],
)
def test_why_refuses_in_words(saved: Path, arguments: tuple[str, ...], words: str) -> None:
    done = wiretell("devices", saved, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stdout == ""
