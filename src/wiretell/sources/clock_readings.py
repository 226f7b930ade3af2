"""Clocks that packets tell in their payloads, read packet by packet: ICMP timestamps and RTP.

What the first payload bytes of a flow tell (HTTP Date, NTP, TLS hellos) is read while tracking.
This second look is only taken where the flows show that it is worth it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from wiretell.findings.clocks.told import icmp_readings, rtp_readings
from wiretell.model.clocks import READINGS
from wiretell.sources.captures import open_captures

BATCH_PACKETS = 1 << 17
MOST_READINGS = 4_000_000
"""Packets kept that may be readings; of more, the rest is counted and left."""
_ICMP, _UDP = 1, 17
_REQUEST, _REPLY = 13, 14
_RTP_FLOW_PACKETS = 50
_NOT_RTP_PORTS = (53, 123, 137, 138, 443, 500, 1900, 4500, 5353)
_ICMP_COLUMNS = ("src", "dst", "time_ns", "stamp")
_RTP_COLUMNS = ("src", "dst", "sport", "dport", "time_ns", "ssrc", "kind", "seq", "stamp")


def packet_readings(
    names: Sequence[str], filters: Mapping[int, bytes] | None, flows: pl.DataFrame
) -> tuple[pl.DataFrame, int]:
    """(rows of READINGS, how many packets were left out to the cap).

    `flows` are the FLOWS of the same captures: they say whether to look at all. Raises OSError,
    CaptureError.
    """
    icmp, rtp = _has_icmp(flows), _may_have_rtp(flows)
    if not icmp and not rtp:
        return READINGS.empty(), 0
    reader, _ = open_captures(names, filters, payloads=rtp)
    stamps: list[pl.DataFrame] = []
    media: list[pl.DataFrame] = []
    n_kept = n_left = 0
    while (batch := reader.packets(BATCH_PACKETS)) is not None:
        packets = pl.DataFrame(batch)
        found = [(stamps, _stamps(packets))] if icmp else []
        found += [(media, _media(packets))] if rtp else []
        for kept, rows in found:
            room = max(MOST_READINGS - n_kept, 0)
            n_left += max(rows.height - room, 0)
            kept.append(rows.head(room))
            n_kept += min(rows.height, room)
    parts = [READINGS.empty()]
    if stamps:
        parts.append(icmp_readings(pl.concat(stamps)))
    if media:
        parts.append(rtp_readings(pl.concat(media)))
    return pl.concat(parts), n_left


def _has_icmp(flows: pl.DataFrame) -> bool:
    asked = pl.col("icmp_type").is_in([_REQUEST, _REPLY])
    return not flows.filter((pl.col("proto") == _ICMP) & asked).is_empty()


def _may_have_rtp(flows: pl.DataFrame) -> bool:
    either = pl.max_horizontal("orig_pkts", "resp_pkts") >= _RTP_FLOW_PACKETS
    port = ~(pl.col("resp_p").is_in(_NOT_RTP_PORTS) | pl.col("orig_p").is_in(_NOT_RTP_PORTS))
    return not flows.filter((pl.col("proto") == _UDP) & either & port).is_empty()


def _stamps(packets: pl.DataFrame) -> pl.DataFrame:
    """What a request's sender and a reply's sender said of their own clocks."""
    rows = packets.filter(
        (pl.col("proto") == _ICMP) & pl.col("icmp_type").is_in([_REQUEST, _REPLY])
    )
    own = (
        pl.when(pl.col("icmp_type") == _REQUEST)
        .then("icmp_originate")
        .when(pl.col("icmp_transmit") > 0)
        .then("icmp_transmit")
        .otherwise("icmp_receive")
    )
    return rows.with_columns(stamp=own).filter(pl.col("stamp") > 0).select(_ICMP_COLUMNS)


def _media(packets: pl.DataFrame) -> pl.DataFrame:
    """UDP payloads that begin as RTP does: version 2, and no type of RTCP's."""
    payload = pl.col("payload")
    rows = packets.filter(
        (pl.col("proto") == _UDP)
        & (payload.bin.size() >= 12)
        & ~pl.col("sport").is_in(_NOT_RTP_PORTS)
        & ~pl.col("dport").is_in(_NOT_RTP_PORTS)
    )

    def number(at: int, dtype: type[pl.DataType]) -> pl.Expr:
        size = {pl.UInt8: 1, pl.UInt16: 2, pl.UInt32: 4}[dtype]  # type: ignore[index]
        return payload.bin.slice(at, size).bin.reinterpret(dtype=dtype, endianness="big")

    return (
        rows.filter(number(0, pl.UInt8) // 64 == 2)
        .with_columns(
            kind=number(1, pl.UInt8) % 128,
            seq=number(2, pl.UInt16),
            stamp=number(4, pl.UInt32),
            ssrc=number(8, pl.UInt32),
        )
        .filter((pl.col("kind") < 64) | (pl.col("kind") >= 96))
        .select(_RTP_COLUMNS)
    )
