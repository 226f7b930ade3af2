"""A scenario: which machines, which clocks, which servers, for how long. Read from TOML."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import tomllib
import zlib
from pathlib import Path
from typing import Any

KERNELS = ("5.10", "6.1", "6.12")
"""Linux releases a guest can run; Debian 11, 12 and 13 ship them."""

STACKS = (*(f"linux-{kernel}" for kernel in KERNELS), "lwip", "namespace")
"""What a machine's TCP/IP can be. Namespaces share one kernel, so one clock and one set of
secrets: by these they are one machine."""

INSIDE_NETWORK = ipaddress.IPv4Network("10.77.0.0/24")
NAT_PORTS = {"kept": "", "random": "random", "fully-random": "fully-random"}
"""How the NAT draws source ports, and the word nftables has for it."""

ROUTED = "none"
"""In place of a way to draw ports: no NAT at all, every machine is seen under its own addresses."""

MAX_ADDRESSES, MAX_WITH_ADDRESSES = 8, 20
RESOLVERS = ("unconnected", "connected")
ADDRESS_USES = ("all", "in turn")
"""What a machine does with several addresses: any for any visit, or one after the other."""


class ScenarioError(ValueError):
    """The scenario file says something that cannot be."""


@dataclasses.dataclass(frozen=True)
class Server:
    """One address outside and the ports on which it answers HTTP; the first answers DNS, too."""

    address: str
    ports: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Machine:
    """One machine inside. `skew_ppm` is its clock's rate against the capture's, plus is fast.

    `servers` are those it visits, the most visited first; none: all of the scenario's.
    `n_addresses` are its own inside, `address_use` how it calls from them; `serves` are ports on
    which it answers HTTP itself. `resolver` is "connected" where look-ups are sent from connected
    sockets, as the C library of GNU does.
    """

    number: int
    name: str
    stack: str
    skew_ppm: float = 0.0
    tcp_timestamps: int = 1
    ttl: int = 64
    user_agents: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    pace: float = 1.0
    seed: int = 0
    n_addresses: int = 1
    address_use: str = "all"
    serves: tuple[int, ...] = ()
    resolver: str = "unconnected"

    @property
    def kernel(self) -> str | None:
        """Its Linux release, where it is a guest."""
        return self.stack.removeprefix("linux-") if self.stack.startswith("linux-") else None

    @property
    def ip(self) -> str:
        return str(INSIDE_NETWORK[10 + self.number])

    @property
    def ips(self) -> tuple[str, ...]:
        """All of its addresses, `ip` first."""
        last = INSIDE_NETWORK.num_addresses - 2
        below = last - (self.number - 1) * (MAX_ADDRESSES - 1)
        return self.ip, *(str(INSIDE_NETWORK[below - n]) for n in range(self.n_addresses - 1))

    @property
    def mac(self) -> str:
        return f"02:00:00:00:00:{10 + self.number:02x}"


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A whole recording. `nat_ip` is the one address that is seen outside, unless `routed`."""

    name: str
    title: str
    seed: int
    duration_s: float
    nat_ip: str
    nat_ports: str
    servers: tuple[Server, ...]
    machines: tuple[Machine, ...]

    @property
    def routed(self) -> bool:
        """Whether the machines are seen under their own addresses, behind no NAT."""
        return self.nat_ports == ROUTED


