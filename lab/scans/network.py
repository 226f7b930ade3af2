"""The network of a scan, in namespaces of its own.

    scanner -- [edge] -- [core] -- target
                           |-- zombie: a stack of our own on a tap device
                           |-- neighbour: a machine that answers for itself

The scanner is two routers away from the target, the zombie and the neighbour one, so that TTLs
tell them apart. On a `lan` all four are on one bridge. Addresses of `NOBODY` lead nowhere.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from lab.guests.processes import CommandError, run

NOBODY = "192.0.2.128/25"
_LAN_PREFIX = 24


@dataclass(frozen=True)
class Hosts:
    """Addresses of the machines."""

    scanner: str = "203.0.113.77"
    target: str = "198.51.100.10"
    zombie: str = "192.0.2.9"
    neighbour: str = "192.0.2.66"


ROUTED = Hosts()
LAN = Hosts("198.51.100.77", "198.51.100.10", "198.51.100.9", "198.51.100.66")
ZOMBIE_MAC = "02:00:00:00:05:09"
TAP = "tap0"


@dataclass(frozen=True)
class Network:
    """What was built; `prefix` makes the names of its namespaces unique."""

    prefix: str
    hosts: Hosts

    def space(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def inside(self, name: str, *words: str) -> list[str]:
        """The command line that runs `words` at a place (scanner, core, target, ...)."""
        return ["ip", "netns", "exec", self.space(name), *words]


@contextlib.contextmanager
def network(*, lan: bool) -> Iterator[Network]:
    """Builds it, removes it at the end. Raises CommandError."""
    built = Network(f"scan{os.getpid()}", LAN if lan else ROUTED)
    try:
        for name in _PLACES:
            run("ip", "netns", "add", built.space(name))
            _set(built.space(name), "net.ipv4.conf.all.rp_filter=0")
            _set(built.space(name), "net.ipv4.conf.default.rp_filter=0")
        (_build_lan if lan else _build_routed)(built)
        yield built
    finally:
        for name in _PLACES:
            with contextlib.suppress(CommandError):
                run("ip", "netns", "del", built.space(name))


_PLACES = ("edge", "core", "scanner", "target", "neighbour")


def _build_routed(net: Network) -> None:
    hosts = net.hosts
    _link(net, "core", "target", "198.51.100.1", hosts.target, _LAN_PREFIX)
    _link(net, "core", "neighbour", "192.0.2.65", hosts.neighbour, 26)
    _link(net, "core", "edge", "10.9.0.1", "10.9.0.2", 30)
    _link(net, "edge", "scanner", "203.0.113.1", hosts.scanner, _LAN_PREFIX)
    _tap(net)
    run("ip", "-n", net.space("core"), "addr", "add", "192.0.2.1/26", "dev", TAP)
    _route(net, "edge", "default", "via", "10.9.0.1")
    _route(net, "core", "203.0.113.0/24", "via", "10.9.0.2")
    for router in ("core", "edge"):
        _set(net.space(router), "net.ipv4.ip_forward=1")
    _route(net, "core", "blackhole", NOBODY)


def _build_lan(net: Network) -> None:
    core = net.space("core")
    run("ip", "-n", core, "link", "add", "lan", "type", "bridge")
    run("ip", "-n", core, "addr", "add", "198.51.100.1/24", "dev", "lan")
    run("ip", "-n", core, "link", "set", "lan", "up")
    for name in ("target", "neighbour", "scanner"):
        _link(net, "core", name, None, getattr(net.hosts, name), _LAN_PREFIX)
        run("ip", "-n", core, "link", "set", f"to-{name}", "master", "lan")
        with contextlib.suppress(CommandError):
            _route(net, name, "default", "via", "198.51.100.1")
    _tap(net)
    run("ip", "-n", core, "link", "set", TAP, "master", "lan")
    with contextlib.suppress(CommandError):  # kernels without bridge filtering lack the setting
        _set(core, "net.bridge.bridge-nf-call-iptables=0")
    _set(core, "net.ipv4.ip_forward=1")
    _route(net, "core", "blackhole", NOBODY)


def _link(
    net: Network, router: str, host: str, router_ip: str | None, host_ip: str, prefix: int
) -> None:
    """A wire between two places; the host's end is `eth0`, its default route the router."""
    near, far = net.space(router), net.space(host)
    run("ip", "-n", near, "link", "add", f"to-{host}", "type", "veth",
        "peer", "name", "eth0", "netns", far)  # fmt: skip
    for space, device in ((near, f"to-{host}"), (far, "eth0")):
        # With offloads on, a capture would hold what was never on a wire.
        run("ip", "netns", "exec", space, "ethtool", "-K", device,
            "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")  # fmt: skip
        run("ip", "-n", space, "link", "set", device, "up")
    run("ip", "-n", far, "addr", "add", f"{host_ip}/{prefix}", "dev", "eth0")
    run("ip", "-n", far, "link", "set", "lo", "up")
    if router_ip is not None:
        run("ip", "-n", near, "addr", "add", f"{router_ip}/{prefix}", "dev", f"to-{host}")
        if host != "edge":
            _route(net, host, "default", "via", router_ip)


def _tap(net: Network) -> None:
    core = net.space("core")
    run("ip", "-n", core, "tuntap", "add", TAP, "mode", "tap")
    run("ip", "-n", core, "link", "set", TAP, "up")


def _route(net: Network, name: str, *words: str) -> None:
    run("ip", "-n", net.space(name), "route", "add", *words)


def _set(space: str, setting: str) -> None:
    run("ip", "netns", "exec", space, "sysctl", "-qw", setting)
