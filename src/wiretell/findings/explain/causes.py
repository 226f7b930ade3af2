"""What may be behind an INVALID verdict, and what in the capture speaks for it.

Each function looks at one cause and gives it with its evidence and a weight, or None. Weights
order the causes of one packet: 3 and more is evidence hardly explained otherwise, 1 is a
possibility. They are no probabilities: nothing was counted to get them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wiretell.findings.explain.amounts import amount, duration, n_bytes
from wiretell.findings.explain.explanation import Cause
from wiretell.findings.explain.later import Later
from wiretell.findings.explain.memory import WRAP
from wiretell.findings.explain.sentences import Names
from wiretell.findings.explain.step import ACK, FIN, RST, SYN, Step
from wiretell.findings.explain.survey import MAX_SHIFT, Survey

NS_PER_S = 1_000_000_000
SWAPPED_NS = 20_000_000
"""Within it a packet seen the wrong way round may still be the capture's fault."""
FAR = 1 << 24
"""Beyond any window of today (16 MiB) by itself: a number that was guessed, or of another time."""
OTHER_HOPS = 2
"""TTLs of one path differ by less, but for changes of route."""
GOES_ON = 3
"""Packets of one side that show a conversation going on, not repeated answers."""
_OVER = frozenset({"seq_over", "window_overrun"})
_OLD = frozenset({"seq_under", "ack_under"})
_RST = frozenset({"rst_before_ack", "rst_not_exact"})
_NO_ENTRY = frozenset({"not_opening", "not_picked_up"})


@dataclass(frozen=True)
class Case:
    """A packet to be judged: its step, the packet that set the bound, the flow around it."""

    step: Step
    bounding: Step | None
    whole: Survey
    later: Later
    names: Names

    @property
    def peer(self) -> str:
        """What the prose calls the other side."""
        return self.names[1 - self.step.side]

    @property
    def who(self) -> str:
        """What the prose calls the sender."""
        return self.names[self.step.side]


def causes(case: Case) -> tuple[Cause, ...]:
    """All causes that something speaks for, the likeliest first; `unknown` where nothing does."""
    found = [cause for look in _LOOKS if (cause := look(case)) is not None]
    found.sort(key=lambda cause: -cause.weight)
    return tuple(found) or (Cause("unknown", 0.0, ""),)


def _scale_lost(case: Case) -> Cause | None:
    step = case.step
    if step.reason not in _OVER or step.peer_offer is None:
        return None
    if all(side.wscale is not None for side in case.whole.sides):
        return None
    acknowledged, window = step.peer_offer
    beyond = step.numbers.seq_rel - acknowledged
    shift = next((s for s in range(1, MAX_SHIFT + 1) if beyond <= window << s), None)
    if shift is None:
        return None
    fits = (
        f"Windows of the {case.peer} are taken as they stand; read with a scale of {shift} or more,"
        f" {window} x 2^{shift} = {n_bytes(window << shift)}, the packet would be inside."
    )
    offered = [side.wscale for side in case.whole.sides]
    both_seen = all(side.syn_seen for side in case.whole.sides)
    accepted = _accepted(case)
    if both_seen and offered == [None, None]:
        return Cause("scale_lost", 2.0, f"{fits} {accepted}") if accepted else None
    if both_seen:
        one = case.names[0 if offered[0] is not None else 1]
        told = f"Only the {one}'s SYN carries the option where it was captured."
        return Cause("scale_lost", 4.0 + bool(accepted), f"{told} {fits} {accepted}".strip())
    told = "Not both SYNs were captured, so the scale is not known."
    return Cause("scale_lost", 2.5 + bool(accepted), f"{told} {fits} {accepted}".strip())


def _accepted(case: Case) -> str:
    """That the receiver took the packet, in words; empty where the capture does not show it."""
    step = case.step
    if not step.numbers.n_consumed:
        return ""
    seen = case.later.acknowledged(step.side, step.numbers.next_seq_rel % WRAP, step.packet)
    if seen is None:
        return ""
    return (
        f"The {case.peer} took it: packet {seen.packet} acknowledges it"
        f" {duration(seen.after_ns)} later."
    )


def _window_shrunk(case: Case) -> Cause | None:
    step = case.step
    if step.reason not in _OVER or step.peer_edge is None or step.bound_rel is None:
        return None
    if step.numbers.seq_rel >= step.peer_edge or step.peer_edge <= step.bound_rel:
        return None
    back = step.peer_edge - step.bound_rel
    told = f"Earlier the {case.peer} had allowed {n_bytes(back)} more."
    return Cause("window_shrunk", 3.0, told)


