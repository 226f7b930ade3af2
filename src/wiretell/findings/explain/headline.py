"""What a packet does, in one short line."""

from __future__ import annotations

from wiretell.findings.explain.amounts import n_bytes, places, span
from wiretell.findings.explain.sentences import Names
from wiretell.findings.explain.step import ACK, FIN, RST, SYN, Step

_AGAIN = frozenset({"retransmission", "fast_retransmission", "spurious_retransmission"})


def headline(step: Step, names: Names) -> str:
    """`The server sends 58 bytes (1 to 58)`."""
    return f"The {names[step.side]} {_does(step, names[1 - step.side])}"


def _does(step: Step, peer: str) -> str:
    marks = set(step.marks)
    again = " again" if marks & _AGAIN else ""
    if step.has(SYN):
        if step.has(ACK):
            return f"accepts{again}: SYN and ACK"
        return f"opens the connection{again}: SYN"
    if step.has(RST):
        return "resets the connection: RST"
    if "keep_alive" in marks:
        return f"asks whether the {peer} is still there: keep-alive"
    if "zero_window_probe" in marks:
        return f"probes the {peer}'s closed window"
    numbers = step.numbers
    if step.n_bytes:
        sent = places(numbers.seq_rel, numbers.seq_rel + step.n_bytes - 1)
        late = ", out of order" if "out_of_order" in marks else ""
        data = f"sends {n_bytes(step.n_bytes)}{again} ({sent}){late}"
        return f"{data} and closes its direction: FIN" if step.has(FIN) else data
    if step.has(FIN):
        return f"closes its direction{again}: FIN"
    return _acknowledges(step, marks, peer)


def _acknowledges(step: Step, marks: set[str], peer: str) -> str:
    acked, ack_rel = step.acked, step.numbers.ack_rel
    if acked is None:
        return "sends a segment without data or acknowledgement"
    if "keep_alive_ack" in marks:
        return "answers the keep-alive"
    if "duplicate_ack" in marks:
        return f"still waits for byte {ack_rel}: duplicate ACK"
    if "window_update" in marks:
        return f"opens its window to {n_bytes(step.numbers.window_bytes or 0)}"
    if acked.covers_fin:
        return f"acknowledges the {peer}'s FIN"
    if acked.covers_syn and acked.last == 0:
        return f"acknowledges the {peer}'s SYN"
    if acked.n_new:
        first, last = acked.first + acked.covers_syn, acked.last
        return f"acknowledges {span(first, last)}"
    if acked.below_syn or not ack_rel:
        return "acknowledges nothing"
    return f"acknowledges up to byte {ack_rel - 1}"
