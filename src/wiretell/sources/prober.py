"""Runs the samplers of several hosts on their sockets: one thread, one `select`."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wiretell.probing.sampler import (
    Answered,
    Closed,
    Command,
    Event,
    Open,
    Reason,
    Sampler,
    Send,
    Sent,
    Stop,
    Wait,
    Woken,
)
from wiretell.sources.probe_channel import Channel
from wiretell.sources.probe_socket import monotonic_ns

SWEEP_NS = 200_000_000
"""How often all sockets are looked at, and the end is looked for."""
FINISH_NS = 1_500_000_000
"""How long the other side may take to end a connection before it is reset."""


@dataclass
class Probed:
    """One host with its channel and its sampler."""

    channel: Channel
    sampler: Sampler
    command: Command = field(default_factory=lambda: Wait(0))
    ends_ns: int | None = None
    is_closed: bool = False


def run(
    hosts: Sequence[Probed], tell: Callable[[int], None], interrupted: Callable[[], bool]
) -> None:
    """Samples until every sampler has stopped and every connection has ended.

    `tell` is called with the time (monotonic, ns) at every sweep. `interrupted` is asked as
    often; once it says so, all stop. Raises nothing that a host causes.
    """
    swept_ns = 0
    try:
        for host in hosts:
            _take(host, Woken(monotonic_ns()))
        while left := [host for host in hosts if not host.is_closed]:
            now_ns = monotonic_ns()
            if now_ns - swept_ns >= SWEEP_NS:
                swept_ns = now_ns
                tell(now_ns)
                _sweep(left, stop=interrupted())
            for host in left:
                _carry_out(host)
            _listen(left, swept_ns + SWEEP_NS)
    finally:
        for host in hosts:
            if not host.is_closed:
                host.channel.close()


def _sweep(left: Sequence[Probed], *, stop: bool) -> None:
    for host in left:
        if stop:
            host.sampler.interrupt()
        _hear(host)
        if stop and host.ends_ns is None:
            _take(host, Woken(monotonic_ns()))


def _carry_out(host: Probed) -> None:
    """Does what is due; a command that is done has been replaced by the next."""
    while not host.is_closed:
        now_ns = monotonic_ns()
        match host.command:
            case Stop():
                _end(host, now_ns)
                return
            case Open(at_ns) | Send(at_ns) | Wait(at_ns) if at_ns > now_ns:
                return
            case Open():
                _open(host)
                return
            case Send():
                _send(host)
            case Wait():
                _take(host, Woken(now_ns))


def _open(host: Probed) -> None:
    # Until something comes of it there is nothing to do.
    host.command = Wait(monotonic_ns() + SWEEP_NS)
    try:
        host.channel.open()
    except OSError:
        _take(host, Closed(monotonic_ns(), Reason.FAILED))


def _send(host: Probed) -> None:
    try:
        sent_ns = host.channel.send()
    except OSError:
        _take(host, Closed(monotonic_ns(), Reason.FAILED))
    else:
        _take(host, Sent(sent_ns))


def _end(host: Probed, now_ns: int) -> None:
    if host.ends_ns is None:
        host.ends_ns = now_ns + FINISH_NS
    if host.channel.finish() or now_ns >= host.ends_ns:
        host.channel.close()
        host.is_closed = True


def _take(host: Probed, event: Event) -> None:
    host.command = host.sampler.handle(event)


def _hear(host: Probed) -> None:
    for event in host.channel.receive():
        if host.sampler.stopped is None or isinstance(event, Answered):
            _take(host, event)


def _listen(left: Sequence[Probed], latest_ns: int) -> None:
    """Waits for packets until the next command is due."""
    open_hosts = [host for host in left if not host.is_closed]
    due_ns = min([latest_ns, *(_due_ns(host) for host in open_hosts)])
    by_number = {number: host for host in open_hosts for number in host.channel.filenos()}
    wait_s = max(0, due_ns - monotonic_ns()) / 1e9
    ready, _, _ = select.select(list(by_number), [], [], wait_s)
    for number in ready:
        _hear(by_number[number])


def _due_ns(host: Probed) -> int:
    match host.command:
        case Stop():
            return monotonic_ns() + SWEEP_NS // 10
        case Open(at_ns) | Send(at_ns) | Wait(at_ns):
            return at_ns
