"""Why a topic says nothing about two sides: words for people beside the arguments there are."""

from __future__ import annotations

from collections.abc import Mapping

from wiretell.devices.assign import Evidence
from wiretell.devices.balance import (
    ACTIVITY,
    CLOCKS,
    COUNTERS,
    DESTINATIONS,
    HANDWRITING,
    LOOK_UPS,
    NAMES,
    PUSH,
    SERVICES,
    topic_of_label,
)

Regimes = Mapping[str, Mapping[int, str]]
"""Signal -> side -> regime."""

IDENTITY = "asked only of flows that have nothing of their own to go by"
LOOSE = "weighed below, flow against machine"


def silence(
    topic: str, evidence: Evidence, regimes: Regimes, i: int, j: int, *, loose: bool
) -> str:
    """Why nothing on `topic` speaks for or against sides `i` and `j`.

    `loose`: one of them has no identity of its own, and is weighed against machines.
    """
    company = LOOSE if loose else IDENTITY
    if topic in (HANDWRITING, NAMES):
        return _unwritten(topic, evidence, i, j)
    if topic == CLOCKS:
        return f"cannot be compared; timestamps {_both(regimes, 'tcp_timestamp', i, j)}"
    if topic == COUNTERS:
        ports, ids = (_both(regimes, signal, i, j) for signal in ("source_port", "ip_id"))
        return f"none goes on from one to the other; ports {ports}, IP IDs {ids}"
    return {
        LOOK_UPS: "neither asked for the address that the other calls",
        PUSH: "no two kept at the same time",
        ACTIVITY: company,
        SERVICES: company,
        DESTINATIONS: company,
    }.get(topic, "nothing")


def regime_of(regimes: Regimes, signal: str, side: int) -> str:
    """The regime of one side's quantity, "unknown" where none was found."""
    return regimes.get(signal, {}).get(side, "unknown")


def _both(regimes: Regimes, signal: str, i: int, j: int) -> str:
    mine, theirs = regime_of(regimes, signal, i), regime_of(regimes, signal, j)
    return mine if mine == theirs else f"{mine} / {theirs}"


def _unwritten(topic: str, evidence: Evidence, i: int, j: int) -> str:
    shown = {
        side: {
            x.kind for x in evidence.labels if x.side == side and topic_of_label(x.kind) == topic
        }
        for side in (i, j)
    }
    what = "a name or secret" if topic == NAMES else "handwriting"
    if not shown[i] and not shown[j]:
        return f"neither shows {what}"
    if shown[i] and shown[j]:
        return f"each shows {what}, but none that can be compared"
    return f"only {'the first' if shown[i] else 'the second'} shows {what}"
