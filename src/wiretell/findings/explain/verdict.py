"""The tracker's verdict in words: which bound failed, by how much, since which packet."""

from __future__ import annotations

from collections.abc import Iterator

from wiretell.findings.explain.amounts import amount, n_bytes
from wiretell.findings.explain.causes import Case, causes
from wiretell.findings.explain.explanation import Cause, Sentence
from wiretell.findings.explain.step import flag_names
from wiretell.findings.explain.texts import texts

MAX_CAUSES = 3


def verdict(case: Case) -> tuple[list[Sentence], tuple[Cause, ...]]:
    """Sentences and likely causes, the likeliest first, of an INVALID packet.

    Of a packet that is accepted with a note, the note alone; else nothing.
    """
    step = case.step
    if step.ct_state != "invalid":
        return (_noted(case), ()) if step.note else ([], ())
    found = causes(case)[:MAX_CAUSES]
    told = [_sentence("INVALID: ", step.reason or "other", case)]
    for place, cause in enumerate(found):
        told += _told(cause, place)
    return told, found


def _noted(case: Case) -> list[Sentence]:
    return [_sentence("Accepted, but odd: ", case.step.note or "other", case)]


def _sentence(lead: str, reason: str, case: Case) -> Sentence:
    known = texts("invalid")["reason"]
    unseen = f"{reason}_unseen" if not case.step.peer_seen else ""
    entry = known.get(unseen) or known.get(reason) or known["other"]
    words = entry["text"].format(**_values(reason, case))
    return Sentence("verdict", f"{lead}{words}.", tuple(entry["cites"]))


def _values(reason: str, case: Case) -> dict[str, object]:
    step, numbers = case.step, case.step.numbers
    excess = abs(step.excess or 0)
    last_in = None if step.bound_rel is None else step.bound_rel - 1
    edges = [right for _, right in numbers.sack_rel]
    return {
        "who": case.names[step.side],
        "peer": case.names[1 - step.side],
        "reason": reason.replace("_", " "),
        "flags": "+".join(flag_names(step.flags)) or "no flag",
        "state": (step.tcp_state or step.state_before or "none").upper(),
        "seq_rel": numbers.seq_rel,
        "sacked_rel": max([*edges, numbers.ack_rel or 0]),
        "bound_rel": step.bound_rel,
        "last_in": last_in,
        "last_in_ack": last_in,
        "excess": n_bytes(excess),
        "ticks": amount(excess, "tick"),
        "set_by": _set_by(case, reason),
    }


def _set_by(case: Case, reason: str) -> str:
    """`, as packet 7 set it with acknowledgement 59 and window 29312`, as far as is known."""
    step, setter = case.step, case.bounding
    if not step.bound_packet:
        return ""
    if reason == "ack_over":
        return f", the end of packet {step.bound_packet}"
    if reason in {"seq_under", "ack_under"}:
        return f", as packet {step.bound_packet} shows"
    if setter is None or setter.numbers.ack_rel is None or setter.side == step.side:
        return f", as packet {step.bound_packet} set it"
    numbers = setter.numbers
    return (
        f", as packet {step.bound_packet} set it with acknowledgement {numbers.ack_rel}"
        f" and window {numbers.window_bytes}"
    )


def _told(cause: Cause, place: int) -> Iterator[Sentence]:
    entry = texts("invalid")["cause"][cause.name]
    lead = "Likely cause" if place == 0 else "Or"
    words = f"{lead}: {_lowered(entry['text'])}. {cause.evidence}".rstrip()
    yield Sentence("cause", words, tuple(entry["cites"]))
    if place == 0:
        yield Sentence("remedy", f"What to do: {entry['remedy']}")


def _lowered(text: str) -> str:
    """A phrase that goes on behind a colon: its first letter small, unless the word is a name."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
