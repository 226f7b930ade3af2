"""Which TCP options both ends use: those that each offered in its SYN (RFC 7323, RFC 2018)."""

from dataclasses import dataclass

from lab.sim.packets import Packet
from lab.sim.stacks import Stack

_TIMESTAMP_BYTES = 12
_DEFAULT_MSS = 536
_FILLERS = ("nop", "eol")


@dataclass(frozen=True)
class Agreement:
    """What one end may use, and the options that its own SYN carries."""

    timestamps: bool
    sack: bool
    wscale: int
    peer_wscale: int
    segment_bytes: int
    syn_options: tuple[str, ...]


def offer(stack: Stack) -> Agreement:
    """Before the other end has said a word."""
    stamped = stack.timestamps.regime != "absent"
    return Agreement(stamped, False, 0, 0, stack.syn.mss, stack.syn.options)


def agree(stack: Stack, syn: Packet) -> Agreement:
    """After the other end's SYN or SYN/ACK."""
    own = stack.syn
    both = tuple(x for x in own.options if x in syn.options and x not in _FILLERS)
    timestamps = syn.tsval is not None and stack.timestamps.regime != "absent"
    scaled = "ws" in both and syn.wscale is not None
    offered = {x for x in own.options if x not in _FILLERS}
    return Agreement(
        timestamps,
        "sok" in both,
        own.wscale if scaled else 0,
        (syn.wscale or 0) if scaled else 0,
        min(own.mss, syn.mss or _DEFAULT_MSS) - (_TIMESTAMP_BYTES if timestamps else 0),
        own.options if set(both) == offered else _padded(both),
    )


def _padded(options: tuple[str, ...]) -> tuple[str, ...]:
    """The options with NOPs before those that would end on an odd place."""
    out: list[str] = []
    for option in options:
        match option:
            case "ws":
                out += ["nop", "ws"]
            case "sok" | "ts":
                out += ["nop", "nop", option]
            case _:
                out.append(option)
    return tuple(out)
