"""TCP traffic of many machines behind few addresses, drawn a slice of time at a time.

Flows begin at a constant rate and end, so that a longer capture holds more flows but no more of
them at once. Everything is vectorised over the packets of a slice and depends on the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.speech import TEXTS

FLOWS_PER_S = 100
SLICE_S = 10
START_S = 1_760_000_000
MEDIAN_PACKETS, SPREAD, MAX_PACKETS = 55, 1.1, 2500
MAX_FLOW_S = 120.0
N_ADDRESSES = 24
N_SERVERS = 2000
TCP_PAYLOAD = 1448
TEXT_BYTES = np.array([len(text) for text in TEXTS])

FIN, SYN, PSH, ACK = 1, 2, 8, 16
PLAIN, STAMPED, SYN_PLAIN, SYN_STAMPED = range(4)
"""Kinds of TCP header: without options, with timestamps; the same for SYN and SYN/ACK."""

PACKET = np.dtype(
    [
        ("time_ns", "i8"),
        ("src", "u4"),
        ("dst", "u4"),
        ("sport", "u2"),
        ("dport", "u2"),
        ("ipid", "u2"),
        ("ttl", "u1"),
        ("flags", "u1"),
        ("seq", "u4"),
        ("ack", "u4"),
        ("tsval", "u4"),
        ("tsecr", "u4"),
        ("window", "u2"),
        ("n_payload", "u2"),
        ("kind", "u1"),
        ("text", "i2"),  # index of the text its payload begins with; -1: noise
        ("counter", "i2"),  # device whose global IP ID counter numbers it; -1: numbered already
    ]
)
Packets = NDArray[np.void]


@dataclass(frozen=True)
class Devices:
    """The machines: 1 to 8 behind each address, of three kinds of stack.

    0: timestamps with an offset per connection, even random ports (Linux of today);
    1: timestamps on one line per machine, sequential ports; 2: no timestamps, one IP ID counter
    and sequential ports (Windows of old, many small devices).
    """

    address: NDArray[np.uint32]
    stack: NDArray[np.int64]
    rate_hz: NDArray[np.float64]
    offset: NDArray[np.int64]
    first_port: NDArray[np.int64]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Devices:
        """As many machines as the addresses have."""
        behind = 1 + np.arange(N_ADDRESSES) % 8
        n = int(behind.sum())
        return cls(
            address=np.repeat(np.uint32(0xCB007100) + np.arange(N_ADDRESSES, dtype="u4"), behind),
            stack=np.arange(n) % 3,
            rate_hz=1000.0 * (1 + rng.normal(0, 30e-6, n)),
            offset=rng.integers(0, 2**32, n),
            first_port=rng.integers(0, 16384, n),
        )


def _within(values: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of the values before each packet, within its flow."""
    before = np.cumsum(values) - values
    return before - before[first]


