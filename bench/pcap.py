"""Packets as a pcap file's bytes (nanoseconds, Ethernet), a whole batch at a time."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from bench.speech import TEXTS
from bench.traffic import STAMPED, SYN_PLAIN, SYN_STAMPED, Packets

N_RECORD, N_ETHERNET, N_IP, N_TCP, N_OPTIONS = 16, 14, 20, 20, 20
OPTION_BYTES = np.array([0, 12, 12, 20])  # by kind of header
NOISE = np.random.default_rng(0).integers(0, 256, 1 << 20, dtype="u1")

RECORD = np.dtype(
    [
        ("time_s", "<u4"),
        ("time_ns", "<u4"),
        ("n_captured", "<u4"),
        ("n_wire", "<u4"),
        ("macs", "u1", 12),
        ("ethertype", ">u2"),
        ("version", "u1"),
        ("tos", "u1"),
        ("total", ">u2"),
        ("ipid", ">u2"),
        ("fragment", ">u2"),
        ("ttl", "u1"),
        ("proto", "u1"),
        ("ip_checksum", ">u2"),
        ("src", ">u4"),
        ("dst", ">u4"),
        ("sport", ">u2"),
        ("dport", ">u2"),
        ("seq", ">u4"),
        ("ack", ">u4"),
        ("data_offset", "u1"),
        ("flags", "u1"),
        ("window", ">u2"),
        ("tcp_checksum", ">u2"),  # left 0, as a sender that offloads shows it to a capture
        ("urgent", ">u2"),
        ("options", "u1", N_OPTIONS),
    ]
)


def file_header(snaplen: int) -> bytes:
    """The 24 bytes before the first record: nanosecond pcap of link type 1."""
    return struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snaplen, 1)


def encode(batch: Packets, snaplen: int) -> NDArray[np.uint8]:
    """The records of a batch, each cut at `snaplen` bytes."""
    n_header = N_ETHERNET + N_IP + N_TCP + OPTION_BYTES[batch["kind"]]
    n_wire = n_header + batch["n_payload"]
    n_captured = np.minimum(n_wire, snaplen)
    offset = np.cumsum(N_RECORD + n_captured) - (N_RECORD + n_captured)
    total = int(np.sum(N_RECORD + n_captured))
    out = np.resize(NOISE, total)

    heads = _heads(batch, n_wire, n_captured).view("u1").reshape(len(batch), RECORD.itemsize)
    for kind in np.unique(batch["kind"]):
        rows = np.flatnonzero(batch["kind"] == kind)
        n = N_RECORD + min(snaplen, N_ETHERNET + N_IP + N_TCP + int(OPTION_BYTES[kind]))
        out[offset[rows, None] + np.arange(n)] = heads[rows, :n]
    for index, text in enumerate(TEXTS):
        rows = np.flatnonzero((batch["text"] == index) & (n_captured == n_wire))
        at = offset[rows] + N_RECORD + n_header[rows]
        out[at[:, None] + np.arange(len(text))] = np.frombuffer(text, "u1")
    return out


def _heads(
    batch: Packets, n_wire: NDArray[np.int64], n_captured: NDArray[np.int64]
) -> NDArray[np.void]:
    heads = np.zeros(len(batch), RECORD)
    heads["time_s"], heads["time_ns"] = np.divmod(batch["time_ns"], 1_000_000_000)
    heads["n_captured"], heads["n_wire"] = n_captured, n_wire
    heads["macs"] = np.frombuffer(bytes.fromhex("020000000001020000000002"), "u1")
    heads["ethertype"] = 0x0800
    heads["version"], heads["fragment"], heads["proto"] = 0x45, 0x4000, 6
    heads["total"] = n_wire - N_ETHERNET
    for name in ("ipid", "ttl", "src", "dst", "sport", "dport", "seq", "ack", "flags", "window"):
        heads[name] = batch[name]
    heads["data_offset"] = (N_TCP + OPTION_BYTES[batch["kind"]]) // 4 << 4
    heads["options"] = _options(batch)
    words = heads.view("u1").reshape(len(batch), RECORD.itemsize)
    ip = words[:, N_RECORD + N_ETHERNET :][:, :N_IP].astype("u4")
    checksum = (ip[:, 0::2] << 8 | ip[:, 1::2]).sum(axis=1)
    checksum = (checksum & 0xFFFF) + (checksum >> 16)
    heads["ip_checksum"] = 0xFFFF - ((checksum & 0xFFFF) + (checksum >> 16))
    return heads


def _options(batch: Packets) -> NDArray[np.uint8]:
    """Option areas by kind: MSS, window scale, SACK permitted and timestamps, as stacks send."""
    options = np.zeros((len(batch), N_OPTIONS), "u1")
    stamps = np.stack([batch["tsval"], batch["tsecr"]], axis=1).astype(">u4").view("u1")
    stamps = stamps.reshape(len(batch), 8)
    kind = batch["kind"]
    options[kind == STAMPED, :4] = (1, 1, 8, 10)
    options[kind == STAMPED, 4:12] = stamps[kind == STAMPED]
    options[kind == SYN_STAMPED] = (2, 4, 5, 180, 4, 2, 8, 10, *[0] * 8, 1, 3, 3, 7)
    options[kind == SYN_STAMPED, 8:16] = stamps[kind == SYN_STAMPED]
    options[kind == SYN_PLAIN, :12] = (2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2)
    return options
