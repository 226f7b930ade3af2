"""Puts a step into sentences: what each number of the packet says. Texts: sentences.toml."""

from __future__ import annotations

from collections.abc import Iterator

from wiretell.findings.explain.amounts import amount, duration, listed, n_bytes, places, span
from wiretell.findings.explain.explanation import Sentence
from wiretell.findings.explain.memory import WRAP
from wiretell.findings.explain.step import ACK, FIN, RST, SYN, Acked, Step
from wiretell.findings.explain.survey import MAX_SHIFT, SideFacts
from wiretell.findings.explain.texts import meaning, sentence, texts

Names = tuple[str, str]
"""What the prose calls the two sides."""


def sentences(step: Step, names: Names, sides: tuple[SideFacts, SideFacts]) -> list[Sentence]:
    """All that is told of a packet but its verdict, in the order a person reads it."""
    return [
        *_marks(step, names),
        *_seq(step, names),
        *_ack(step, names),
        *_options(step, names, sides[1 - step.side]),
        *_sack(step, names),
        *_flight(step, names),
        *_window(step, names),
        *_timestamps(step, names),
        *_notes(step),
        *_state(step),
    ]


def _seq(step: Step, names: Names) -> Iterator[Sentence]:
    yield sentence("seq", _seq_key(step), **_seq_values(step, names))
    numbers = step.numbers
    if numbers.seq + numbers.n_consumed >= WRAP:
        yield sentence("seq", "wrap", consumed=numbers.n_consumed, **_seq_values(step, names))
    if numbers.seq_rel < WRAP <= numbers.next_seq_rel:
        yield sentence("seq", "above_4g")


def _seq_key(step: Step) -> str:
    if step.has(SYN):
        return "syn_data" if step.n_bytes else "syn"
    if step.has(FIN) and step.numbers.n_consumed:
        return "data_fin" if step.n_bytes else "fin"
    if step.n_bytes:
        return "data" if step.n_bytes > 1 else "byte"
    return "rst" if step.has(RST) else "none"


def _seq_values(step: Step, names: Names) -> dict[str, object]:
    numbers = step.numbers
    return {
        "who": names[step.side],
        "seq": numbers.seq,
        "seq_rel": numbers.seq_rel,
        "next": numbers.next_seq,
        "next_rel": numbers.next_seq_rel,
        "n": numbers.n_bytes,
        "length": n_bytes(numbers.n_bytes),
        "last_rel": numbers.seq_rel + numbers.n_bytes - 1,
    }


def _ack(step: Step, names: Names) -> Iterator[Sentence]:
    acked, numbers = step.acked, step.numbers
    if acked is None:
        if not step.has(ACK) and not step.has(SYN):
            yield sentence("ack", "none")
        return
    values = {"ack": numbers.ack, "ack_rel": numbers.ack_rel, "peer": names[1 - step.side]}
    known = step.acked is not None and acked.carrier is not None
    carried = (
        {"carrier": acked.carrier.packet, "age": duration(step.time_ns - acked.carrier.time_ns)}
        if acked.carrier is not None
        else {}
    )
    if acked.covers_syn and acked.last == 0:
        yield sentence("ack", "syn", before=((numbers.ack or 0) - 1) % WRAP, **values)
    elif acked.covers_fin and known:
        key = "fin" if acked.n_new == 1 else "data_fin"
        yield sentence("ack", key, new=_new(acked), **values, **carried)
    elif acked.n_new > 0:
        key = "new_carried" if known else "new"
        yield sentence("ack", key, new=_new(acked), **values, **carried)
    elif acked.below_syn:
        yield sentence("ack", "below_syn", **values)
    elif acked.is_first:
        yield sentence("ack", "first", **values)
    else:
        yield sentence("ack", "same" if acked.last + 1 == acked.first else "old", **values)
    if acked.n_beyond and not step.reason:
        n_beyond = n_bytes(acked.n_beyond)
        yield sentence("ack", "beyond", n_beyond=n_beyond, peer=names[1 - step.side])


def _new(acked: Acked) -> str:
    """`58 bytes (1 to 58)`; SYN and FIN are named, as they are no bytes of data."""
    first = acked.first + acked.covers_syn
    last = acked.last - acked.covers_fin
    parts = ["the SYN"] if acked.covers_syn else []
    if last >= first:
        parts.append(f"{n_bytes(last - first + 1)} ({places(first, last)})")
    if acked.covers_fin:
        parts.append("the FIN")
    return listed(parts)


def _options(step: Step, names: Names, other: SideFacts) -> Iterator[Sentence]:
    syn = step.syn
    if syn is None:
        return
    who, peer = names[step.side], names[1 - step.side]
    if step.restarted:
        yield sentence("options", "again")
    if syn.mss is None:
        yield sentence("options", "no_mss", peer=peer)
    else:
        yield sentence("options", "mss", mss=syn.mss, peer=peer)
    yield from _scale(step, who, peer, other)
    if syn.sack_ok:
        yield sentence("options", "sack", peer=peer)


def _scale(step: Step, who: str, peer: str, other: SideFacts) -> Iterator[Sentence]:
    wscale = step.syn.wscale if step.syn else None
    if wscale is not None and wscale > MAX_SHIFT:
        yield sentence("options", "wscale_capped", wscale=wscale)
    own = None if wscale is None else min(wscale, MAX_SHIFT)
    values = {"who": who, "peer": peer, "wscale": own}
    is_answer, theirs = step.has(ACK), other.wscale
    if own is None:
        refused = is_answer and theirs is not None
        yield sentence("options", "wscale_refused" if refused else "no_wscale", peer=peer)
    elif not is_answer:
        yield sentence("options", "wscale", factor=n_bytes(1 << own), **values)
    elif theirs is None:
        key = "wscale_unasked" if other.syn_seen else "wscale_alone"
        yield sentence("options", key, factor=n_bytes(1 << own), **values)
    else:
        units = {"factor": n_bytes(1 << own), "peer_factor": n_bytes(1 << theirs)}
        yield sentence("options", "wscale_agreed", **values, **units)


