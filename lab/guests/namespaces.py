"""The network: a bridge of machines, a masquerading router, servers one hop outside.

    machines -- lan (bridge) [router namespace] wan -- eth0 [server namespace]

In a routed scenario the router forwards and masquerades nothing.

Everything lives in namespaces of its own; nothing of the host's network is touched.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.guests.processes import CommandError, run
from lab.guests.scenario import INSIDE_NETWORK, NAT_PORTS, Machine, Scenario

GATEWAY = str(INSIDE_NETWORK[1])
PREFIX_LENGTH = INSIDE_NETWORK.prefixlen
_ROUTER_MAC = "02:00:00:00:00:01"

# A router that forwards packets its NAT does not know would leak inside addresses: drop them.
_RULES = """
table ip lab {{
  chain forward {{
    type filter hook forward priority 0
    ct state invalid drop
  }}
  chain postrouting {{
    type nat hook postrouting priority 100
    oifname "wan" masquerade {flags}
  }}
}}
"""


@dataclass(frozen=True)
class Network:
    """The names of what was built. `prefix` makes them unique to this recording."""

    prefix: str

    @property
    def router(self) -> str:
        return f"{self.prefix}-router"

    @property
    def server(self) -> str:
        return f"{self.prefix}-server"

    def inside(self, namespace: str, *words: str) -> list[str]:
        """The command line that runs `words` in a namespace (under the same process id)."""
        return ["ip", "netns", "exec", namespace, *words]

    def add_tap(self, machine: Machine) -> str:
        """A tap device on the bridge for a machine with a stack of its own; its name."""
        tap = f"tap{machine.number}"
        run("ip", "-n", self.router, "tuntap", "add", tap, "mode", "tap")
        run("ip", "-n", self.router, "link", "set", tap, "master", "lan", "up")
        return tap

    def add_namespace(self, machine: Machine) -> str:
        """A namespace on the bridge for a machine that shares this kernel; its name."""
        name, port = f"{self.prefix}-m{machine.number}", f"port{machine.number}"
        run("ip", "netns", "add", name)
        run("ip", "-n", self.router, "link", "add", port, "type", "veth",
            "peer", "name", "eth0", "address", machine.mac, "netns", name)  # fmt: skip
        run("ip", "-n", self.router, "link", "set", port, "master", "lan")
        _up(self.router, port)
        run("ip", "-n", name, "addr", "add", f"{machine.ip}/{PREFIX_LENGTH}", "dev", "eth0")
        _up(name, "eth0")
        run("ip", "-n", name, "route", "add", "default", "via", GATEWAY)
        settings = {"tcp_timestamps": machine.tcp_timestamps, "ip_default_ttl": machine.ttl}
        for setting, value in settings.items():
            _set(name, f"net.ipv4.{setting}={value}")
        return name


def _up(namespace: str, device: str) -> None:
    run("ip", "-n", namespace, "link", "set", device, "up")
    # With offloads on, a capture holds packets of up to 64 kB that were never on a wire.
    run("ip", "netns", "exec", namespace, "ethtool", "-K", device,
        "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")  # fmt: skip


def _set(namespace: str, setting: str) -> None:
    run("ip", "netns", "exec", namespace, "sysctl", "-qw", setting)


@contextlib.contextmanager
def network(scenario: Scenario) -> Iterator[Network]:
    """Builds the network, removes it at the end. Raises CommandError."""
    built = Network(f"lab{os.getpid()}")
    try:
        _build(built, scenario)
        yield built
    finally:
        _remove(built)


def _build(built: Network, scenario: Scenario) -> None:
    router, server = built.router, built.server
    for namespace in (router, server):
        run("ip", "netns", "add", namespace)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
    # A fixed address: otherwise the bridge takes that of its latest port, and changes it.
    run("ip", "-n", router, "link", "add", "lan", "address", _ROUTER_MAC, "type", "bridge")
    run("ip", "-n", router, "addr", "add", f"{GATEWAY}/{PREFIX_LENGTH}", "dev", "lan")
    run("ip", "-n", router, "link", "set", "lan", "up")
    run("ip", "-n", router, "link", "add", "wan", "type", "veth",
        "peer", "name", "eth0", "netns", server)  # fmt: skip
    run("ip", "-n", router, "addr", "add", f"{scenario.nat_ip}/32", "dev", "wan")
    for address in (remote.address for remote in scenario.servers):
        run("ip", "-n", server, "addr", "add", f"{address}/32", "dev", "eth0")
    _up(router, "wan")
    _up(server, "eth0")
    for address in (remote.address for remote in scenario.servers):
        run("ip", "-n", router, "route", "add", f"{address}/32", "dev", "wan",
            "src", scenario.nat_ip)  # fmt: skip
    outside = str(INSIDE_NETWORK) if scenario.routed else f"{scenario.nat_ip}/32"
    run("ip", "-n", server, "route", "add", outside, "dev", "eth0")
    if scenario.routed:
        # The server asks for the machines' link address: the router answers for them.
        _set(router, "net.ipv4.conf.wan.proxy_arp=1")
    else:
        run(*built.inside(router, "nft", "-f", "-"),
            stdin=_RULES.format(flags=NAT_PORTS[scenario.nat_ports]))  # fmt: skip
    with contextlib.suppress(CommandError):  # kernels without bridge filtering lack the setting
        _set(router, "net.bridge.bridge-nf-call-iptables=0")
    _set(router, "net.ipv4.ip_forward=1")


def _remove(built: Network) -> None:
    for name in sorted(entry.name for entry in Path("/run/netns").glob(f"{built.prefix}-*")):
        run("ip", "netns", "del", name)
