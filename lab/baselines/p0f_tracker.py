"""Which SYNs and SYN/ACKs p0f scores: its table of connections and hosts, packet by packet.

p0f scores the SYN that opens an entry of its table and the first SYN/ACK that answers it; a
repeated SYN is skipped while the entry lives. So the entry's life decides which packets count: it
ends with a FIN or RST, with payload that is no HTTP, with an ACK before the SYN/ACK, after 30 s
(looked at every 50 packets, at most once a second), and with 1000 others younger. Hosts are
forgotten after 120 idle minutes.
Source: p0f 3.09b, its documentation (section 3) and behaviour.

What cannot be equal, by rule:

* **HTTP.** p0f's HTTP module writes into the same 32 scores and the same memory of a host's system.
  So both programs are given a capture without data segments (`WITHOUT_DATA`): then p0f is its TCP
  part alone. On a whole capture, an address whose HTTP p0f read cannot be compared.
* Frames that p0f does not decode as we do: VLAN tags, PPPoE and tunnels (p0f reads the outer header
  only), IPv6 with extension headers, link types other than those below.
* An entry that carries HTTP lives until the response here ends with its first payload; only a SYN
  repeated after data could tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path

import polars as pl

from lab.baselines.line import TCP, read_packets
from lab.baselines.p0f_nat import Finding, Host, Seen, observe
from lab.baselines.p0f_signatures import (
    DATABASE,
    Database,
    Signature,
    match,
    parse_signature,
    read_database,
)
from wiretell._core import Reader, Tracker
from wiretell.sources.bpf import compile_filter

LINK_HEADER_BYTES = {0: 4, 1: 14, 12: 0, 101: 0, 113: 16, 228: 0, 229: 0}
"""LINKTYPE_ numbers whose header p0f knows the length of, or finds it is none."""

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_KINDS = _FIN | _SYN | _RST | _ACK
_SYNS = "tcp[13] & 2 != 0 or (ip6 and ip6[6] == 6 and ip6[53] & 2 != 0)"
WITHOUT_DATA = (
    "tcp[13] & 7 != 0"
    " or (ip and ip[2:2] - ((ip[0] & 15) << 2) - ((tcp[12] & 240) >> 2) = 0)"
    " or (ip6 and ip6[6] = 6 and (ip6[53] & 7 != 0 or ip6[4:2] - ((ip6[52] & 240) >> 2) = 0))"
)
"""A filter for SYN, FIN, RST and empty segments: what p0f's TCP part needs."""
_PROBE_WINDOW, _PROBE_MSS = 1337, 1331
"""Of p0f's own probes, which it leaves out of the score."""
_MAX_FLOWS, _MAX_HOSTS, _KILL_SHARE = 1000, 10_000, 10
_FLOW_S, _HOST_IDLE_S, _EXPIRE_EVERY = 30, 120 * 60, 50
_LEAST_REQUEST_BYTES = 15
_SIDES = ("orig", "resp")
_KEPT = ("syn", "window")
_DRAIN_EVERY = 1000
_U32 = 0xFFFFFFFF

Ends = tuple[str, int, str, int]
"""Client, its port, server, its port."""


@dataclass(frozen=True)
class Event:
    """A finding with its time (ms UTC), its connection and who it is about: "cli" or "srv"."""

    time_ms: int
    ends: Ends
    subject: str
    finding: Finding


@dataclass
class _Entry:
    ends: Ends
    created_s: int
    next_client: int
    syn_mss: int
    probe: bool
    next_server: int = 0
    acked: bool = False
    request_bytes: int = 0


@dataclass
class _Known:
    host: Host = field(default_factory=Host)
    seen_s: int = 0
    n_entries: int = 0


def events_of(
    path: str | PathLike[str], database: Path = DATABASE, *, filter: str | None = None
) -> list[Event]:
    """All findings of p0f's TCP part on a capture, in order of packets.

    `filter` is a tcpdump expression, as p0f takes it. Raises OSError, CaptureError, ConfigError
    (a filter that is none), ValueError (a database that is none).
    """
    table = P0fTable(read_database(database), signatures_of(path))
    for packet in packets_of(read_packets(path, filter=filter)):
        table.take(packet)
    return table.events


