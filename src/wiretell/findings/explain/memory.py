"""What an observer remembers of one side: what it sent, what it promised, its clock.

Numbers here are relative and unwrapped: Python integers that go on past 2^32.
"""

from __future__ import annotations

from dataclasses import dataclass, field

WRAP = 1 << 32
HALF = 1 << 31


def unwrapped(number: int, near: int) -> int:
    """The integer that is `number` modulo 2^32 and nearest to `near` (RFC 1982's reading)."""
    return near + ((number - near + HALF) % WRAP) - HALF


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet that took numbers: from `start` to just before `end`."""

    packet: int
    time_ns: int
    start: int
    end: int
    ipid: int | None
    flags: int


@dataclass(slots=True)
class Memory:
    """One side's past, up to the packet before the one at hand."""

    seen: bool = False
    max_next: int = 0
    """The highest number that follows what was seen of it."""
    min_seq: int | None = None
    max_ack: int | None = None
    """The highest acknowledgement it sent; None: none yet."""
    right_edge: int | None = None
    """The highest number that it allowed the other side to send up to, exclusive."""
    last_offer: tuple[int, int] | None = None
    """Acknowledgement and window field of its last segment behind the SYN."""
    syn_end: int | None = None
    """Number that follows its SYN."""
    fin_end: int | None = None
    """Number that follows its FIN."""
    last_tsval: int | None = None
    last_tsval_ns: int = 0
    sent: list[Sent] = field(default_factory=list)
    by_end: dict[int, Sent] = field(default_factory=dict)
    by_start: dict[int, Sent] = field(default_factory=dict)
    stamps: dict[int, tuple[int, int]] = field(default_factory=dict)
    """TSval -> the first packet that carried it, and its time."""

    rejected: dict[int, Sent] = field(default_factory=dict)
    """INVALID packets that took numbers, by the number that follows them."""

    def carrier(self, ack: int) -> Sent | None:
        """The packet whose last byte is the last one that `ack` covers."""
        return self.by_end.get(ack)

    def original(self, start: int, end: int) -> Sent | None:
        """An earlier packet that held the first of these numbers."""
        same = self.by_start.get(start)
        if same is not None:
            return same
        for earlier in reversed(self.sent[-64:]):
            if earlier.start <= start < earlier.end and end > start:
                return earlier
        return None

    def remember(self, sent: Sent, tsval: int | None) -> None:
        """Adds a packet; the first of those with the same numbers is kept."""
        if sent.end > sent.start:
            self.sent.append(sent)
            self.by_end.setdefault(sent.end, sent)
            self.by_start.setdefault(sent.start, sent)
        self.max_next = max(self.max_next, sent.end)
        self.min_seq = sent.start if self.min_seq is None else min(self.min_seq, sent.start)
        if tsval is not None:
            self.stamps.setdefault(tsval, (sent.packet, sent.time_ns))
            self.last_tsval, self.last_tsval_ns = tsval, sent.time_ns
