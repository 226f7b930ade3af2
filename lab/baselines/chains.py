"""Chains on a 16-bit counter: the greedy machinery that several old methods share.

Each value goes to the open chain that it follows at the smallest step, or opens a chain. Looking up
the few values that can precede it costs `max_step` look-ups, however many chains are open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MODULUS = 1 << 16


@dataclass
class Chain:
    """Indices of the values that follow one another."""

    first_value: int
    first_ns: int
    value: int
    time_ns: int
    members: list[int] = field(default_factory=list)


def greedy_chains(
    times_ns: Sequence[int],
    values: Sequence[int],
    *,
    max_step: int,
    max_silence_ns: int,
    max_step_back: int = 0,
) -> list[Chain]:
    """Values 0..65535 in order of time -> all chains, in order of their first values.

    A value continues a chain if it is 1 to `max_step` (modulo 65536) above the chain's highest and
    at most `max_silence_ns` after its last. `max_step_back` lets one that was overtaken on the way
    in too, if no chain ends below it. The smallest step wins; of chains that end at one value,
    the one heard last.
    """
    chains: list[Chain] = []
    open_at: dict[int, list[Chain]] = {}

    def join(chain: Chain, value: int, step: int, index: int) -> None:
        if step > 0:
            open_at[chain.value].remove(chain)
            open_at.setdefault(value, []).append(chain)
            chain.value = value
        chain.time_ns = times_ns[index]
        chain.members.append(index)

    steps = [*range(1, max_step + 1), *range(-1, -max_step_back - 1, -1)]
    for index, value in enumerate(values):
        now = times_ns[index]
        for step in steps:
            at = open_at.get((value - step) % MODULUS)
            if not at:
                continue
            at[:] = [chain for chain in at if now - chain.time_ns <= max_silence_ns]
            if at:
                latest = max(at, key=lambda chain: chain.time_ns)
                join(latest, value, step, index)
                break
        else:
            chain = Chain(value, now, value, now, [index])
            open_at.setdefault(value, []).append(chain)
            chains.append(chain)
    return chains
