"""A connection tracker that looks at flags alone: what must not be done, to compare with."""

from __future__ import annotations

from lab.oracle.datagrams import Ends, EntryKey
from lab.oracle.segment import ACK, FIN, RST, SYN


class Naive:
    """No sequence number is read, and nothing outlives the last acknowledgement."""

    def __init__(self) -> None:
        self._state: dict[EntryKey, str] = {}
        self._orig: dict[EntryKey, bytes] = {}

    def judge(self, ends: Ends, flags: int) -> tuple[str, str]:
        """(ct state, TCP state after it) of a segment; the TCP state is "none" without entry."""
        key = ends.entry_key
        state = self._state.get(key)
        if state is None:
            if flags & (SYN | ACK | FIN | RST) != SYN:
                return "invalid", "none"
            self._state[key], self._orig[key] = "syn_sent", ends.src
            return "new", "syn_sent"
        after = self._after(state, flags, reply=self._orig[key] != ends.src)
        if after in ("closed", "close"):
            del self._state[key]
        else:
            self._state[key] = after
        return "established" if after != "syn_sent" else "new", after

    @staticmethod
    def _after(state: str, flags: int, *, reply: bool) -> str:
        if flags & RST:
            return "close"
        if flags & SYN:
            return "syn_recv" if reply and flags & ACK and state == "syn_sent" else state
        if flags & FIN:
            if state in ("fin_wait", "fin_wait_reply"):
                return "last_ack" if (state == "fin_wait") == reply else state
            return "fin_wait_reply" if reply else "fin_wait"
        if state == "syn_recv" and not reply:
            return "established"
        return "closed" if state == "last_ack" else state
