"""Do both profiles draw the offsets of their timestamps alike? If not, they are other kernels.

A machine without timestamps is not compared here: the options of its SYNs say so already.
"""

from __future__ import annotations

from collections.abc import Iterator

from wiretell.model.profiles import DESTINATION, FLOW, HOST, Profile
from wiretell.stats.offset_regime import FLOW as PER_CONNECTION
from wiretell.stats.offset_regime import HOST as PER_HOST
from wiretell.stats.offset_regime import PAIR as PER_DESTINATION

OTHER_OFFSETS_BITS = -7.0
"""One kernel keeps to one way; an update or a setting (Linux: tcp_timestamps) between the captures
changes it for about one machine in a hundred. Judged, not measured."""
UPDATED_S = 30 * 86_400.0
"""Updates get likelier with time: after so long the difference says half as much."""
FEWEST_FLOWS = 3
"""Connections on a line before it is taken for one."""
FEWEST_DESTINATIONS = 2
FEWEST_ALONE = 3
"""Connections read long enough for a rate of their own, none of which shares a line."""


def offset_arguments(a: Profile, b: Profile, gap_s: float) -> Iterator[tuple[float, str]]:
    """(bits, reason) of at most one argument: against one machine; none where either is unsure."""
    mine, theirs = sure_regime(a), sure_regime(b)
    if mine and theirs and mine != theirs:
        bits = OTHER_OFFSETS_BITS * 0.5 ** (gap_s / UPDATED_S)
        yield bits, f"timestamp offsets are drawn {mine} / {theirs}: other kernels, or an update"


def sure_regime(profile: Profile) -> str:
    """The machine's clock regime where its lines prove it; else empty."""
    if profile.clock is None:
        return ""
    lines = profile.clock.lines
    several = [x for x in lines if x.scope != FLOW and x.n_flows >= FEWEST_FLOWS]
    hosts = [x for x in several if x.scope == HOST]
    peers = {x.peer for x in several if x.scope == DESTINATION}
    proven = {
        PER_HOST: bool(hosts),
        PER_DESTINATION: not hosts and len(peers) >= FEWEST_DESTINATIONS,
        PER_CONNECTION: not several and sum(x.scope == FLOW for x in lines) >= FEWEST_ALONE,
    }
    return profile.clock_regime if proven.get(profile.clock_regime) else ""
