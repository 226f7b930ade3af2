"""SSH opening: RFC 4253 sections 4.2 and 7.1; HASSH: the published method (BSD-3-Clause)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import md5

from wiretell.protocols.cursor import Cursor, ShortError
from wiretell.protocols.text import text

_BANNER = re.compile(rb"SSH-[12]\.[0-9]{1,2}-[^\r\n]{0,245}(?=\r?\n)")
_KEXINIT = 20
_MAX_PACKET_BYTES = 35000
_N_LISTS = 10


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """The ten algorithm lists of a KEXINIT, as sent (RFC 4253 section 7.1)."""

    lists: tuple[bytes, ...]

    def hassh(self, *, client: bool) -> str:
        """HASSH of a client, or hasshServer: MD5 of the lists of the sender's own direction."""
        own = 0 if client else 1
        kex, cipher, mac, compression = 0, 2 + own, 4 + own, 6 + own
        joined = b";".join(self.lists[i] for i in (kex, cipher, mac, compression))
        return md5(joined, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Opening:
    """What one side says before encryption: its banner and, if whole, its KEXINIT."""

    banner: str
    key_exchange: KeyExchange | None


def opening(payload: bytes) -> Opening | None:
    """Reads the start of one side; `None` where it does not begin with a whole banner line."""
    banner = _BANNER.match(payload)
    if banner is None:
        return None
    packet_at = payload.find(b"\n", banner.end()) + 1
    return Opening(text(banner.group()), _key_exchange(Cursor(payload, packet_at)))


def _key_exchange(at: Cursor) -> KeyExchange | None:
    try:
        n_bytes = at.u32()
        padding = at.u8()
        if not padding < n_bytes <= _MAX_PACKET_BYTES or at.u8() != _KEXINIT:
            return None
        at.take(16)  # cookie
        return KeyExchange(tuple(at.take(at.u32()) for _ in range(_N_LISTS)))
    except ShortError:
        return None