def _ticks(
    time_s: NDArray[np.float64], rate_hz: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Readings of the sender's clock: packets are stamped a few milliseconds before we see them."""
    return np.floor((time_s - rng.exponential(0.002, len(time_s))) * rate_hz).astype("i8")


def _slice(index: int, devices: Devices, n_flows_before: NDArray[np.int64], seed: int) -> Packets:
    """All packets of the flows that begin in one slice of time, flow after flow."""
    rng = np.random.default_rng([seed, index])
    n_flows = FLOWS_PER_S * SLICE_S
    device = np.sort(rng.integers(0, len(devices.address), n_flows))
    server = rng.integers(0, N_SERVERS, n_flows)
    stack = devices.stack[device]
    nth = n_flows_before[device] + np.arange(n_flows) - np.searchsorted(device, device)
    n_flows_before += np.bincount(device, minlength=len(n_flows_before))
    port = np.where(
        stack == 0,
        32768 + 2 * rng.integers(0, 14116, n_flows),
        49152 + (devices.first_port[device] + nth) % 16384,
    )
    start_s = SLICE_S * (index + rng.random(n_flows))
    length_s = np.minimum(rng.lognormal(2.2, 1.0, n_flows), MAX_FLOW_S)
    rtt_s = rng.uniform(0.005, 0.08, n_flows)
    drawn = rng.lognormal(np.log(MEDIAN_PACKETS), SPREAD, n_flows)
    size = np.clip(drawn, 8, MAX_PACKETS).astype("i8")

    # One row per packet; `place` counts the packets of a flow from 0, `left` those still to come.
    flow = np.repeat(np.arange(n_flows), size)
    ends = np.cumsum(size)
    first = (ends - size)[flow]
    place = np.arange(len(flow)) - first
    left = ends[flow] - 1 - np.arange(len(flow))
    n = len(flow)

    from_server = rng.random(n) < 0.5
    from_server[place == 1] = True
    from_server[(place == 0) | (place == 2) | (place == 3)] = False
    from_server[left <= 2] = left[left <= 2] == 1

    draw = rng.random(n)
    payload = np.where(from_server & (draw < 0.52), TCP_PAYLOAD, 0)
    payload = np.where(~from_server & (draw < 0.15), rng.integers(80, 700, n), payload)
    payload[(place < 3) | (left < 3)] = 0
    text = np.where(place == 3, np.where(server % 10 < 3, 3 + stack, stack)[flow], -1)
    payload = np.where(text >= 0, TEXT_BYTES[text], payload)

    flags = np.full(n, ACK) | np.where(payload > 0, PSH, 0)
    flags[place == 0] = SYN
    flags[place == 1] = SYN | ACK
    flags[(left == 2) | (left == 1)] |= FIN

    shake = start_s[flow] + rtt_s[flow] * np.minimum(place, 2) / 2
    time_s = shake + length_s[flow] * _progress(flow, ends, place, rng)
    rows = np.zeros(n, PACKET)
    rows["time_ns"] = ((START_S + time_s) * 1e9).astype("i8")
    client, remote = devices.address[device], np.uint32(0xC6120000) + server.astype("u4")
    remote_port = np.where(server % 10 < 3, 80, 443)
    rows["src"] = np.where(from_server, remote[flow], client[flow])
    rows["dst"] = np.where(from_server, client[flow], remote[flow])
    rows["sport"] = np.where(from_server, remote_port[flow], port[flow])
    rows["dport"] = np.where(from_server, port[flow], remote_port[flow])
    rows["ttl"] = np.where(from_server, 54, np.where(stack == 2, 127, 63)[flow])
    rows["flags"], rows["n_payload"], rows["text"] = flags, payload, text
    rows["window"] = np.where(flags & SYN, 64240, 501)

    # Sequence space: SYN and FIN count one; each side acknowledges all the other has sent.
    length = payload + ((flags & (SYN | FIN)) != 0)
    sent = [_within(np.where(from_server == side, length, 0), first) for side in (False, True)]
    isn = rng.integers(0, 2**32, (2, n_flows))
    own = np.where(from_server, isn[1][flow] + sent[1], isn[0][flow] + sent[0])
    peer = np.where(from_server, isn[0][flow] + sent[0], isn[1][flow] + sent[1])
    rows["seq"] = own % 2**32
    rows["ack"] = np.where(flags & ACK, peer % 2**32, 0)

    stamped = (stack != 2)[flow]
    rows["kind"] = np.where(flags & SYN, 2, 0) + stamped
    line = np.where(stack == 0, rng.integers(0, 2**32, n_flows), devices.offset[device])
    server_line = (server * 2654435761) % 2**32
    hz = np.where(from_server, 1000.0, devices.rate_hz[device][flow])
    tsval = np.where(from_server, server_line[flow], line[flow]) + _ticks(time_s, hz, rng)
    rows["tsval"] = np.where(stamped, tsval % 2**32, 0)
    echoed = _last_of_peer(from_server, first)
    rows["tsecr"] = np.where(stamped & (echoed >= 0), rows["tsval"][echoed], 0)

    counted = _within(from_server.astype("i8"), first)
    nth_sent = np.where(from_server, counted, place - counted)
    rows["ipid"] = (
        rng.integers(0, 2**16, (2, n_flows))[from_server.astype("i8"), flow] + nth_sent
    ) % 2**16
    rows["counter"] = np.where(~from_server & (stack == 2)[flow], device[flow], -1)
    return rows


def _progress(
    flow: NDArray[np.int64],
    ends: NDArray[np.int64],
    place: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """How much of its flow's time each packet has seen pass: 0 in the handshake, 1 at the end."""
    gaps = np.where(place > 2, rng.exponential(1.0, len(flow)), 0.0)
    summed = np.cumsum(gaps)
    begun = summed[np.arange(len(flow)) - place]
    return np.asarray((summed - begun) / (summed[ends - 1][flow] - begun))


def _last_of_peer(from_server: NDArray[np.bool_], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row of the peer's latest packet before each packet of the same flow; -1: none yet."""
    rows = np.arange(len(first))
    last = [
        np.maximum.accumulate(np.where(from_server == side, rows, -1)) for side in (False, True)
    ]
    peer = np.where(from_server, last[0], last[1])
    return np.where(peer >= first, peer, -1)


def packets(n_packets: int, seed: int = 1) -> Iterator[Packets]:
    """Batches of packets in time order, `n_packets` in all; a shorter run is a prefix."""
    rng = np.random.default_rng(seed)
    devices = Devices.draw(rng)
    n_flows = np.zeros(len(devices.address), "i8")
    ipid = rng.integers(0, 2**16, len(devices.address))
    waiting = np.zeros(0, PACKET)
    index = 0
    while n_packets > 0:
        waiting = np.concatenate([waiting, _slice(index, devices, n_flows, seed)])
        index += 1
        due = waiting["time_ns"] < (START_S + SLICE_S * index) * 1_000_000_000
        batch = waiting[due]
        waiting = waiting[~due]
        batch = batch[np.argsort(batch["time_ns"], kind="stable")][:n_packets]
        _count(batch, ipid)
        n_packets -= len(batch)
        yield batch


def _count(batch: Packets, ipid: NDArray[np.int64]) -> None:
    """Number the packets of machines with one IP ID counter, in the order they are seen."""
    rows = np.flatnonzero(batch["counter"] >= 0)
    rows = rows[np.argsort(batch["counter"][rows], kind="stable")]
    device = batch["counter"][rows].astype("i8")
    nth = np.arange(len(rows)) - np.searchsorted(device, device)
    batch["ipid"][rows] = (ipid[device] + nth) % 2**16
    ipid += np.bincount(device, minlength=len(ipid))
