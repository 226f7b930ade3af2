"""The weights on the pages of docs/science/: `.venv/bin/python docs/signal_weights.py`.

Renews the block between the marks of each page from the constants of the code, which are not
written twice; a contract test holds that pages and code agree.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from wiretell.signal import LabelRule

PAGES = Path(__file__).resolve().parent / "science"
BLOCK = re.compile(r"<!-- weights -->\n.*<!-- end of weights -->", re.DOTALL)

CONSTANTS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "tcp_timestamp": (
        ("neighbours on one line, at most, bits", "signals.tcp_timestamp", "LINE_BITS_CAP"),
        ("delay between readings of one line, s", "stats.clock_lines", "TOLERANCE_S"),
        ("a line must be rarer than chance by, bits", "stats.clock_lines", "SURE_BITS"),
        ("... at other destinations than most, bits", "stats.clock_lines", "STRAY_BITS"),
        ("skews of two groups, bits", "devices.compare", "SKEW_BITS"),
        ("spread of free clocks, ppm", "devices.compare", "POPULATION_PPM"),
        ("rates that differ, bits", "devices.compare", "OTHER_RATE_BITS"),
        ("lines of a host apart at one time, bits", "devices.compare", "CLOCK_CONFLICT_BITS"),
        ("chance of a reboot in a short silence", "devices.compare", "REBOOT_PRIOR"),
        ("chance of a suspension", "devices.compare", "SUSPEND_PRIOR"),
    ),
    "ip_id": (
        ("a link, at most, bits", "signals.ip_id", "MAX_BITS"),
        ("a link is told from, bits", "signals.ip_id", "LEAST_BITS"),
        ("... of flows that may be on no counter, bits", "signals.ip_id", "STRAY_BITS"),
        ("another stack across a step costs, bits", "signals.ip_id", "STACK_BITS"),
        ("another distance costs, bits", "signals.ip_id", "HOPS_BITS"),
        ("share of flows above chance that go on, least", "signals.ip_id", "MIN_SHARE"),
        ("... to take the counter for dense", "signals.ip_id", "DENSE_SHARE"),
        ("ticks a second that are tried for datagrams", "stats.tick_counter", "TICKS_HZ"),
        ("silence of such a counter, at most, s", "stats.tick_counter", "MOST_SILENCE_S"),
    ),
    "source_port": (
        ("a link, at most, bits", "signals.source_port", "MAX_BITS"),
        ("a link is told from, bits", "signals.source_port", "LEAST_BITS"),
        ("another window across a step costs, bits", "signals.source_port", "WINDOW_BITS"),
        ("another distance costs, bits", "signals.source_port", "HOPS_BITS"),
        ("another MSS costs, bits", "signals.source_port", "MSS_BITS"),
        ("share of connections above chance that go on, least", "signals.source_port", "MIN_SHARE"),
        ("... to take the counter for dense", "signals.source_port", "DENSE_SHARE"),
        ("one UDP socket towards several peers, bits", "signals.source_port", "SOCKET_BITS"),
    ),
    "resolution": (
        ("a look-up, at most, bits", "signals.resolution", "MOST_BITS"),
        ("the call must follow within, s", "signals.resolution", "WITHIN_S"),
        ("median wait before any is seen, s", "signals.resolution", "WAIT_S"),
        (
            "share of answers that a call follows, before any is seen",
            "signals.resolution",
            "FOLLOWED",
        ),
        ("... at most", "signals.resolution", "MOST_FOLLOWED"),
        ("both weigh as many look-ups", "signals.resolution", "WEIGHT"),
        ("share of calls that go to the first of several addresses", "signals.resolution", "FIRST"),
        (
            "calls that come anyway are counted so long before and after, s",
            "signals.resolution",
            "AROUND_S",
        ),
    ),
    "push": (
        ("two groups that keep one each at one time, bits", "devices.exclusive", "TOGETHER_BITS"),
        ("... for longer than, s", "devices.exclusive", "OVERLAP_S"),
        ("each kept at once beyond one a machine, bits", "devices.multiplicity", "SURPLUS_BITS"),
        ("shorter connections are not looked at, s", "signals.push", "KEPT_S"),
    ),
    "link_address": (
        (
            "addresses a card of a machine speaks for, at most",
            "signals.link_address",
            "OWN_ADDRESSES",
        ),
    ),
    "tcp_syn": (
        ("distances of one initial TTL, at most", "signals.tcp_syn", "MAX_DISTANCES"),
        ("TTLs below are a traceroute's", "signals.tcp_syn", "LOWEST_TTL"),
    ),
}
"""Page -> (in words, module of wiretell, constant)."""

LABELS: Mapping[str, tuple[str, Sequence[str]]] = {
    "ip_id": ("signals.ip_id", ()),
    "source_port": ("signals.source_port", ()),
    "tcp_syn": ("signals.tcp_syn", ()),
    "link_address": ("signals.link_address", ()),
    "handwriting": ("signals.handwriting", ()),
    "user_agent": (
        "signals.handwriting",
        ("user_agent", "user_agent_cut", "system", "system version", "http_cookie", "http_host"),
    ),
    "tls_hello": ("signals.handwriting", ("ja4", "tls_session", "sni")),
    "names": (
        "signals.handwriting",
        (
            "dhcp_hostname",
            "dhcp_fingerprint",
            "mdns_name",
            "netbios_name",
            "ssh_banner",
            "hassh",
            "bittorrent_peer",
            "sip_contact",
        ),
    ),
}
"""Page -> (module that has the rules, kinds that the page is about: none for all)."""


def weights(page: str) -> str:
    """Tables of the labels and constants of one page, as Markdown."""
    tables: list[str] = []
    if page in LABELS:
        module, kinds = LABELS[page]
        rules: Sequence[LabelRule] = import_module(f"wiretell.{module}").RULES
        lines = [
            f"| {rule.words} | {_said(rule.bits_equal)} | {_said(rule.bits_other)}"
            f" | {rule.sure_after} |"
            for rule in rules
            if not kinds or rule.kind in kinds
        ]
        head = "| label | shared, bits | none shared, bits | sure after |\n|---|--:|--:|--:|"
        tables.append("\n".join([head, *lines]))
    if page in CONSTANTS:
        lines = []
        for words, module, name in CONSTANTS[page]:
            value = getattr(import_module(f"wiretell.{module}"), name)
            path = f"../../src/wiretell/{module.replace('.', '/')}.py"
            lines.append(f"| {words} | {_value(value)} | [`{name}`]({path}) |")
        tables.append("\n".join(["| weight | value | constant |\n|---|--:|---|", *lines]))
    return "\n\n".join(tables)


def _said(bits: float) -> str:
    return f"{bits:+g}".replace("-", "−") if bits else "0"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_value(each) for each in value)
    return f"{value:g}".replace("-", "−") if isinstance(value, int | float) else str(value)


def renewed(page: str, text: str) -> str:
    """The text of a page with its weights as the code has them; ValueError without marks."""
    new = f"<!-- weights -->\n{weights(page)}\n<!-- end of weights -->"
    found, n = BLOCK.subn(lambda _: new, text)
    if n != 1:
        raise ValueError(f"{page}: {n} blocks of weights between marks")
    return found


def main() -> int:
    """Renews all pages."""
    for page in sorted({*CONSTANTS, *LABELS}):
        path = PAGES / f"{page}.md"
        path.write_text(renewed(page, path.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"renewed {path.name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