def read(path: Path, *, nat_ports: str | None = None, duration_s: float | None = None) -> Scenario:
    """Reads a scenario file; `nat_ports` and `duration_s`, if given, in place of the file's.

    Raises ScenarioError (with the reason), OSError.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ScenarioError(f"{path}: {error}") from error
    given = {"nat_ports": nat_ports, "duration_s": duration_s}
    return parse(path.stem, document | {key: x for key, x in given.items() if x is not None})


def parse(name: str, document: dict[str, Any]) -> Scenario:
    """A scenario from a parsed TOML document. Raises ScenarioError."""
    rest = {"title": name, "seed": 1, "nat_ports": "kept", **document}
    servers, machines = rest.pop("server", []), rest.pop("machine", [])
    try:
        scenario = Scenario(
            **rest,
            name=name,
            servers=tuple(Server(**{**raw, "ports": tuple(raw["ports"])}) for raw in servers),
            machines=tuple(_machine(n, rest["seed"], raw) for n, raw in enumerate(machines, 1)),
        )
        _check(scenario)
    except (TypeError, KeyError, ValueError) as error:
        raise ScenarioError(f"scenario {name}: {error}") from error
    return scenario


def _machine(number: int, scenario_seed: int, raw: dict[str, Any]) -> Machine:
    lists = {key: raw.get(key, []) for key in ("user_agents", "servers", "serves")}
    for key, given in lists.items():
        if not isinstance(given, list):
            raise ScenarioError(f"{raw['name']}: {key} is a list")
    # Not Python's hash(): it differs from run to run.
    seed = zlib.crc32(f"{scenario_seed}/{raw['name']}".encode())
    tuples = {key: tuple(given) for key, given in lists.items()}
    return Machine(**{**raw, **tuples, "number": number, "seed": seed})


def _check(scenario: Scenario) -> None:
    if not scenario.machines or not scenario.servers:
        raise ScenarioError("needs at least one [[machine]] and one [[server]]")
    if len({machine.name for machine in scenario.machines}) < len(scenario.machines):
        raise ScenarioError("two machines have one name")
    if len(scenario.machines) > 200:
        raise ScenarioError("more than 200 machines")
    addresses = [address for machine in scenario.machines for address in machine.ips]
    if len(set(addresses)) < len(addresses):
        raise ScenarioError("too many machines for machines with several addresses")
    if scenario.nat_ports not in (*NAT_PORTS, ROUTED):
        raise ScenarioError(f"nat_ports is one of {', '.join((*NAT_PORTS, ROUTED))}")
    if scenario.duration_s < 10:
        raise ScenarioError("duration_s is at least 10")
    for address in (scenario.nat_ip, *(server.address for server in scenario.servers)):
        if ipaddress.IPv4Address(address) in INSIDE_NETWORK:
            raise ScenarioError(f"{address} is inside {INSIDE_NETWORK}")
    for machine in scenario.machines:
        if not re.fullmatch("[a-z0-9-]{1,32}", machine.name):
            raise ScenarioError(f"{machine.name!r}: names are 1 to 32 of a-z, 0-9 and -")
        if machine.stack not in STACKS:
            raise ScenarioError(f"{machine.name}: stack is one of {', '.join(STACKS)}")
        if machine.stack == "namespace" and machine.skew_ppm:
            raise ScenarioError(f"{machine.name}: a namespace runs on the capture's own clock")
        if machine.stack == "lwip" and machine.tcp_timestamps == 2:
            raise ScenarioError(f"{machine.name}: lwIP has timestamps (1) or not (0)")
        if abs(machine.skew_ppm) > 500:
            raise ScenarioError(f"{machine.name}: the kernel steers clocks by 500 ppm at most")
        if machine.tcp_timestamps not in (0, 1, 2) or not 2 <= machine.ttl <= 255:
            raise ScenarioError(f"{machine.name}: tcp_timestamps is 0 to 2, ttl 2 to 255")
        if set(machine.servers) - {server.address for server in scenario.servers}:
            raise ScenarioError(f"{machine.name}: it visits a server that is not there")
        if any("\n" in agent or not 0 < len(agent) < 200 for agent in machine.user_agents):
            raise ScenarioError(f"{machine.name}: a User-Agent is one line of 1 to 199 characters")
        if not 1 <= machine.n_addresses <= MAX_ADDRESSES or machine.address_use not in ADDRESS_USES:
            raise ScenarioError(f"{machine.name}: 1 to {MAX_ADDRESSES} addresses, "
                                f"used {' or '.join(ADDRESS_USES)}")  # fmt: skip
        if machine.resolver not in RESOLVERS:
            raise ScenarioError(f"{machine.name}: resolver is {' or '.join(RESOLVERS)}")
        if machine.resolver == "connected" and machine.stack == "lwip":
            raise ScenarioError(f"{machine.name}: lwIP's resolver has no connected socket")
        if machine.n_addresses > 1 and machine.number > MAX_WITH_ADDRESSES:
            raise ScenarioError(f"{machine.name}: machines with several addresses come first")
        if (machine.n_addresses > 1 or machine.serves) and machine.kernel is None:
            raise ScenarioError(f"{machine.name}: only guests have several addresses or serve")
        if len(machine.user_agents) > 8 or not 0.1 <= machine.pace <= 10:
            raise ScenarioError(f"{machine.name}: at most 8 User-Agents, pace 0.1 to 10")
