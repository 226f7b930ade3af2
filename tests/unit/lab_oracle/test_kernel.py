"""The oracle itself: verdicts of the kernel, silences, settings, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_ip import ACK, FIN, RAW, RST, SYN, tcp_frame, udp_frame

from lab.oracle.__main__ import main
from lab.oracle.datagrams import datagrams
from lab.oracle.kernel import Kernel, Verdict
from lab.oracle.needs import oracle_lacks
from lab.oracle.write import write_frames
from lab.superpose.frames import Frame

SERVER = {"src": "198.51.100.1", "dst": "192.0.2.1", "sport": 443, "dport": 40_000}


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    if lacks := oracle_lacks():
        pytest.skip(f"needs {', '.join(lacks)}")
    with Kernel() as made:
        yield made


def _frames(*timed: tuple[float, bytes]) -> list[Frame]:
    return [Frame(int(at * 1e9), data, len(data), RAW) for at, data in timed]


def _judge(kernel: Kernel, *timed: tuple[float, bytes], entries: bool = True) -> list[Verdict]:
    return kernel.judge(list(datagrams(_frames(*timed))), entries=entries)


HANDSHAKE = (
    (0.0, tcp_frame(flags=SYN, seq=100)),
    (0.1, tcp_frame(flags=SYN | ACK, seq=900, ack=101, **SERVER)),
    (0.2, tcp_frame(flags=ACK, seq=101, ack=901)),
)


def test_a_handshake(kernel: Kernel) -> None:
    told = _judge(kernel, *HANDSHAKE)
    assert [(x.ct_state, x.reply) for x in told] == [
        ("new", False),
        ("established", True),
        ("established", False),
    ]
    states = [x.entry.tcp_state for x in told if x.entry]
    assert states == ["syn_sent", "syn_recv", "established"]
    assert told[2].entry and told[2].entry.assured and told[2].entry.timeout_s > 400_000


def test_reasons_come_with_the_packet_they_are_about(kernel: Kernel) -> None:
    forged = tcp_frame(flags=RST, seq=10**8)
    fine = tcp_frame(flags=ACK, seq=101, ack=901)
    told = _judge(kernel, *HANDSHAKE, (0.3, forged), (0.4, fine), entries=False)
    assert [x.ct_state for x in told[3:]] == ["invalid", "established"]
    assert "over upper bound" in told[3].reason
    assert not any(told[n].reason for n in (0, 1, 2, 4))


@pytest.mark.parametrize(("silence_s", "state"), [(50.0, "established"), (130.0, "new")])
def test_silence_ends_an_entry_when_its_time_is_over(
    kernel: Kernel, silence_s: float, state: str
) -> None:
    close = (
        (0.3, tcp_frame(flags=FIN | ACK, seq=101, ack=901)),
        (0.4, tcp_frame(flags=FIN | ACK, seq=901, ack=102, **SERVER)),
        (0.5, tcp_frame(flags=ACK, seq=102, ack=902)),
    )
    late = (0.5 + silence_s, tcp_frame(flags=ACK, seq=102, ack=902))
    told = _judge(kernel, *HANDSHAKE, *close, late)
    assert told[5].entry and told[5].entry.tcp_state == "time_wait"
    assert told[6].ct_state == state


def test_many_short_silences_add_up(kernel: Kernel) -> None:
    """A repeated SYN does not renew its entry (120 s): it is new again after them."""
    syns = [(at * 7.3, tcp_frame(flags=SYN, seq=100)) for at in range(20)]
    told = _judge(kernel, *syns)
    left = [x.entry.timeout_s for x in told if x.entry]
    for n in range(1, 16):
        assert abs(left[n] - (120 - n * 7.3)) <= 1.0, n
    assert left[-1] > left[10]


def test_each_capture_begins_with_an_empty_table(kernel: Kernel) -> None:
    echo = (0.0, udp_frame(src="198.51.100.1", dst="192.0.2.1", sport=53, dport=40_000))
    for _ in range(2):
        told = _judge(kernel, (0.0, udp_frame()), (0.1, echo[1]), entries=False)
        assert [(x.ct_state, x.reply) for x in told] == [("new", False), ("established", True)]
    assert _judge(kernel, echo, entries=False)[0].ct_state == "new"


def test_loopback_is_judged_and_multicast_named(kernel: Kernel) -> None:
    own = udp_frame(src="127.0.0.1", dst="127.0.0.1")
    back = udp_frame(src="127.0.0.1", dst="127.0.0.1", sport=53, dport=40_000)
    many = udp_frame(dst="224.0.0.251")
    told = _judge(kernel, (0.0, own), (0.1, back), (0.2, many))
    assert [x.ct_state for x in told[:2]] == ["new", "established"]
    assert [x.comparable for x in told] == [True, True, False]
    assert told[2].trouble == "multicast"


def test_settings_change_verdicts(kernel: Kernel) -> None:
    stray = (0.0, tcp_frame(flags=ACK, seq=5, ack=6))
    assert _judge(kernel, stray)[0].ct_state == "new"
    kernel.set({"nf_conntrack_tcp_loose": 0})
    try:
        assert _judge(kernel, stray)[0].ct_state == "invalid"
    finally:
        kernel.set({"nf_conntrack_tcp_loose": 1})


def test_nothing_is_left_behind(kernel: Kernel) -> None:
    before = (
        Path("/proc/thread-self/ns/net").readlink(),
        len(list(Path("/proc/self/fd").iterdir())),
    )
    with Kernel() as other:
        other.judge([])
    after = (
        Path("/proc/thread-self/ns/net").readlink(),
        len(list(Path("/proc/self/fd").iterdir())),
    )
    assert after == before


def test_the_command(kernel: Kernel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "handshake.pcap"
    write_frames(path, _frames(*HANDSHAKE))
    assert main([str(path), "--csv", "--entries"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith("capture,packet,ct_state,reply,reason")
    assert out.splitlines()[2].split(",")[1:4] == ["2", "established", "reply"]
    assert "3 frames; 2 established, 1 new" in err
