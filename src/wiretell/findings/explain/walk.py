"""Follows the packets of one TCP flow with the memory of both sides.

The tracker's relative numbers, windows and marks are taken as they are (one tracker decides);
what is added here is who said what before: the packet that carried the bytes acknowledged now,
whose timestamp is echoed, what a window allows. RFC 9293, RFC 7323, RFC 2018, RFC 2883.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wiretell.findings.explain.explanation import Numbers
from wiretell.findings.explain.memory import WRAP, Memory, Sent, unwrapped
from wiretell.findings.explain.step import (
    ACK,
    FIN,
    RST,
    SYN,
    Acked,
    Allowed,
    Echo,
    Step,
    SynOptions,
)
from wiretell.findings.explain.survey import Survey

Row = dict[str, Any]
_ENDED = frozenset({"time_wait", "close"})


def walk(whole: Survey) -> Iterator[Step]:
    """The steps of a TCP flow in order. Rows that lack a TCP header are left out."""
    walker = _Walker(whole)
    for row in whole.rows.iter_rows(named=True):
        if row["flags"] is None or row["seq"] is None or row["seq_rel"] is None:
            walker.pass_by(row)
            continue
        yield walker.step(row)


class _Walker:
    """The state between two packets."""

    def __init__(self, whole: Survey) -> None:
        self.shifts = whole.shifts
        self.memories = (Memory(), Memory())
        self.bases: list[int | None] = [None, None]
        self.state: str | None = None
        self.timeout_s: int | None = None
        self.last_ns: int | None = None
        self.ended_by: int | None = None

    def pass_by(self, row: Row) -> None:
        """Keeps what the tracker says after a packet that is not walked."""
        if row["tcp_state"] in _ENDED and self.state not in _ENDED:
            self.ended_by = row["packet"]
        if row["tcp_state"] is not None or row["ct_state"] != "invalid":
            self.state, self.timeout_s = row["tcp_state"], row["timeout_s"]
        self.last_ns = row["time_ns"]

    def step(self, row: Row) -> Step:
        """The step of a TCP row; then both memories have it."""
        side = row["side"]
        base = (row["seq"] - row["seq_rel"]) % WRAP
        restarted = self.bases[side] not in {None, base} and bool(row["flags"] & SYN)
        if restarted:
            self._restart()
        self.bases[side] = base
        numbers = self._numbers(row)
        step = self._seen(row, numbers, restarted)
        self._remember(row, numbers, step)
        return step

    def _restart(self) -> None:
        """A SYN with another initial number begins another connection, for both sides."""
        self.memories = (Memory(), Memory())
        self.bases = [None, None]
        self.ended_by = None

    def _numbers(self, row: Row) -> Numbers:
        own, other = self._own_and_other(row["side"])
        seq_rel = unwrapped(row["seq_rel"], own.max_next)
        next_u32 = row["next_seq_rel"]
        consumed = 0 if next_u32 is None else (next_u32 - row["seq_rel"]) % WRAP
        has_ack = bool(row["flags"] & ACK) and row["ack_rel"] is not None
        ack_rel = unwrapped(row["ack_rel"], other.max_next) if has_ack else None
        shift = self._shift(row)
        window_bytes = row["window_bytes"]
        edges = [
            unwrapped(edge - self._ack_base(row), other.max_next) if has_ack else edge
            for edge in (row["sack"] or ())
        ]
        return Numbers(
            seq=row["seq"],
            seq_rel=seq_rel,
            next_seq=(row["seq"] + consumed) % WRAP,
            next_seq_rel=seq_rel + consumed,
            n_bytes=row["payload_len"] or 0,
            n_consumed=consumed,
            ack=row["ack"] if has_ack else None,
            ack_rel=ack_rel,
            window=row["window"],
            window_shift=shift,
            window_bytes=window_bytes,
            bytes_in_flight=row["bytes_in_flight"],
            tsval=row["tsval"],
            tsecr=row["tsecr"],
            sack_rel=tuple(zip(edges[::2], edges[1::2], strict=False)),
        )

    @staticmethod
    def _ack_base(row: Row) -> int:
        return int((row["ack"] - row["ack_rel"]) % WRAP)

    def _shift(self, row: Row) -> int | None:
        """The scale in force, as the tracker's own number of bytes shows it."""
        if row["flags"] & SYN:
            return 0
        window, n_bytes = row["window"], row["window_bytes"]
        if window and n_bytes and n_bytes % window == 0:
            factor = n_bytes // window
            if factor & (factor - 1) == 0:
                # A factor of 1 is no scale, or a scale that nobody knows.
                agreed = self.shifts[row["side"]]
                return factor.bit_length() - 1 if factor > 1 or agreed is not None else None
        return self.shifts[row["side"]]

    def _own_and_other(self, side: int) -> tuple[Memory, Memory]:
        return self.memories[side], self.memories[1 - side]

    def _seen(self, row: Row, numbers: Numbers, restarted: bool) -> Step:
        own, other = self._own_and_other(row["side"])
        flags = row["flags"]
        marks = tuple(row["analysis"] or ())
        is_again = numbers.n_consumed > 0 and numbers.seq_rel < own.max_next
        bound = row["bound"]
        return Step(
            packet=row["packet"],
            time_ns=row["time_ns"],
            side=row["side"],
            flags=flags,
            numbers=numbers,
            marks=marks,
            duplicate_ack=row.get("duplicate_ack"),
            ct_state=row["ct_state"],
            reply=bool(row["reply"]),
            tcp_state=row["tcp_state"],
            state_before=self.state,
            timeout_s=row["timeout_s"],
            timeout_before_s=self.timeout_s,
            reason=row["reason"],
            note=row["note"],
            bound=bound,
            bound_rel=self._bound_rel(row, numbers),
            excess=row["excess"],
            bound_packet=row["bound_packet"],
            acked=self._acked(numbers, own, other),
            allowed=self._allowed(numbers, flags, own, other),
            echo=self._echo(row, other),
            ticks_since=self._ticks(row, own),
            since_ns=row["time_ns"] - own.last_tsval_ns if own.last_tsval is not None else None,
            gap_ns=row["time_ns"] - self.last_ns if self.last_ns is not None else None,
            syn=SynOptions(row["mss"], row["wscale"], bool(row["sack_ok"]))
            if flags & SYN
            else None,
            original=own.original(numbers.seq_rel, numbers.next_seq_rel) if is_again else None,
            dsack=_is_dsack(numbers),
            newer_bytes=max(0, own.max_next - numbers.next_seq_rel),
            hole_bytes=max(0, numbers.seq_rel - own.max_next) if own.min_seq is not None else 0,
            ttl=row["ttl"],
            mac=row["src_mac"],
            ipid=row["ipid"],
            weird=row["weird"],
            damaged=row["damaged"],
            peer_seen=other.seen,
            follows=_follows(numbers, own, other),
            peer_offer=other.last_offer,
            peer_edge=other.right_edge,
            ended_by=self.ended_by,
            restarted=restarted,
        )

    @staticmethod
    def _bound_rel(row: Row, numbers: Numbers) -> int | None:
        """The bound counted as the number that went past it: acknowledgements as the peer's."""
        if row["bound"] is None:
            return None
        of_ack = str(row["reason"] or row["note"] or "").startswith("ack_")
        if of_ack and numbers.ack is not None and numbers.ack_rel is not None:
            return unwrapped(row["bound"] - numbers.ack + numbers.ack_rel, numbers.ack_rel)
        return unwrapped(row["bound"] - numbers.seq + numbers.seq_rel, numbers.seq_rel)

    @staticmethod
    def _acked(numbers: Numbers, own: Memory, other: Memory) -> Acked | None:
        ack = numbers.ack_rel
        if ack is None:
            return None
        was = own.max_ack
        if was is None:
            was = other.min_seq if other.min_seq is not None else ack
        return Acked(
            first=was,
            last=ack - 1,
            carrier=other.carrier(ack),
            n_beyond=max(0, ack - other.max_next) if other.min_seq is not None else 0,
            below_syn=other.syn_end is not None and ack < other.syn_end,
            covers_syn=other.syn_end is not None and was < other.syn_end <= ack,
            covers_fin=other.fin_end is not None and was < other.fin_end <= ack,
            is_first=own.max_ack is None,
        )

    @staticmethod
    def _allowed(numbers: Numbers, flags: int, own: Memory, other: Memory) -> Allowed | None:
        if numbers.ack_rel is None or numbers.window_bytes is None:
            return None
        return Allowed(
            right_edge=numbers.ack_rel + numbers.window_bytes,
            previous_edge=own.right_edge,
            n_in_flight=max(0, other.max_next - numbers.ack_rel),
        )

    @staticmethod
    def _echo(row: Row, other: Memory) -> Echo | None:
        tsecr = row["tsecr"]
        if tsecr is None or not row["flags"] & ACK:
            return None
        packet, time_ns = other.stamps.get(tsecr, (None, None))
        return Echo(tsecr, packet, row["time_ns"] - time_ns if time_ns is not None else None)

    @staticmethod
    def _ticks(row: Row, own: Memory) -> int | None:
        if row["tsval"] is None or own.last_tsval is None:
            return None
        return unwrapped(row["tsval"], own.last_tsval) - own.last_tsval

    @staticmethod
    def _sent(row: Row, numbers: Numbers) -> Sent:
        start, end = numbers.seq_rel, numbers.next_seq_rel
        return Sent(row["packet"], row["time_ns"], start, end, row["ipid"], row["flags"])

    def _remember(self, row: Row, numbers: Numbers, step: Step) -> None:
        own, _ = self._own_and_other(row["side"])
        own.seen = True
        if numbers.ack_rel is not None and not row["flags"] & (SYN | RST):
            own.last_offer = (numbers.ack_rel, numbers.window)
        if step.ct_state == "invalid":
            if numbers.n_consumed:
                sent = self._sent(row, numbers)
                own.rejected.setdefault(sent.end, sent)
        else:
            sent = self._sent(row, numbers)
            own.remember(sent, row["tsval"])
            if numbers.ack_rel is not None:
                own.max_ack = max(numbers.ack_rel, own.max_ack or 0)
            if step.allowed is not None:
                edge = step.allowed.right_edge
                own.right_edge = edge if own.right_edge is None else max(edge, own.right_edge)
            if row["flags"] & SYN:
                own.syn_end = numbers.seq_rel + 1
            if row["flags"] & FIN:
                own.fin_end = numbers.next_seq_rel
        self.pass_by(row)


def _is_dsack(numbers: Numbers) -> bool:
    """The first block tells of bytes that came twice (RFC 2883, 4)."""
    if not numbers.sack_rel or numbers.ack_rel is None:
        return False
    left, right = numbers.sack_rel[0]
    if right <= numbers.ack_rel:
        return True
    return len(numbers.sack_rel) > 1 and (
        numbers.sack_rel[1][0] <= left and right <= numbers.sack_rel[1][1]
    )


def _follows(numbers: Numbers, own: Memory, other: Memory) -> int | None:
    """The rejected packet whose numbers this one acknowledges, or goes on from."""
    acknowledged = other.rejected.get(numbers.ack_rel) if numbers.ack_rel is not None else None
    before = acknowledged or own.rejected.get(numbers.seq_rel)
    return before.packet if before is not None else None
