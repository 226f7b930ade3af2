"""Flow messages from the network: what lay in the socket at the end is read, and no more."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import polars as pl
import pytest
from flow_tables import flow, flows

from wiretell.exporters.flow_export import codec
from wiretell.sources.netflow import CollectedFlows

N_FLOWS = 120


@contextmanager
def collector(**limits: float) -> Iterator[tuple[CollectedFlows, socket.socket]]:
    """A collector on a free port, and a socket that is connected to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = CollectedFlows(port, **limits)  # type: ignore[arg-type]
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
            sending.connect(("127.0.0.1", port))
            yield source, sending
    finally:
        source.close()


def messages() -> list[bytes]:
    return list(codec("ipfix", to_file=False).messages(flows(*(flow(i) for i in range(N_FLOWS)))))


def n_read(source: CollectedFlows) -> int:
    return sum(batch.height for batch in source.batches())


def test_what_came_before_the_stop_is_read() -> None:
    with collector() as (source, sending):
        for message in messages():
            sending.send(message)
        source.stop()
        assert n_read(source) == N_FLOWS
    assert source.provenance()["counters"]["flows"] == N_FLOWS


def test_a_stop_while_it_waits() -> None:
    with collector() as (source, sending):
        sent = messages()
        for message in sent:
            sending.send(message)
        threading.Timer(0.3, source.stop).start()
        assert n_read(source) == N_FLOWS


def test_an_exporter_that_never_pauses_does_not_keep_it() -> None:
    is_over = threading.Event()

    def flood(sending: socket.socket) -> None:
        for message in cycle(messages()):
            if is_over.is_set():
                return
            sending.send(message)
            time.sleep(0.0005)

    with collector(max_seconds=0.2) as (source, sending):
        flooding = threading.Thread(target=flood, args=(sending,))
        flooding.start()
        try:
            assert n_read(source) > 0
        finally:
            is_over.set()
            flooding.join()


def test_as_many_messages_as_were_asked_for() -> None:
    sent = messages()
    with collector(max_messages=2) as (source, sending):
        for message in sent:
            sending.send(message)
        n_flows = n_read(source)
    assert len(sent) > 2
    assert 0 < n_flows < N_FLOWS


def test_a_port_that_is_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="in use"):
            CollectedFlows(taken.getsockname()[1])


def test_nothing_came() -> None:
    with collector(max_seconds=0) as (source, _):
        assert isinstance(next(source.batches(), None), pl.DataFrame | None)
        assert source.provenance()["counters"]["flows"] == 0
