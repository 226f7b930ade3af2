"""A step of the walk: one TCP packet and what the packets before it make of it."""

from __future__ import annotations

from dataclasses import dataclass

from wiretell.findings.explain.explanation import Numbers
from wiretell.findings.explain.memory import Sent

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (1 << bit for bit in range(9))
FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
_SHOWN_FIRST = ("SYN", "FIN", "RST", "PSH", "URG", "ECE", "CWR", "AE", "ACK")


def flag_names(flags: int) -> tuple[str, ...]:
    """Names of the flags set, those that steer the connection first, ACK last."""
    on = {name for bit, name in enumerate(FLAG_NAMES) if flags >> bit & 1}
    return tuple(name for name in _SHOWN_FIRST if name in on)


@dataclass(frozen=True, slots=True)
class Echo:
    """Whose TSval a TSecr repeats; `packet` is None where that was not captured."""

    tsecr: int
    packet: int | None
    age_ns: int | None


@dataclass(frozen=True, slots=True)
class Acked:
    """What an acknowledgement says beyond earlier ones of its side.

    `first` to `last` are the numbers it newly covers (`last` below `first`: none);
    `n_beyond` of the bytes it covers were not seen in the capture.
    """

    first: int
    last: int
    carrier: Sent | None
    n_beyond: int
    below_syn: bool
    covers_syn: bool
    covers_fin: bool
    is_first: bool

    @property
    def n_new(self) -> int:
        """How many numbers are newly covered."""
        return max(0, self.last - self.first + 1)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The window in words of the receiver: up to which number the other side may send."""

    right_edge: int
    """First number that is not allowed."""
    previous_edge: int | None
    n_in_flight: int
    """Of the other side's bytes, sent and not acknowledged."""


@dataclass(frozen=True, slots=True)
class SynOptions:
    """What a SYN offers; None where the option is not there."""

    mss: int | None
    wscale: int | None
    sack_ok: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One TCP packet in the light of what went before. Relative numbers are unwrapped."""

    packet: int
    time_ns: int
    side: int
    flags: int
    numbers: Numbers
    marks: tuple[str, ...]
    duplicate_ack: int | None
    """The how manyeth duplicate of an acknowledgement it is."""
    ct_state: str
    reply: bool
    tcp_state: str | None
    state_before: str | None
    timeout_s: int | None
    timeout_before_s: int | None
    reason: str | None
    note: str | None
    bound: int | None
    bound_rel: int | None
    excess: int | None
    bound_packet: int | None
    acked: Acked | None
    allowed: Allowed | None
    echo: Echo | None
    ticks_since: int | None
    """TSval steps since the side's packet before."""
    since_ns: int | None
    """Time since that packet."""
    gap_ns: int | None
    """Time since the flow's packet before."""
    syn: SynOptions | None
    original: Sent | None
    dsack: bool
    newer_bytes: int
    """How far this side had got beyond this packet's end."""
    hole_bytes: int
    """Bytes between what was seen of this side and this packet."""
    ttl: int | None
    mac: str | None
    ipid: int | None
    weird: str | None
    damaged: bool
    """Its checksum is wrong, and others of its sender are not."""
    peer_seen: bool
    """The other side was heard before."""
    follows: int | None
    """A rejected packet that it acknowledges, or goes on from."""
    peer_offer: tuple[int, int] | None
    """Acknowledgement and window field of the other side's last segment behind its SYN."""
    peer_edge: int | None
    """First number that the other side has never allowed this one; None: not known."""
    ended_by: int | None
    """The packet that ended the connection, where one did."""
    restarted: bool
    """Relative numbers begin anew here: another connection on the same ports."""

    @property
    def n_bytes(self) -> int:
        """Data bytes."""
        return self.numbers.n_bytes

    def has(self, flag: int) -> bool:
        """Whether the flag is set."""
        return bool(self.flags & flag)