def _sack(step: Step, names: Names) -> Iterator[Sentence]:
    blocks = list(step.numbers.sack_rel)
    peer = names[1 - step.side]
    if step.dsack:
        yield sentence("sack", "dsack", blocks=_blocks(blocks[:1]), peer=peer)
        blocks = blocks[1:]
    if blocks:
        told = _blocks(blocks)
        if step.numbers.ack_rel is None:
            yield sentence("sack", "without_ack", blocks=told, peer=peer)
        else:
            yield sentence("sack", "blocks", blocks=told, peer=peer, ack_rel=step.numbers.ack_rel)


def _blocks(blocks: list[tuple[int, int]]) -> str:
    """Right edges are exclusive on the wire, the words are inclusive."""
    return listed([span(left, right - 1) for left, right in blocks])


def _flight(step: Step, names: Names) -> Iterator[Sentence]:
    in_flight = step.numbers.bytes_in_flight
    if step.n_bytes and in_flight:
        yield sentence("window", "flight", in_flight=n_bytes(in_flight), who=names[step.side])


def _window(step: Step, names: Names) -> Iterator[Sentence]:
    numbers = step.numbers
    if step.has(RST):
        return
    who, peer = names[step.side], names[1 - step.side]
    if step.has(SYN):
        length = n_bytes(numbers.window)
        yield sentence("window", "syn", window_length=length)
        return
    allowed = step.allowed
    if allowed is None or numbers.window_bytes is None:
        return
    if numbers.window_bytes == 0:
        yield sentence("window", "zero", who=who, peer=peer)
        return
    values = {
        "window": numbers.window,
        "shift": numbers.window_shift,
        "window_length": n_bytes(numbers.window_bytes),
        "peer": peer,
        "last_allowed": allowed.right_edge - 1,
    }
    if numbers.window_shift is None:
        yield sentence("window", "unknown_scale", **values)
        return
    yield sentence("window", "scaled" if numbers.window_shift else "unscaled", **values)
    used = allowed.n_in_flight
    if used:
        free = n_bytes(max(0, numbers.window_bytes - used))
        yield sentence("window", "used", used=n_bytes(used), free=free)
    back = (allowed.previous_edge or 0) - allowed.right_edge
    # An edge that moves by less than the window's unit is rounded, not shrunk (RFC 7323, 2.4).
    if back >= 1 << (numbers.window_shift or 0) and not _is_old_ack(step):
        yield sentence("window", "shrunk", n_back=n_bytes(back), peer=peer)


def _is_old_ack(step: Step) -> bool:
    return step.acked is not None and step.acked.last + 1 < step.acked.first


def _timestamps(step: Step, names: Names) -> Iterator[Sentence]:
    tsval, tsecr = step.numbers.tsval, step.numbers.tsecr
    if tsval is None:
        return
    who = names[step.side]
    if step.echo is None:
        yield sentence("timestamps", "first", who=who, tsval=tsval, tsecr=tsecr)
    elif step.echo.packet is None or step.echo.age_ns is None:
        yield sentence("timestamps", "unseen", tsval=tsval, tsecr=tsecr)
    else:
        age, packet = duration(step.echo.age_ns), step.echo.packet
        yield sentence("timestamps", "echo", tsval=tsval, tsecr=tsecr, packet=packet, age=age)
    if step.ticks_since is None or step.since_ns is None:
        return
    if step.ticks_since < 0:
        yield sentence("timestamps", "back", who=who, ticks=amount(-step.ticks_since, "tick"))
    elif step.ticks_since:
        ticks, since = amount(step.ticks_since, "tick"), duration(step.since_ns)
        yield sentence("timestamps", "ticks", who=who, ticks=ticks, since=since)


def _marks(step: Step, names: Names) -> Iterator[Sentence]:
    known = texts("sentences")["mark"]
    original = ""
    if step.original is not None:
        age = duration(step.time_ns - step.original.time_ns)
        original = f", in packet {step.original.packet}, {age} ago"
    for mark in step.marks:
        number = step.duplicate_ack
        yield sentence(
            "mark",
            mark if mark in known else "other",
            mark=mark,
            who=names[step.side],
            peer=names[1 - step.side],
            original=original,
            hole=n_bytes(step.hole_bytes) if step.hole_bytes else "some bytes",
            ack_rel=step.numbers.ack_rel,
            number=f" number {number}" if number else "",
        )


def _notes(step: Step) -> Iterator[Sentence]:
    if step.weird is not None:
        yield sentence("note", "capture_cut", weird=step.weird.replace("_", " "))
    if step.damaged:
        yield sentence("note", "damaged")


def _state(step: Step) -> Iterator[Sentence]:
    after, before = step.tcp_state, step.state_before
    if after is None:
        return
    values = {"after": after.upper(), "meaning": meaning(after)}
    if step.ct_state == "invalid":
        yield sentence("state", "rejected", **values)
    elif before is None:
        yield sentence("state", "begun", **values)
    elif before != after:
        yield sentence("state", "moved", before=before.upper(), **values)
