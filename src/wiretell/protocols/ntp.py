"""NTP packets: RFC 5905 section 7.3."""

from __future__ import annotations

from dataclasses import dataclass

CLIENT, SERVER = 3, 4
"""Association modes."""

_ERA_0_TO_1970_S = 2_208_988_800
_ERA_S = 1 << 32


@dataclass(frozen=True, slots=True)
class Packet:
    """The fields that differ between implementations and machines.

    `transmit_s`: the sender's clock when it sent, seconds since 1970 UTC; `None` where it is 0.
    Newer clients put a random number there.
    """

    version: int
    mode: int
    stratum: int
    poll: int
    precision: int
    reference: str
    transmit_s: float | None

    def __str__(self) -> str:
        """The header's fields in words, without the times."""
        return (
            f"version {self.version} mode {self.mode} stratum {self.stratum} poll {self.poll} "
            f"precision {self.precision} reference {self.reference}"
        )


def parse(data: bytes) -> Packet | None:
    """Reads one packet; `None` where it is too short or of no NTP version."""
    if len(data) < 48 or not 1 <= data[0] >> 3 & 7 <= 4:
        return None
    stratum = data[1]
    return Packet(
        version=data[0] >> 3 & 7,
        mode=data[0] & 7,
        stratum=stratum,
        poll=int.from_bytes(data[2:3], "big", signed=True),
        precision=int.from_bytes(data[3:4], "big", signed=True),
        reference=_reference(data[12:16], stratum),
        transmit_s=_seconds(data[40:48]),
    )


def _reference(data: bytes, stratum: int) -> str:
    """Reference identifier: a name for a primary clock, else the upstream's address or its hash."""
    if stratum <= 1:
        return data.rstrip(b"\x00").decode("latin-1")
    return ".".join(str(byte) for byte in data)


def _seconds(data: bytes) -> float | None:
    """A timestamp, taken as of the era in which it lies between 1968 and 2104 (RFC 4330)."""
    whole, fraction = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")
    if whole == 0 and fraction == 0:
        return None
    era = 0 if whole & 0x80000000 else _ERA_S
    return whole + era - _ERA_0_TO_1970_S + fraction / 2**32
