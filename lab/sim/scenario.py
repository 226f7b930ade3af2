"""What is to be simulated, as plain values."""

from dataclasses import dataclass, field
from typing import Literal

Habit = Literal["office", "idle", "appliance", "steady", "torrent"]


@dataclass(frozen=True)
class Suspension:
    """The machine sleeps from ``at_s`` for ``for_s`` seconds; its timestamp clock stands still."""

    at_s: float
    for_s: float


@dataclass(frozen=True)
class Slew:
    """NTP bends the clock from ``at_s`` for ``for_s`` seconds: its rate is ``ppm`` more."""

    at_s: float
    for_s: float
    ppm: float


@dataclass(frozen=True)
class Unseen:
    """What moves a machine's counters out of the tap's sight: sockets and packets that go
    elsewhere, one by one (``_hz``) and in bursts (``bursts_hz``, of about ``burst_size``)."""

    ports_hz: float = 0.0
    packets_hz: float = 0.0
    bursts_hz: float = 0.0
    burst_size: float = 0.0
    packets_per_port: float = 8.0
    """A burst of sockets is so many times as many packets."""


@dataclass(frozen=True)
class MachineSpec:
    """One machine. What is ``None`` is drawn from what its stack allows."""

    stack: str
    skew_ppm: float | None = None
    hz: float | None = None
    uptime_s: float | None = None
    habit: Habit | None = None
    starts_at_s: float = 0.0
    leaves_at_s: float | None = None
    reboots_at_s: tuple[float, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    slews: tuple[Slew, ...] = ()
    user_agents: tuple[str, ...] = ()
    pace: float = 1.0
    """How busy its user is, beside the scenario's ``pace``."""
    first_port: int | None = None
    """Where a sequential port counter stands when the machine is switched on."""
    unseen: Unseen | None = None
    n_inner_hops: int = 0
    """Routers between the machine and the NAT: a guest of a phone that shares its line has one."""


@dataclass(frozen=True)
class NatSpec:
    """The router between the machines and the tap.

    ``ports``: ``keep`` the inner port where it is free, or draw a ``random`` one for every flow.
    ``modulates_timestamps`` and ``randomizes_ip_id`` are what pf's ``scrub reassemble tcp`` and
    ``scrub random-id`` do, ``clears_df`` what its ``no-df`` does. More than one public address
    makes a carrier-grade NAT: by ``paired`` pooling (RFC 4787, 4.1) a machine keeps the address it
    was given, by ``arbitrary`` pooling every flow is given one. ``sets_ttl`` replaces the TTL of
    what leaves, as a router does that hides how many hops are behind it.
    """

    ports: Literal["keep", "random"] = "keep"
    modulates_timestamps: bool = False
    randomizes_ip_id: bool = False
    clears_df: bool = False
    sets_ttl: int | None = None
    pooling: Literal["paired", "arbitrary"] = "paired"
    public_ips: tuple[str, ...] = ("203.0.113.7",)


@dataclass(frozen=True)
class PathSpec:
    """The inner hop (machine to tap) and the way beyond; a server adds its own distance."""

    inner_delay_s: float = 0.002
    inner_jitter_s: float = 0.002
    outer_jitter_s: float = 0.003
    loss: float = 0.002
    reordering: float = 0.001


@dataclass(frozen=True)
class Scenario:
    """Machines, NAT and paths for ``seconds`` of traffic; the tap was opened at ``start_ns``."""

    machines: tuple[MachineSpec, ...]
    seconds: float = 600.0
    nat: NatSpec = field(default_factory=NatSpec)
    path: PathSpec = field(default_factory=PathSpec)
    name: str = "sim"
    start_ns: int = 1_700_000_000 * 10**9
    n_servers: int = 48
    snaplen: int = 0
    pace: float = 1.0
    """How busy users are: 2.0 makes twice as many visits."""