def signatures_of(path: str | PathLike[str]) -> dict[int, Signature]:
    """Of every SYN and SYN/ACK of a capture by packet number, each read as if it were alone."""
    reader = Reader([fspath(path)], filters=compile_filter(_SYNS))
    tracker = Tracker(samples_per_side=1)
    found: dict[int, Signature] = {}
    alone: list[pl.DataFrame] = []
    kept = ["first_packet", *(f"{side}_{x}" for side in _SIDES for x in _KEPT)]
    more = True
    while more:
        for _ in range(_DRAIN_EVERY):
            more = tracker.consume(reader, 1) > 0
            tracker.finish()
        if (batch := tracker.drain_flows()) is not None:
            alone.append(pl.DataFrame(batch).select(kept))
        tracker.drain_samples()
    if not alone:
        return found
    rows = pl.concat(alone).select(
        "first_packet",
        *(pl.coalesce(f"{side}_{name}" for side in _SIDES).alias(name) for name in _KEPT),
    )
    for number, text, window in rows.filter(pl.col("syn").is_not_null()).iter_rows():
        found[number] = parse_signature(text, window)
    return found


@dataclass(frozen=True, slots=True)
class TcpPacket:
    """What p0f's table looks at."""

    number: int
    time_ns: int
    src: str
    sport: int
    dst: str
    dport: int
    flags: int
    seq: int
    ack: int
    payload_bytes: int
    tsval: int
    """0 is none."""
    readable: bool
    """p0f decodes it; else it only counts as a packet."""


def packets_of(packets: pl.DataFrame) -> Iterator[TcpPacket]:
    """TCP packets of `PACKETS`, in order."""
    link_bytes = pl.col("link_type").replace_strict(LINK_HEADER_BYTES, default=None)
    whole = pl.col("captured_len").cast(pl.Int64) - link_bytes >= pl.col("ip_len")
    unfragmented = (pl.col("frag_offset").fill_null(0) == 0) & ~pl.col("more_fragments").fill_null(
        False
    )
    plain = pl.col("vlan").is_null() & (pl.col("tunnel_depth").fill_null(0) == 0)
    rows = packets.filter(pl.col("proto") == TCP).select(
        "number",
        "time_ns",
        "src",
        pl.col("sport").fill_null(0),
        "dst",
        pl.col("dport").fill_null(0),
        pl.col("flags").fill_null(0),
        pl.col("seq").fill_null(0),
        pl.col("ack").fill_null(0),
        pl.col("payload_len").fill_null(0),
        pl.col("tsval").fill_null(0),
        (whole & unfragmented & plain & pl.col("flags").is_not_null()).fill_null(False),
    )
    for row in rows.iter_rows():
        yield TcpPacket(*row)


