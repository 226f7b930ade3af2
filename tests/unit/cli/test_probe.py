"""`wiretell probe` says no before it sends anything, and runs samplers on what channels tell."""

import json
from collections import Counter

import pytest
from click.testing import CliRunner
from fixtures.remote_host import DAY_MS

from wiretell.cli import command as wiretell
from wiretell.cli import main
from wiretell.probing.reading import Reading
from wiretell.probing.sampler import Answered
from wiretell.sources import probe_channel, probe_socket, prober


def run(*words):
    return CliRunner().invoke(wiretell, ["probe", *words])


@pytest.fixture
def no_sockets(monkeypatch):
    """Nothing may be opened: a refusal comes before any socket."""

    def refuse(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(probe_socket.socket, "socket", refuse)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["192.0.2.1"], "--i-may-probe"),
        (["10.0.0.0/16", "--i-may-probe"], "65536 addresses"),
        (["2001:db8::1", "--i-may-probe"], "--method tcp"),
        (["192.0.2.1", "--i-may-probe", "--port", "80"], "--port is for"),
        (["192.0.2.1", "--i-may-probe", "--rate", "1000"], "--rate"),
        (["192.0.2.1", "--i-may-probe", "--for", "86400"], "--for"),
        (["192.0.2.1", "--i-may-probe", "--json", "--csv"], "same place"),
        (["--i-may-probe"], "HOST"),
    ],
)
def test_it_refuses_with_the_reason(no_sockets, words, reason):
    result = run(*words)
    assert result.exit_code == 2
    assert reason in result.output


def test_without_root_it_says_what_to_do(monkeypatch, capsys):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(probe_socket.socket, "socket", refuse)
    monkeypatch.setattr("sys.argv", ["wiretell", "probe", "192.0.2.1", "--i-may-probe"])
    with pytest.raises(SystemExit) as ended:
        main(["probe", "192.0.2.1", "--i-may-probe"])
    assert ended.value.code == 4
    assert "sudo wiretell probe 192.0.2.1 --i-may-probe" in capsys.readouterr().err


class Channel:
    """A host that answers at once with the observer's own time, or fails to."""

    modulus, nominal_hz = DAY_MS, 1000.0
    fails = False

    def __init__(self, address, number):
        self.address, self.port, self.sent = address, None, Counter()
        self.is_closed = False
        self._waiting = []

    def filenos(self):
        return ()

    def open(self):
        raise AssertionError("nothing to open")

    def send(self):
        if self.fails:
            raise OSError("unreachable")
        assert not self.is_closed
        now_ns = probe_socket.monotonic_ns()
        self.sent["ICMP timestamp request"] += 1
        stamp = now_ns // 10**6 % DAY_MS
        self._waiting.append(Answered(Reading(now_ns, probe_socket.monotonic_ns(), stamp)))
        return now_ns

    def receive(self):
        waiting, self._waiting = self._waiting, []
        return waiting

    def finish(self):
        return True

    def close(self):
        self.is_closed = True


def test_hosts_are_sampled_side_by_side_until_each_has_stopped(monkeypatch):
    monkeypatch.setattr(probe_channel, "IcmpChannel", Channel)
    monkeypatch.setattr(prober, "SWEEP_NS", 1_000_000)
    result = run("192.0.2.0/30", "--i-may-probe", "--for", "2", "--rate", "20", "--json", "-q")
    document = json.loads(result.output)
    assert [row["address"] for row in document["probes"]] == ["192.0.2.1", "192.0.2.2"]
    for row in document["probes"]:
        assert row["stopped"] == "the time allowed is over"
        assert 10 < row["n_packets_sent"] <= 40
        # The time may be over between a request and its answer.
        assert row["n_answered"] >= row["n_packets_sent"] - 1
    assert result.exit_code in (0, 1)


def test_a_host_that_cannot_be_reached_is_told(monkeypatch):
    monkeypatch.setattr(Channel, "fails", True)
    monkeypatch.setattr(probe_channel, "IcmpChannel", Channel)
    result = run("192.0.2.1", "--i-may-probe", "--for", "5")
    assert "192.0.2.1 (ICMP): no rate; packets cannot be sent to it" in result.output
    assert result.exit_code == 1
