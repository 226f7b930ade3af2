"""Probes put together by who asks whom: what an argument needs of them, in numbers."""

from __future__ import annotations

import ipaddress
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from wiretell.findings.scans.belief import Reason, reason
from wiretell.findings.scans.finding import Ports
from wiretell.findings.scans.gathered import Gathered
from wiretell.findings.scans.kinds import STATES, kinds, state_of_port
from wiretell.findings.scans.probes import TCP, with_errors

FAST_PER_S = 5.0
CRAFTED_OPTIONS = frozenset({"", "mss"})
"""What raw SYNs carry; every system of the last decades offers more than an MSS."""
CRAFTED_WINDOWS = frozenset({1024, 2048, 3072, 4096})
"""nmap's; windows of other raw SYNs are told by their options alone."""
SHOWN_HOSTS = 16
"""Of many addresses, how many are named."""
SHARED = 0.8
"""Share of probes from which "one source port" and the like is said."""


def detailed(gathered: Gathered) -> pl.DataFrame:
    """PROBES with `state` (of the port) and `seq` (of the prober's first segment)."""
    first = (
        gathered.events.select("flow_id", "src", "packet", "seq")
        .sort("packet")
        .unique(["flow_id", "src"], keep="first", maintain_order=True)
        .drop("packet")
    )
    probes = with_errors(gathered.probes, gathered.errors)
    return (
        probes.join(first, on=["flow_id", "src"], how="left", maintain_order="left")
        .with_columns(state=state_of_port(pl.col("kind"), pl.col("answer")))
        .sort("time_ns", "flow_id")
    )


def ports_of(probes: pl.DataFrame) -> Ports:
    """The ports asked, each with the strongest of its answers."""
    rank = pl.col("state").replace_strict(
        {s: n for n, s in enumerate(STATES)}, return_dtype=pl.UInt8
    )
    best = probes.group_by("dport").agg(rank.min().alias("rank")).sort("dport")
    by_rank = {rank: tuple(each["dport"].to_list()) for (rank,), each in best.group_by("rank")}
    return Ports(**{state: by_rank.get(n, ()) for n, state in enumerate(STATES)})


@dataclass(frozen=True)
class Look:
    """How a set of probes looks, whoever sent it."""

    n: int
    first_ns: int
    last_ns: int
    crafted: tuple[str, int] | None
    source_port: tuple[int, int] | None
    isn: tuple[int, int] | None
    odd_flags: str | None
    rate_per_s: float
    is_tcp: bool


def look_of(probes: pl.DataFrame) -> Look:
    """The look of probes of one prober (rows of `detailed`)."""
    first, last = _int(probes["time_ns"].min()), _int(probes["time_ns"].max())
    seconds = (last - first) / 1e9
    syns = probes.filter(pl.col("kind").is_in(["syn", "connect"]))
    plain = syns.filter(pl.col("options").fill_null("").is_in(sorted(CRAFTED_OPTIONS)))
    crafted = None
    if plain.height and plain.height >= SHARED * syns.height:
        crafted = (plain["options"].fill_null("")[0], _int(plain["window"].fill_null(0)[0]))
    odd = [kinds()[kind].called for kind in sorted(set(probes["kind"])) if kinds()[kind].odd]
    return Look(
        n=probes.height,
        first_ns=first,
        last_ns=last,
        crafted=crafted,
        source_port=shared_value(probes["sport"].to_list()),
        isn=shared_value(syns["seq"].drop_nulls().to_list()),
        odd_flags=" and ".join(odd) or None,
        rate_per_s=(probes.height - 1) / seconds if seconds > 0 else 0.0,
        is_tcp=probes["proto"][0] == TCP,
    )


def look_reasons(about: str, look: Look) -> list[Reason]:
    """The arguments of table `about` that a look gives."""
    told = []
    if look.odd_flags is not None:
        told.append(reason(about, "odd_flags", flags=look.odd_flags))
    if look.crafted is not None:
        options, window = look.crafted
        told.append(reason(about, "crafted_syn", options=_options(options), window=window))
    if look.source_port is not None and look.is_tcp:
        port, n = look.source_port
        told.append(reason(about, "one_source_port", times=n, port=port))
    if look.isn is not None:
        isn, n = look.isn
        told.append(reason(about, "one_isn", times=n, isn=isn))
    if look.rate_per_s >= FAST_PER_S:
        told.append(reason(about, "fast", rate=f"{look.rate_per_s:.0f}"))
    return told


def _options(options: str) -> str:
    return "no option" if not options else "an MSS alone"


def shared_value(values: Sequence[int]) -> tuple[int, int] | None:
    """The value that most of at least three share, and how often it is there."""
    if len(values) < 3:
        return None
    value, n = Counter(values).most_common(1)[0]
    return (value, n) if n >= 3 and n >= SHARED * len(values) / 2 else None


def neighbourhood(addresses: Iterable[str]) -> tuple[str, int]:
    """The densest network of /24 (IPv6: /64) and how many of the addresses are in it."""
    networks: Counter[str] = Counter()
    for address in addresses:
        ip = ipaddress.ip_address(address)
        prefix = 24 if ip.version == 4 else 64
        networks[str(ipaddress.ip_network((address, prefix), strict=False))] += 1
    return networks.most_common(1)[0] if networks else ("", 0)


def is_one_host(address: str) -> bool:
    """False for multicast, broadcast and the unspecified address, which are no host to scan."""
    ip = ipaddress.ip_address(address)
    return not (ip.is_multicast or ip.is_unspecified or address.endswith(".255"))


def _int(value: object) -> int:
    return int(value) if isinstance(value, int) else 0


@cache
def services(table: str) -> Mapping[int, str]:
    """Names of the ports of a table of services.toml: worms, web."""
    text = files(__package__).joinpath("services.toml").read_text("utf-8")
    return {int(port): str(name) for port, name in tomllib.loads(text)[table].items()}
