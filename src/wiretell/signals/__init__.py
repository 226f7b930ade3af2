"""One file per signal: what it measures (`extract`) and what it argues (`score`).

A new signal is one file and one name in `ALL`.
"""

from __future__ import annotations

from wiretell.signal import Signal
from wiretell.signals import (
    handwriting,
    ip_id,
    link_address,
    names,
    push,
    resolution,
    source_port,
    tcp_syn,
    tcp_timestamp,
    tls_hello,
    user_agent,
)

ALL: tuple[Signal, ...] = (
    tcp_timestamp.SIGNAL,
    source_port.SIGNAL,
    ip_id.SIGNAL,
    tcp_syn.SIGNAL,
    Signal(user_agent.NAME, extract=user_agent.extract),
    Signal(tls_hello.NAME, extract=tls_hello.extract),
    Signal(names.NAME, extract=names.extract),
    Signal(link_address.NAME, extract=link_address.extract),
    handwriting.SIGNAL,
    resolution.SIGNAL,
    push.SIGNAL,
)
"""Every signal, in the order of the report."""
