"""A profile: what one machine showed in one capture, kept to know it again.

No payload and no name is in it: texts that tell whom a machine is or whom it talks to are kept as
hashes. Times are int64 ns UTC, rates in ppm off the nominal rate against the observer's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FORMAT = "wiretell.profiles/1"
"""Name and version of the file; a change that breaks readers raises the version."""

HOST, DESTINATION, FLOW = "host", "destination", "flow"
"""What the offset of a clock line is common to."""


@dataclass(frozen=True)
class RatePoint:
    """The rate in one stretch of time: its middle, ppm off nominal, standard error."""

    time_ns: int
    ppm: float
    error_ppm: float


@dataclass(frozen=True)
class TimeLine:
    """A line of TCP timestamps: at `time_ns` the counter stood at `tsval`, delays taken off.

    `scope` is host (all destinations share it), destination (`peer` is the destination's hash) or
    flow (a single connection). `n_flows` connections read it from `first_ns` to `last_ns`.
    """

    scope: str
    peer: str
    time_ns: int
    tsval: float
    first_ns: int
    last_ns: int
    n_flows: int = 1


@dataclass(frozen=True)
class ClockProfile:
    """The timestamp clock of a machine.

    `nominal_hz` is the rate it was built to tick at, `ppm` how far off it runs with standard
    error `error_ppm`; both NaN where only the rate is known. `curve` is the rate over time;
    empty where the capture is too short for two points.
    """

    nominal_hz: float
    ppm: float
    error_ppm: float
    n_readings: int = 0
    curve: tuple[RatePoint, ...] = ()
    lines: tuple[TimeLine, ...] = ()
    boot_ns: int | None = None
    boot: str = "unknown"
    """Why `boot_ns` is what it is, in words."""


@dataclass(frozen=True)
class Profile:
    """One machine as one capture showed it. `device` is the id that the report gave it.

    `labels` is kind -> text (or hash) -> number of flows that showed it. `opened` are times and
    source ports of its first SYNs, with the hash of what they asked for; they tie addresses of
    one machine that were used at one moment.
    """

    source: str
    device: str
    address: str
    role: str
    looks_like: str
    first_ns: int
    last_ns: int
    n_flows: int
    n_machines: int = 1
    clock: ClockProfile | None = None
    clock_regime: str = "unknown"
    ipid_regime: str = "unknown"
    port_regime: str = "unknown"
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    opened: tuple[Opening, ...] = ()

    @property
    def name(self) -> str:
        """The device as people are told it: with its capture."""
        return f"{self.source}: {self.device}"


@dataclass(frozen=True)
class Opening:
    """A connection it opened: when, from which port, and whom it asked for (a hash or empty)."""

    time_ns: int
    port: int
    asked: str = ""


@dataclass(frozen=True)
class ProfileSet:
    """Profiles of one capture. `key_id` names the key of the hashes; empty: hashed without one."""

    source: str
    profiles: tuple[Profile, ...]
    key_id: str = ""
    version: str = ""
    damaged: bool = False
    n_left_out: int = 0
    """Machines that showed nothing to know them by, or were beyond the most a set keeps."""
    others: tuple[Profile, ...] = ()
    """Machines that are not compared, but tell what clocks of this capture are like."""
