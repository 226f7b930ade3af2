"""Labels from what was read in payloads: the scoring half that all name-like signals share.

Each quantity of the observations table has one rule: what an equal text says for one machine and
what different texts say against it. Programs differ on one machine, so a different User-Agent
says little; systems do not, so a different system in it says more. Secrets that a server gave to
one client (cookies, tickets) say much when they come back.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from wiretell.signal import LabelRule, Labels, Scores, Signal
from wiretell.stats.assignment import codes

NAME = "handwriting"

RULES = (
    LabelRule("user_agent", 6.0, -2.0, "User-Agent", 6),
    LabelRule("user_agent_cut", 4.0, -1.5, "User-Agent, as far as captured", 6),
    LabelRule("system", 0.5, -5.0, "system in the User-Agent", 3),
    LabelRule("system version", 1.5, -4.0, "system version in the User-Agent", 3),
    LabelRule("ja4", 4.0, -1.5, "TLS client fingerprint (JA4)", 6),
    LabelRule("http_cookie", 14.0, 0.0, "HTTP cookie"),
    LabelRule("tls_session", 15.0, 0.0, "TLS session or ticket resumed"),
    LabelRule("dhcp_hostname", 10.0, -4.0, "DHCP host name", 1),
    LabelRule("dhcp_fingerprint", 3.0, -3.0, "DHCP parameter list", 1),
    LabelRule("mdns_name", 8.0, -2.0, "mDNS name", 2),
    LabelRule("netbios_name", 8.0, -2.0, "NetBIOS name", 2),
    LabelRule("ssh_banner", 3.0, -2.0, "SSH banner", 2),
    LabelRule("hassh", 3.0, -2.0, "SSH client fingerprint (HASSH)", 2),
    LabelRule("bittorrent_peer", 16.0, -2.0, "BitTorrent peer id", 2),
    LabelRule("sip_contact", 10.0, -2.0, "SIP contact", 2),
    LabelRule("sni", 1.5, 0.0, "host name asked for"),
    LabelRule("http_host", 1.5, 0.0, "host name asked for"),
)

SYSTEMS = ("Windows", "Android", "iOS", "Mac OS X", "Linux", "Chrome OS", "FreeBSD", "OpenBSD")
"""Families that exclude one another; distributions of Linux are Linux."""
LINUXES = ("Ubuntu", "Debian", "Fedora", "Arch", "Gentoo", "Red Hat", "SUSE", "CentOS", "Mint")

_KIND = {
    "tls_session_offered": "tls_session",
    "tls_ticket_offered": "tls_session",
    "tls_session_issued": "tls_session",
    "tls_ticket_issued": "tls_session",
}
_RULED = frozenset(rule.kind for rule in RULES)


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """One label per side, kind and text."""
    wanted = [*_RULED, *_KIND, "user_agent_os"]
    rows = observations.filter(
        pl.col("text").is_not_null() & pl.col("quantity").is_in(wanted)
    ).join(sides.select("flow_id", "side", "number"), on=["flow_id", "side"], maintain_order="left")
    if rows.is_empty():
        return Scores(rules=RULES)
    said = codes(zip(rows["quantity"].to_list(), rows["text"].to_list(), strict=True))
    texts = dict.fromkeys(zip(rows["quantity"].to_list(), rows["text"].to_list(), strict=True))
    known: dict[tuple[str, str], int] = {}
    pairs = [
        (i, known.setdefault(pair, len(known)))
        for i, (quantity, text) in enumerate(texts)
        for pair in _texts(quantity, text)
    ]
    # A User-Agent's text tells several labels: rows are repeated, each with one of them.
    of, code = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    n_pairs = np.bincount(of, minlength=len(texts))
    first = np.cumsum(n_pairs) - n_pairs
    n = n_pairs[said]
    row = np.repeat(np.arange(len(said)), n)
    at = first[said[row]] + np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    side, code = rows["number"].to_numpy().astype(np.int64)[row], code[at]
    once = np.sort(np.unique(side * len(known) + code, return_index=True)[1])
    return Scores(labels=Labels(side[once], code[once], list(known)), rules=RULES)


def _texts(quantity: str, text: str) -> list[tuple[str, str]]:
    """(kind, text) of the labels that an observation gives."""
    kind = _KIND.get(quantity, quantity)
    if kind == "user_agent_os":
        return _system(text)
    return [(kind, text)] if kind in _RULED else []


def _system(text: str) -> list[tuple[str, str]]:
    """Family, and version where the text has one ("Android 5.1.1": Android)."""
    if text.startswith(LINUXES):
        return [("system", "Linux")]
    family = next((system for system in SYSTEMS if text.startswith(system)), None)
    if family is None:
        return []
    told = [("system", family)]
    if any(c.isdigit() for c in text[len(family) :]):
        told.append(("system version", text))
    return told


SIGNAL = Signal(NAME, score=score)