def _duplicate(case: Case) -> Cause | None:
    step, first = case.step, case.step.original
    if first is None or not step.ipid or not case.whole.sides[step.side].ipid_varies:
        return None
    if (first.ipid, first.start, first.end, first.flags) != (
        step.ipid,
        step.numbers.seq_rel,
        step.numbers.next_seq_rel,
        step.flags,
    ):
        return None
    age = duration(step.time_ns - first.time_ns)
    told = (
        f"Packet {first.packet}, {age} before, has the same numbers and the same IP ID"
        f" {step.ipid}; a packet sent again would have a new one."
    )
    return Cause("duplicate", 4.0, told)


def _reordering(case: Case) -> Cause | None:
    step = case.step
    if step.reason in _OLD and step.newer_bytes:
        told = f"The {case.who} was {n_bytes(step.newer_bytes)} further already when it came."
        return Cause("reordering", 2.5, told)
    if step.reason == "ack_under":
        return Cause("reordering", 2.0, "Its acknowledgement is one of long ago.")
    if step.reason == "rst_before_ack":
        told = "Its number is of before the last acknowledgement: it crossed that, or is very late."
        return Cause("reordering", 1.5, told)
    if step.reason == "timestamp_old" and step.newer_bytes:
        return Cause("reordering", 2.0, f"Packets of the {case.who} sent after it came before it.")
    return None


def _paws(case: Case) -> Cause | None:
    step = case.step
    if step.reason != "timestamp_old":
        return None
    ticks = amount(abs(step.excess or 0), "tick")
    return Cause("paws", 2.5, f"TSval {step.numbers.tsval} is {ticks} behind the newest.")


def _capture_order(case: Case) -> Cause | None:
    step = case.step
    if step.reason != "ack_over" or step.numbers.ack_rel is None:
        return None
    seen = case.later.carried(1 - step.side, step.numbers.ack_rel % WRAP, step.packet)
    if seen is None or not 0 <= seen.after_ns <= SWAPPED_NS:
        return None
    told = (
        f"What it acknowledges stands behind it in the capture: packet {seen.packet},"
        f" {duration(seen.after_ns)} later."
    )
    return Cause("capture_order", 4.0, told)


def _missing(case: Case) -> Cause | None:
    """The other side's packets were not seen: all of them (asymmetric), or some (loss)."""
    step = case.step
    if step.reason not in {"ack_over", "seq_over"}:
        return None
    theirs = case.whole.sides[1 - step.side]
    total = len(case.whole.sides[step.side].numbers) + len(theirs.numbers)
    if step.reason == "seq_over":
        accepted = _accepted(case)
        if not accepted:
            return None
        told = f"{accepted} So the window had been opened further than was seen."
        return Cause("capture_loss", 2.0, told)
    if len(theirs.numbers) * 20 <= total:
        told = (
            f"Of {amount(total, 'packet')} of the flow {len(theirs.numbers)} are the {case.peer}'s."
        )
        return Cause("asymmetric_path", 3.5, told)
    excess = abs(step.excess or 0)
    if excess >= FAR:
        return None
    told = f"{n_bytes(excess)} of the {case.peer} are acknowledged and were never seen before this."
    goes_on = case.later.acknowledged(step.side, step.numbers.next_seq_rel % WRAP, step.packet)
    more = " Both sides go on with the connection." if goes_on else ""
    return Cause("capture_loss", 2.5 if goes_on else 1.5, f"{told}{more}")


def _offload(case: Case) -> Cause | None:
    step = case.step
    mss = case.whole.sides[1 - step.side].mss
    if mss is None or step.n_bytes <= mss or step.reason not in _OVER | {"timestamp_old"}:
        return None
    told = (
        f"Its {n_bytes(step.n_bytes)} are more than the {mss} that the {case.peer}"
        " allows in a segment."
    )
    return Cause("offload", 2.0, told)


def _spoofing(case: Case) -> Cause | None:
    step, own = case.step, case.whole.sides[case.step.side]
    signs: list[str] = []
    weight = 0.0
    n_after = own.n_after(step.packet)
    if step.ttl is not None and own.ttl is not None and abs(step.ttl - own.ttl) >= OTHER_HOPS:
        signs.append(f"Its TTL is {step.ttl}, that of the {case.who}'s other packets {own.ttl}.")
        weight += 3.0
    if step.mac is not None and own.mac is not None and step.mac != own.mac:
        signs.append(f"Its link address is {step.mac}, that of the others {own.mac}.")
        weight += 1.0
    if step.has(RST) and n_after:
        signs.append(
            f"The {case.who} goes on after its alleged reset: {amount(n_after, 'packet')} more."
        )
        weight += 2.0
    if step.has(FIN) and n_after and step.reason in _OVER:
        signs.append(f"The {case.who} goes on after its alleged FIN.")
        weight += 1.0
    if abs(step.excess or 0) >= FAR and step.reason in _OVER | {"ack_over"} | _RST:
        signs.append(f"The number is {n_bytes(abs(step.excess or 0))} off: as if guessed.")
        weight += 1.5
    if not signs:
        return None
    if step.has(RST | FIN | SYN) is False and weight < 3.0:
        weight *= 0.5  # data with a guessed number serves nobody well
    return Cause("spoofing", weight, " ".join(signs))


