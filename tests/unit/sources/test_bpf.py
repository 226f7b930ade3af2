"""Filters are what tcpdump compiles, for every link type."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretell.errors import ConfigError
from wiretell.sources import bpf

pytestmark = pytest.mark.skipif(
    bpf.ctypes.util.find_library("pcap") is None, reason="libpcap is not installed"
)

EXPRESSIONS = ("tcp port 80", "ip6", "net 10.0.0.0/8 and not udp", "tcp[13] & 2 != 0", "vlan")

WORDS = (*"()[]!<>=&|+-*/:.", "tcp", "ip6", "net", "port", "not", "and", "or", "0", "99999999999")
"""None of them a name that a resolver would be asked for."""


def _instructions(program: bytes) -> list[tuple[int, ...]]:
    return list(struct.iter_unpack("<HBBI", program))


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
@pytest.mark.parametrize("link_type", [t for t in bpf.LINK_TYPES if t not in (0, 14)])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_equals_tcpdump(tmp_path: Path, link_type: int, expression: str) -> None:
    capture = tmp_path / "empty.pcap"
    capture.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type))
    done = subprocess.run(
        ["tcpdump", "-ddd", "-r", str(capture), expression],
        capture_output=True,
        text=True,
        check=False,
    )
    program = bpf.compile_filter(expression).get(link_type)
    if done.returncode:
        assert program is None
    else:
        lines = [tuple(map(int, line.split())) for line in done.stdout.splitlines()[1:]]
        assert program is not None
        assert _instructions(program) == lines


def _matches(program: bytes, frame: bytes) -> bool:
    """The few instructions that a family test needs, run as the kernel would."""
    code, accumulator, at = _instructions(program), 0, 0
    while True:
        op, jt, jf, k = code[at]
        at += 1
        if op == 0x06:
            return k != 0
        if op == 0x05:
            at += k
        elif op == 0x15:
            at += jt if accumulator == k else jf
        else:
            n_bytes = {0x20: 4, 0x30: 1}[op]
            accumulator = int.from_bytes(frame[k : k + n_bytes], "big")


@pytest.mark.parametrize("order", ["<I", ">I"])
@pytest.mark.parametrize("family", [24, 28, 30])
def test_loopback_families_of_other_systems(order: str, family: int) -> None:
    program = bpf.compile_filter("ip6")[bpf.NULL]
    assert _matches(program, struct.pack(order, family))
    assert not _matches(program, struct.pack(order, 2))
    assert _matches(bpf.compile_filter("not ip6")[bpf.NULL], struct.pack(order, 2))


def test_link_types_that_cannot_match_have_no_program() -> None:
    programs = bpf.compile_filter("ether host 02:00:00:00:00:01")
    assert bpf.ETHERNET in programs
    assert bpf.RAW not in programs
    assert set(bpf.compile_filter("wlan type mgt")) == {105, 127}


def test_wrong_expressions_say_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match="syntax error"):
        bpf.compile_filter("tcp prot 80")
    with pytest.raises(ConfigError, match="NUL"):
        bpf.compile_filter("tcp\0")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bpf._libpcap.cache_clear()
    monkeypatch.setattr(bpf.ctypes.util, "find_library", lambda _: "libpcap-absent.so")
    with pytest.raises(ConfigError, match=r"libpcap0\.8"):
        bpf.compile_filter("tcp")
    bpf._libpcap.cache_clear()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_any_words_give_programs_or_a_config_error(words: list[str]) -> None:
    try:
        assert bpf.compile_filter(" ".join(words))
    except ConfigError as error:
        assert "filter" in str(error)
