"""What is wrong with real captures though nothing is wrong with the machines.

Frames written twice (a mirror port that copies both ways), stamps of two clocks (one per direction
of a tap), stamps that step back (several queues of one card), and frames with an absurd date.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from lab.sim.write import CapturedPacket

_DUPLICATE_AFTER_NS = 20_000
_ABSURD_NS = (86_400 * 10**9, 4_200_000_000 * 10**9)
"""1970, and 2103."""


@dataclass(frozen=True)
class Blemishes:
    """Shares are of frames; ``inward_late_s`` is added to the stamps of what comes from outside."""

    duplicates: float = 0.0
    swapped: float = 0.0
    """Frames written before the one that they followed, with their own stamp."""
    n_absurd: int = 0
    inward_late_s: float = 0.0


def blemished(
    packets: Sequence[CapturedPacket], what: Blemishes, seed: int
) -> list[CapturedPacket]:
    """The capture with its blemishes. No frame is lost and no frame's bytes change."""
    rng = Random(f"blemishes/{seed}")
    late_ns = round(what.inward_late_s * 1e9)
    from_outside = _from_outside(packets)
    out: list[CapturedPacket] = []
    for p, inward in zip(packets, from_outside, strict=True):
        shown = p._replace(time_ns=p.time_ns + late_ns) if inward else p
        out.append(shown)
        if rng.random() < what.duplicates:
            out.append(shown._replace(time_ns=shown.time_ns + _DUPLICATE_AFTER_NS))
    for i in range(1, len(out)):
        if rng.random() < what.swapped:
            out[i - 1], out[i] = out[i], out[i - 1]
    for i in rng.sample(range(len(out)), min(what.n_absurd, len(out))):
        out[i] = out[i]._replace(time_ns=rng.choice(_ABSURD_NS))
    return out


def _from_outside(packets: Sequence[CapturedPacket]) -> list[bool]:
    """By the sender's MAC: the tap has two, and the first frame goes out."""
    own = packets[0].data[6:12] if packets else b""
    return [p.data[6:12] != own for p in packets]
