"""Truth files, and which of their flows a judged flow is."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

ALL_PROTOCOLS = frozenset({"tcp", "udp", "icmp"})
_PROTOCOLS = {"1": "icmp", "58": "icmp", "icmpv6": "icmp", "icmp6": "icmp", "6": "tcp", "17": "udp"}
_TRUTH_COLUMNS = {"proto", "nat_ip", "nat_port", "dst_ip", "dst_port", "device_id"}

Key = tuple[str, str, int, str, int]
"""(protocol, near address, near port, far address, far port)"""


@dataclass(frozen=True, slots=True)
class TrueFlow:
    """One flow of the truth; times in ns, -1 where not known."""

    key: Key
    device: str
    first_ns: int
    last_ns: int

    @property
    def address(self) -> str:
        """The public address that its machine is behind."""
        return self.key[1]


class TrueFlows:
    """The flows of a truth, found by their ends and, where these came back later, by time."""

    def __init__(self, flows: Iterable[TrueFlow]) -> None:
        self._places: dict[Key, list[int]] = defaultdict(list)
        self.flows: list[TrueFlow] = list(flows)
        for place, flow in enumerate(self.flows):
            self._places[flow.key].append(place)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def places(self, key: Key, start_ns: int) -> list[int]:
        """Places in `flows` that a row speaks of: the nearest in time, all if there is no time."""
        places = self._places.get(key, [])
        if len(places) <= 1 or start_ns < 0:
            return places
        flows = [self.flows[place] for place in places]
        if any(flow.first_ns < 0 for flow in flows):
            return places
        distances = [max(flow.first_ns - start_ns, start_ns - flow.last_ns, 0) for flow in flows]
        return [places[distances.index(min(distances))]]


def most_named(n_flows: int, votes: Iterable[tuple[int, str]]) -> Sequence[str | None]:
    """The device named most often for each of `n_flows` places, the first of equals; else None."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for place, device in votes:
        counts[place][device] += 1
    return [counts[i].most_common(1)[0][0] if i in counts else None for i in range(n_flows)]


def protocol(text: str) -> str:
    """A protocol's name or number as this module calls it: tcp, udp, icmp, else as it came."""
    word = text.strip().lower()
    return _PROTOCOLS.get(word, word)


def flow_key(proto: str, near: str, near_port: str, far: str, far_port: str) -> Key:
    """The key of a flow, from text. Raises ``ValueError`` on what is no address or port."""

    def port(text: str) -> int:
        return int(text) if text.strip() else 0

    near, far = str(ip_address(near.strip())), str(ip_address(far.strip()))
    return protocol(proto), near, port(near_port), far, port(far_port)


def nanoseconds(seconds: str) -> int:
    """Exact: a float does not hold nanoseconds since 1970."""
    whole, _, fraction = seconds.strip().partition(".")
    return int(whole) * 10**9 + int(fraction[:9].ljust(9, "0"))


def read_rows(path: Path, needed: set[str]) -> list[dict[str, str]]:
    """Rows of a CSV file. Raises ``ValueError`` that names the columns it lacks."""
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        missing = needed - set(table.fieldnames or ())
        if missing:
            raise ValueError(f"{path}: columns missing: {', '.join(sorted(missing))}")
        return [{key: value or "" for key, value in row.items()} for row in table]


def read_truth(path: Path, protocols: frozenset[str] = ALL_PROTOCOLS) -> TrueFlows:
    """The flows of a truth file. Raises ``ValueError`` if it has none of ``protocols``."""
    flows: list[TrueFlow] = []
    for row in read_rows(path, _TRUTH_COLUMNS):
        if protocol(row["proto"]) not in protocols:
            continue
        ends = (row[x] for x in ("nat_ip", "nat_port", "dst_ip", "dst_port"))
        first, last = row.get("first_ts", ""), row.get("last_ts", "")
        first_ns = nanoseconds(first) if first else -1
        last_ns = nanoseconds(last) if last else first_ns
        flows.append(TrueFlow(flow_key(row["proto"], *ends), row["device_id"], first_ns, last_ns))
    if not flows:
        raise ValueError(f"{path}: no flows of {', '.join(sorted(protocols))}")
    return TrueFlows(flows)
