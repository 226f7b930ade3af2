"""Operating systems as data: the rules a network stack follows, read from ``stacks/*.toml``."""

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from lab.sim.scenario import Habit, MachineSpec

TsRegime = Literal["host", "pair", "connection", "absent"]
TsOrigin = Literal["boot", "boot_minus_300s", "random_30_bit"]
IpIdRule = Literal[
    "global", "global_swapped", "destination", "socket", "zero", "constant", "random"
]
PortRule = Literal["sequential", "hash_plus_1", "hash_plus_2", "shuffle", "random", "random_even"]

_FOLDER = Path(__file__).parent / "stacks"


@dataclass(frozen=True)
class Syn:
    """The shape of a SYN. ``options`` uses p0f's words: mss nop ws sok ts eol."""

    ttl: int
    mss: int
    window: int
    options: tuple[str, ...]
    wscale: int = 0
    df: bool = True


@dataclass(frozen=True)
class Timestamps:
    """TCP timestamps (RFC 7323): who shares an offset, at what rates, counted from where."""

    regime: TsRegime
    hz: tuple[float, ...] = (1000.0,)
    origin: TsOrigin = "boot"


@dataclass(frozen=True)
class IpIds:
    """IPv4 identification, and how many packets a second go where the tap does not see them."""

    rule: IpIdRule
    unseen_hz: float = 0.0
    unseen_bursts_hz: float = 0.0
    unseen_burst_size: float = 0.0


@dataclass(frozen=True)
class Ports:
    """Ephemeral ports from ``low`` to ``high``, both included."""

    rule: PortRule
    low: int
    high: int
    starts: tuple[int, int] | None = None
    """Where a sequential counter begins at boot; anywhere in the range if absent."""
    unseen_hz: float = 0.0
    unseen_bursts_hz: float = 0.0
    """Sockets also come in bursts: so many bursts a second, each of ``unseen_burst_size`` sockets
    in the mean."""
    unseen_burst_size: float = 0.0


@dataclass(frozen=True)
class Oscillator:
    """How far the clock is off: spread of the rate, its random walk, and whether NTP holds it."""

    disciplined: bool
    skew_sd_ppm: float
    wander_ppm_per_sqrt_s: float = 0.001


@dataclass(frozen=True)
class Stack:
    """One kind of machine."""

    name: str
    os: str
    habit: Habit
    syn: Syn
    timestamps: Timestamps
    ip_id: IpIds
    tcp_ports: Ports
    udp_ports: Ports | None
    """``None``: UDP takes its ports from the TCP counter."""
    clock: Oscillator
    tls: str
    user_agents: tuple[str, ...] = ()
    """Programs of such machines, each a client of the ``tls`` flavour or without TLS."""


def for_machine(kind: Stack, spec: MachineSpec) -> Stack:
    """The stack as this machine has it: where its ports begin, what moves its counters unseen."""
    tcp, ip_id = kind.tcp_ports, kind.ip_id
    if spec.first_port is not None and tcp.rule == "sequential":
        tcp = replace(tcp, starts=(spec.first_port, spec.first_port))
    if (unseen := spec.unseen) is not None:
        tcp = replace(
            tcp,
            unseen_hz=unseen.ports_hz,
            unseen_bursts_hz=unseen.bursts_hz,
            unseen_burst_size=unseen.burst_size,
        )
        ip_id = replace(
            ip_id,
            unseen_hz=unseen.packets_hz,
            unseen_bursts_hz=unseen.bursts_hz,
            unseen_burst_size=unseen.burst_size * unseen.packets_per_port,
        )
    return replace(kind, tcp_ports=tcp, ip_id=ip_id)


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(x) if isinstance(x, list) else x for key, x in table.items()}


def _stack(name: str, table: dict[str, Any]) -> Stack:
    udp = table.get("udp_ports")
    return Stack(
        name=name,
        os=table["os"],
        habit=table["habit"],
        syn=Syn(**_frozen(table["syn"])),
        timestamps=Timestamps(**_frozen(table["timestamps"])),
        ip_id=IpIds(**table["ip_id"]),
        tcp_ports=Ports(**_frozen(table["tcp_ports"])),
        udp_ports=Ports(**_frozen(udp)) if udp else None,
        clock=Oscillator(**table["clock"]),
        tls=table["tls"],
        user_agents=tuple(table.get("user_agents", ())),
    )


@cache
def stacks() -> dict[str, Stack]:
    """Every stack by name, in the order of its name."""
    found: dict[str, Stack] = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        with path.open("rb") as file:
            for name, table in tomllib.load(file).items():
                found[name] = _stack(name, table)
    return dict(sorted(found.items()))


def stack(name: str) -> Stack:
    """The stack of this name; ``ValueError`` names those that exist."""
    try:
        return stacks()[name]
    except KeyError:
        raise ValueError(f"no stack {name!r}; there are: {', '.join(stacks())}") from None
