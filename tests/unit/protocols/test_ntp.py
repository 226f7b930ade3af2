from __future__ import annotations

import struct

from wiretell.protocols import ntp


def test_ntp_header_and_clock() -> None:
    head = bytes([0x23, 2, 6, 0xEC]) + bytes(8) + bytes([192, 0, 2, 9]) + bytes(24)
    packet = ntp.parse(head + struct.pack(">II", 2_208_988_800 + 100, 1 << 31))
    assert packet is not None
    assert (packet.version, packet.mode, packet.poll, packet.precision) == (4, ntp.CLIENT, 6, -20)
    assert packet.reference == "192.0.2.9"
    assert packet.transmit_s == 100.5
    after_2036 = ntp.parse(head + struct.pack(">II", 5, 0))
    assert after_2036 is not None
    assert after_2036.transmit_s == 2**32 + 5 - 2_208_988_800
    silent = ntp.parse(head + bytes(8))
    assert silent is not None
    assert silent.transmit_s is None
    assert ntp.parse(bytes(48)) is None
