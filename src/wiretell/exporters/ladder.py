"""The ladder of a connection: what stands on each rung, for terminal and SVG alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wiretell.findings.explain.amounts import duration
from wiretell.findings.explain.explanation import Connection, Explanation, Party

NS_PER_S = 1_000_000_000
PAUSE_NS = 1_000_000_000
"""A silence as long is shown as a gap between rungs."""


@dataclass(frozen=True)
class Rung:
    """One packet as an arrow. `labels` say the same, shorter and shorter.

    `remark` is what is odd about it; `pause` the silence before it, empty where it was short.
    """

    packet: int
    since_start: str
    side: int
    labels: tuple[str, ...]
    remark: str
    is_invalid: bool
    is_odd: bool
    pause: str


def rungs(connection: Connection) -> Iterator[Rung]:
    """The packets that are explained, as arrows."""
    before: Explanation | None = None
    for told in connection.packets:
        gap = told.time_ns - before.time_ns if before is not None else 0
        yield Rung(
            packet=told.packet,
            since_start=seconds(told.time_ns - connection.first_ns),
            side=told.side,
            labels=_labels(told),
            remark=remark(told),
            is_invalid=told.is_invalid,
            is_odd=bool(told.marks or told.reason),
            pause=duration(gap) if gap >= PAUSE_NS else "",
        )
        before = told


def seconds(length_ns: int) -> str:
    """`3.022100`: microseconds, as most captures have them; nanoseconds where these matter."""
    digits = 6 if length_ns % 1000 == 0 else 9
    sign = "-" if length_ns < 0 else ""
    whole, part = divmod(abs(length_ns), NS_PER_S)
    return f"{sign}{whole}.{part:09d}"[: len(sign) + len(str(whole)) + 1 + digits]


def remark(told: Explanation) -> str:
    """`INVALID seq over`, `retransmission`: in a few words."""
    odd = oddities(told)
    if not told.is_invalid:
        return odd
    return f"INVALID: {odd}" if odd else "INVALID"


def oddities(told: Explanation) -> str:
    """Reason and marks alone."""
    names = [told.reason] if told.reason else []
    return ", ".join(name.replace("_", " ") for name in [*names, *told.marks])


def end(party: Party) -> str:
    """`192.0.2.1:80`, `[2001:db8::1]:80`."""
    address = f"[{party.address}]" if ":" in party.address else party.address
    return f"{address}:{party.port}"


def _labels(told: Explanation) -> tuple[str, ...]:
    numbers = told.numbers
    if numbers is None:
        words = told.headline.partition(" sends")[2].lstrip(": ") or told.headline
        return (words, words[:12])
    flags = " ".join(told.flags) or "no flags"
    ack = f"  ack {numbers.ack_rel}" if numbers.ack_rel is not None else ""
    size = f"  {numbers.n_bytes} B" if numbers.n_bytes else ""
    moves = (
        f"{numbers.seq_rel} to {numbers.next_seq_rel}"
        if numbers.n_consumed
        else f"{numbers.seq_rel}"
    )
    window = "" if numbers.window_bytes is None else f"  win {numbers.window_bytes}"
    return (
        f"{flags}{size}  seq {moves}{ack}{window}",
        f"{flags}{size}  seq {moves}{ack}",
        f"{flags}{size}  {moves}{ack}",
        f"{flags}{size}{ack}",
        f"{flags}{size}",
        flags,
    )
