"""When a packet came, by the kernel's stamp, on the clock that does not step."""

import socket
import struct

import pytest

from wiretell.sources import probe_socket

START_NS = 1_700_000_000 * 10**9


class Clocks:
    """Real time and monotonic time of a process that is held up between two looks at them."""

    def __init__(self, pauses_ns):
        self.now_ns = 50 * 10**9
        self._pauses_ns = list(pauses_ns)

    def _look(self):
        self.now_ns += self._pauses_ns.pop(0) if self._pauses_ns else 0
        return self.now_ns

    def time_ns(self):
        return START_NS + self._look()

    def monotonic_ns(self):
        return self._look()


def arrived(monkeypatch, stamp_ns, pauses_ns):
    monkeypatch.setattr(probe_socket, "time", Clocks(pauses_ns))
    data = struct.pack("@ll", *divmod(stamp_ns, 10**9))
    return probe_socket._arrived_ns([(socket.SOL_SOCKET, 35, data)])


@pytest.mark.parametrize(
    "pauses_ns",
    [
        [0] * 6,
        [0, 5_000_000, 0, 0, 0, 0],
        [5_000_000, 0, 0, 7_000_000, 0, 0],
        [3_000_000, 4_000_000, 5_000_000, 6_000_000, 2_000_000, 1_000],
    ],
)
def test_a_process_that_is_held_up_never_takes_a_packet_for_earlier(monkeypatch, pauses_ns):
    came_ns = 49 * 10**9
    found = arrived(monkeypatch, START_NS + came_ns, pauses_ns)
    assert came_ns <= found <= came_ns + 1_000


def test_a_stamp_of_the_future_is_now(monkeypatch):
    """The real-time clock was set back in between."""
    assert arrived(monkeypatch, START_NS + 60 * 10**9, [0] * 6) == 50 * 10**9


def test_without_a_stamp_it_is_now(monkeypatch):
    monkeypatch.setattr(probe_socket, "time", Clocks([]))
    assert probe_socket._arrived_ns([]) == 50 * 10**9
