"""What tells one sender from another on this wire: distance, link address, counter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from wiretell.findings.scans.distance import Hops, hops
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.kinds import ACK, RST, SYN

SMALL_STEP = 64
"""Steps of one counter, other traffic of its machine between (Bellovin 2002)."""
POLLED_STEP = 1024
"""The same where others poll the machine meanwhile; of drawn numbers one in 64 is as small."""


@dataclass(frozen=True)
class Sender:
    """What packets of one kind and one claimed source show. `mac` where all agree."""

    n: int
    distance: Hops | None
    mac: str | None


def sender(packets: pl.DataFrame) -> Sender:
    """Of rows of EVENTS or PROBES."""
    macs = packets["mac"].drop_nulls().unique()
    mac = str(macs[0]) if len(macs) == 1 else None
    return Sender(packets.height, hops(packets["ttl"].drop_nulls().to_list()), mac)


def is_reset(flags: pl.Expr) -> pl.Expr:
    """A reset, with ACK or without."""
    return flags & RST != 0


def is_syn_ack(flags: pl.Expr) -> pl.Expr:
    """A SYN/ACK."""
    return flags & (SYN | ACK | RST) == SYN | ACK


def own_words(address: str, gathered: Gathered) -> Sender:
    """What `address` sends by its own system, which no scan program writes: resets without a
    probe's looks (to SYN/ACKs that it was offered), and ordinary connections."""
    resets = gathered.events.filter((pl.col("src") == address) & is_reset(pl.col("flags")))
    pairs = gathered.pairs.filter(pl.col("src") == address)
    ttls = [
        *resets["ttl"].drop_nulls().to_list(),
        *pairs["ttl_min"].drop_nulls().to_list(),
        *pairs["ttl_max"].drop_nulls().to_list(),
    ]
    macs = pl.concat([resets["mac"], pairs["mac"]]).drop_nulls().unique()
    mac = str(macs[0]) if len(macs) == 1 else None
    return Sender(resets.height + pairs.height, hops(ttls), mac)


def link_addresses(gathered: Gathered) -> dict[str, set[str]]:
    """Every link address of this wire with the IP addresses it sends for. A router sends for
    many, a machine for its own."""
    tables = (gathered.events, gathered.probes, gathered.pairs)
    told = pl.concat([table.select("mac", "src") for table in tables]).drop_nulls().unique()
    return {
        str(mac): set(each["src"].to_list())
        for (mac,), each in told.group_by("mac", maintain_order=True)
    }


@dataclass(frozen=True)
class Counter:
    """IP IDs in order of time: `n_small` of `n_steps` are small, `n_skipped` of these more than 1.
    `constant`: all are one value."""

    n_steps: int
    n_small: int
    n_skipped: int
    constant: int | None

    @property
    def counts(self) -> bool:
        """One counter for all of them; one that stands still or is drawn is none."""
        return self.n_steps >= 2 and self.n_small >= 0.8 * self.n_steps


def counter(ids: Sequence[int], most: int = SMALL_STEP) -> Counter:
    """How identifications in order of time go on (RFC 6864; modulo 65536); a step up of at most
    `most` is small."""
    # The same number twice in a row is mostly one packet, captured at two places.
    steps = [(b - a) & 0xFFFF for a, b in pairwise(ids) if a != b]
    small = [step for step in steps if 0 < step <= most]
    constant = ids[0] if ids and len(set(ids)) == 1 else None
    return Counter(len(steps), len(small), sum(step > 1 for step in small), constant)


def events_of_pairs(
    events: pl.DataFrame, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], pl.DataFrame]:
    """The rows from one address to another, for each of the pairs that has any, in their order."""
    wanted = pl.DataFrame(pairs, schema={"src": pl.String, "dst": pl.String}, orient="row")
    chosen = events.join(wanted, on=["src", "dst"], how="semi", maintain_order="left")
    parts = chosen.partition_by(["src", "dst"], as_dict=True, maintain_order=True)
    return {(str(src), str(dst)): part for (src, dst), part in parts.items()}
