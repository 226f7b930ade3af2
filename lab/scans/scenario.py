"""What a scan of the lab is, and what is true of it; the scenarios are in scenarios.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from lab.scans.network import LAN, ROUTED, Hosts

OPEN_PORTS = (22, 80, 443)
"""Ports of the target with a listener."""


@dataclass(frozen=True)
class Scenario:
    """One run of nmap. `claims` are the addresses that seem to scan; the scanner is behind all."""

    name: str
    arguments: tuple[str, ...]
    kind: str
    claims: tuple[str, ...]
    hosts: Hosts
    lan: bool
    sweep: bool


def scenarios() -> dict[str, Scenario]:
    """All of them by name."""
    text = files(__package__).joinpath("scenarios.toml").read_text("utf-8")
    return {name: _scenario(name, **given) for name, given in tomllib.loads(text).items()}


def _scenario(
    name: str,
    arguments: str,
    kind: str,
    claims: list[str],
    lan: bool = False,
    sweep: bool = False,
) -> Scenario:
    hosts = LAN if lan else ROUTED
    words = tuple(word.format(**vars(hosts)) for word in arguments.split())
    claimed = tuple(claim.format(**vars(hosts)) for claim in claims)
    return Scenario(name, words, kind, claimed, hosts, lan, sweep)