class P0fTable:
    """p0f's memory; `take` packets in order, then read `events`."""

    def __init__(self, database: Database, signatures: dict[int, Signature]) -> None:
        self.events: list[Event] = []
        self._database = database
        self._signatures = signatures
        self._flows: dict[Ends, _Entry] = {}
        self._hosts: dict[str, _Known] = {}
        self._n_packets = 0
        self._expired_s = 0

    def take(self, packet: TcpPacket) -> None:
        """Look at one TCP packet."""
        now_s = packet.time_ns // 10**9
        self._n_packets += 1
        if self._n_packets % _EXPIRE_EVERY == 0:
            self._expire(now_s)
        kind = packet.flags & _KINDS
        silly = (kind & _SYN and kind & (_FIN | _RST)) or (kind & _FIN and kind & _RST)
        if not packet.readable or not kind or silly:
            return
        entry, to_server = self._find(packet)
        if kind == _SYN:
            self._syn(packet, entry, to_server, now_s)
        elif entry is None:
            return
        elif kind == _SYN | _ACK:
            self._syn_ack(packet, entry, to_server)
        elif kind == _ACK:
            self._data(packet, entry, to_server)
        else:
            self._drop(entry)

    def _find(self, packet: TcpPacket) -> tuple[_Entry | None, bool]:
        there = (packet.src, packet.sport, packet.dst, packet.dport)
        if (entry := self._flows.get(there)) is not None:
            return entry, True
        return self._flows.get((*there[2:], *there[:2])), False

    def _syn(self, packet: TcpPacket, entry: _Entry | None, to_server: bool, now_s: int) -> None:
        if entry is not None:
            if to_server and (entry.next_client - 1) & _U32 == packet.seq:
                return
            self._drop(entry)
        signature = self._signatures.get(packet.number)
        if signature is None:
            return
        signature = _as_p0f_reads_it(signature, packet.ack)
        if len(self._flows) > _MAX_FLOWS:
            self._kill_flows()
        ends = (packet.src, packet.sport, packet.dst, packet.dport)
        for address in (packet.src, packet.dst):
            self._touch(address, now_s).n_entries += 1
        probe = (signature.window, signature.mss) == (_PROBE_WINDOW, _PROBE_MSS)
        entry = _Entry(ends, now_s, (packet.seq + 1) & _U32, signature.mss, probe)
        self._flows[ends] = entry
        if not self._fingerprint(packet, entry, signature, to_server=True) and not probe:
            self._drop(entry)

    def _syn_ack(self, packet: TcpPacket, entry: _Entry, to_server: bool) -> None:
        signature = self._signatures.get(packet.number)
        if entry.probe:
            self._drop(entry)
            return
        if to_server or entry.acked or signature is None:
            return
        entry.acked = True
        signature = with_peer_mss(signature, entry.syn_mss)
        if not self._fingerprint(packet, entry, signature, to_server=False):
            self._drop(entry)
            return
        entry.next_server = (packet.seq + 1) & _U32

    def _data(self, packet: TcpPacket, entry: _Entry, to_server: bool) -> None:
        if entry.probe or not entry.acked:
            self._drop(entry)
            return
        if packet.seq != (entry.next_client if to_server else entry.next_server):
            return
        if to_server:
            entry.next_client = (entry.next_client + packet.payload_bytes) & _U32
            entry.request_bytes += packet.payload_bytes
        if packet.payload_bytes and not (to_server and entry.request_bytes < _LEAST_REQUEST_BYTES):
            self._drop(entry)

    def _fingerprint(
        self, packet: TcpPacket, entry: _Entry, signature: Signature, *, to_server: bool
    ) -> bool:
        """Score it; whether p0f goes on with the connection."""
        records = self._database.request if to_server else self._database.response
        found = match(signature, records)
        if entry.probe and (found.record is None or found.record.kind is not None):
            return False
        host = self._hosts[packet.src].host
        time_ms = packet.time_ns // 10**6
        seen = Seen(signature, found, packet.tsval, time_ms)
        scored, finding = observe(host, seen, entry.ends[1], to_server=to_server)
        if finding is not None:
            subject = "cli" if to_server else "srv"
            self.events.append(Event(time_ms, entry.ends, subject, finding))
        return scored

    def _touch(self, address: str, now_s: int) -> _Known:
        if address not in self._hosts and len(self._hosts) > _MAX_HOSTS:
            self._kill_hosts()
        known = self._hosts.pop(address, None) or _Known()
        known.seen_s = now_s
        self._hosts[address] = known
        return known

    def _drop(self, entry: _Entry) -> None:
        del self._flows[entry.ends]
        self._hosts[entry.ends[0]].n_entries -= 1
        self._hosts[entry.ends[2]].n_entries -= 1

    def _kill_flows(self) -> None:
        oldest = list(self._flows.values())[: 1 + len(self._flows) * _KILL_SHARE // 100]
        for entry in oldest:
            self._drop(entry)

    def _kill_hosts(self) -> None:
        n = 1 + len(self._hosts) * _KILL_SHARE // 100
        self._kill_flows()
        idle = [address for address, known in self._hosts.items() if not known.n_entries]
        for address in idle[:n]:
            del self._hosts[address]

    def _expire(self, now_s: int) -> None:
        if now_s == self._expired_s:
            return
        self._expired_s = now_s
        for entry in list(self._flows.values()):
            if (now_s - entry.created_s) & _U32 <= _FLOW_S:
                break
            self._drop(entry)
        for address, known in list(self._hosts.items()):
            if (now_s - known.seen_s) & _U32 <= _HOST_IDLE_S:
                break
            if not known.n_entries:
                del self._hosts[address]


def _as_p0f_reads_it(signature: Signature, ack: int) -> Signature:
    """p0f looks at one bit of a SYN's acknowledgement number where we look at all of them."""
    quirks = signature.quirks - {"ack+"}
    return replace(signature, quirks=quirks | {"ack+"} if ack >> 24 & 1 else quirks)


def with_peer_mss(signature: Signature, peer_mss: int) -> Signature:
    """The signature of a SYN/ACK where the SYN's MSS is known: the last trials for its window."""
    if signature.multiple is not None or not signature.window or signature.mss < 100:
        return signature
    for unit in (peer_mss, peer_mss - 12):
        if peer_mss and unit > 0 and signature.window % unit == 0:
            return replace(signature, multiple=("mss", signature.window // unit))
    return signature