def _idle_timeout(case: Case) -> Cause | None:
    step = case.step
    if step.reason not in _NO_ENTRY or step.gap_ns is None or step.timeout_before_s is None:
        return None
    if step.gap_ns <= step.timeout_before_s * NS_PER_S:
        return None
    told = (
        f"The connection was silent for {duration(step.gap_ns)}; in that state its entry lives"
        f" {duration(step.timeout_before_s * NS_PER_S)}."
    )
    return Cause("idle_timeout", 4.0, told)


def _closed_before(case: Case) -> Cause | None:
    step = case.step
    if step.reason not in _NO_ENTRY | {"wrong_state"} or step.ended_by is None:
        return None
    told = f"Packet {step.ended_by} had ended the connection."
    return Cause("closed_before", 3.0, told)


def _started_late(case: Case) -> Cause | None:
    step = case.step
    if step.reason not in _NO_ENTRY or step.has(SYN) or step.has(RST):
        return None
    if any(side.syn_seen for side in case.whole.sides):
        return None
    return Cause("started_late", 2.5, "No SYN of this connection was captured.")


def _backscatter(case: Case) -> Cause | None:
    step = case.step
    answers = step.has(RST) or (step.has(SYN) and step.has(ACK))
    if step.reason not in _NO_ENTRY or not answers:
        return None
    if case.whole.sides[1 - step.side].numbers:
        return None
    kind = "SYN+ACK" if step.has(SYN) else "RST"
    n_after = case.whole.sides[step.side].n_after(step.packet)
    if n_after >= GOES_ON:
        told = (
            f"The {case.who} goes on for {amount(n_after, 'packet')}, as if it were answered;"
            f" nothing of the {case.peer} was captured."
        )
        return Cause("asymmetric_path", 3.5, told)
    return Cause("backscatter", 2.5, f"A {kind}, and nothing of the {case.peer} that it answers.")


def _unheard(case: Case) -> Cause | None:
    """An acknowledgement where the tracker still waits for the answer to a SYN."""
    step = case.step
    if step.reason != "wrong_state" or step.has(SYN) or not step.has(ACK) or step.ended_by:
        return None
    own, theirs = case.whole.sides[step.side], case.whole.sides[1 - step.side]
    if not own.syn_seen or theirs.syn_seen:
        return None
    if not theirs.numbers:
        told = (
            f"The {case.who} goes on as if it were answered;"
            f" nothing of the {case.peer} was captured."
        )
        return Cause("asymmetric_path", 3.5, told)
    told = f"The {case.peer}'s answer to the SYN was not captured, though later packets of it were."
    return Cause("capture_loss", 2.5, told)


def _scan(case: Case) -> Cause | None:
    if case.step.reason != "tcp_flags":
        return None
    n_packets = sum(len(side.numbers) for side in case.whole.sides)
    more = " It is the only packet of its flow." if n_packets == 1 else ""
    return Cause("scan", 3.0 if n_packets == 1 else 2.0, f"Nothing sends them by itself.{more}")


def _half_open(case: Case) -> Cause | None:
    step = case.step
    if step.reason in {"syn_in_window", "ack_before_synack"} or (
        step.reason == "wrong_state" and step.has(SYN) and step.ended_by is None
    ):
        told = f"The {case.who} opens again, or answers as if the connection were another."
        return Cause("half_open", 1.5, told)
    return None


def _old_connection(case: Case) -> Cause | None:
    step = case.step
    if step.reason not in {"seq_under", "ack_over", "seq_over"} or step.ended_by is not None:
        return None
    if "reused_ports" not in step.marks and abs(step.excess or 0) < FAR:
        return None
    told = "Its numbers are nowhere near those of this connection."
    return Cause("old_connection", 1.2, told)


def _follow_up(case: Case) -> Cause | None:
    step = case.step
    if step.follows is None or step.reason not in {"ack_over", "seq_over"}:
        return None
    verb = "acknowledges" if step.reason == "ack_over" else "goes on from"
    told = f"It {verb} packet {step.follows}, which is INVALID itself; the ends took that one."
    return Cause("follow_up", 5.5, told)


_LOOKS: tuple[Callable[[Case], Cause | None], ...] = (
    _follow_up,
    _scale_lost,
    _window_shrunk,
    _duplicate,
    _reordering,
    _paws,
    _capture_order,
    _missing,
    _offload,
    _spoofing,
    _idle_timeout,
    _closed_before,
    _started_late,
    _unheard,
    _backscatter,
    _scan,
    _half_open,
    _old_connection,
)
