"""What an explanation is: one value per packet, and the connection that holds them."""

from __future__ import annotations

from dataclasses import dataclass

SIDES = (0, 1)
"""0 the originator of the flow, 1 its responder."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing told of a packet: its topic, the words, the sections that say so.

    Topics: `seq`, `ack`, `window`, `sack`, `timestamps`, `options`, `mark`, `state`, `verdict`,
    `cause`, `remedy`, `note`.
    """

    topic: str
    text: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a TCP packet: absolute ones as on the wire, relative ones unwrapped.

    Relative numbers count from the initial sequence number of the side they belong to (SYN is 0,
    the first byte of data 1) or the first number seen of it. `n_bytes` is data alone,
    `n_consumed` counts SYN and FIN too. `window_bytes` has the scale applied, `window_shift` is
    that scale (None: not known). Bytes throughout; None where the packet has no such field.
    """

    seq: int
    seq_rel: int
    next_seq: int
    next_seq_rel: int
    n_bytes: int
    n_consumed: int
    ack: int | None
    ack_rel: int | None
    window: int
    window_shift: int | None
    window_bytes: int | None
    bytes_in_flight: int | None
    tsval: int | None
    tsecr: int | None
    sack_rel: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """One possible reason for an INVALID verdict: what speaks for it, what can be done.

    `weight` orders the causes of one packet, the likeliest first; it is no probability.
    """

    name: str
    weight: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One packet explained. `numbers` is None where it is not TCP."""

    packet: int
    time_ns: int
    side: int
    flags: tuple[str, ...]
    headline: str
    numbers: Numbers | None
    marks: tuple[str, ...]
    ct_state: str
    tcp_state: str | None
    reason: str | None
    bound: int | None
    excess: int | None
    bound_packet: int | None
    causes: tuple[Cause, ...]
    sentences: tuple[Sentence, ...]

    @property
    def is_invalid(self) -> bool:
        """The tracker rejects it."""
        return self.ct_state == "invalid"


@dataclass(frozen=True, slots=True)
class Party:
    """One end of the flow; `name` is what the prose calls it."""

    name: str
    address: str
    port: int
    n_packets: int
    isn: int | None
    """Number that relative numbers count from; None where none was seen."""
    syn_seen: bool
    mss: int | None
    window_shift: int | None
    """The scale it offered; None: none offered, or its SYN was not seen."""
    sack_ok: bool | None


@dataclass(frozen=True, slots=True)
class Connection:
    """A flow explained: who talks, what holds for the whole, then packet by packet.

    `n_packets` counts all packets of the flow, `packets` holds those that were asked for.
    """

    flow_id: int
    proto: int
    parties: tuple[Party, Party]
    first_ns: int
    last_ns: int
    n_packets: int
    n_invalid: int
    conn_state: str | None
    notes: tuple[Sentence, ...]
    packets: tuple[Explanation, ...]
