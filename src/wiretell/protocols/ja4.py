"""JA4, the TLS client fingerprint: FoxIO's published description (BSD-3-Clause).

Only JA4 for clients; the other fingerprints of that family carry another licence.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from wiretell.protocols.tls import ClientHello, is_grease

_VERSION_NAMES = {
    0x0304: "13",
    0x0303: "12",
    0x0302: "11",
    0x0301: "10",
    0x0300: "s3",
    0x0002: "s2",
    0xFEFF: "d1",
    0xFEFD: "d2",
    0xFEFC: "d3",
}
_SNI, _ALPN = 0x0000, 0x0010
_NOTHING = "000000000000"


def ja4(hello: ClientHello, transport: str = "t") -> str:
    """Fingerprint of a whole hello; `transport`: `t` TCP, `q` QUIC, `d` DTLS.

    A cut hello has no fingerprint: the caller looks at `hello.cut` first.
    """
    ciphers = [c for c in hello.ciphers if not is_grease(c)]
    extensions = [e for e in hello.extensions if not is_grease(e)]
    signatures = [s for s in hello.signature_algorithms if not is_grease(s)]
    offered = [v for v in hello.versions if not is_grease(v)]
    version = max(offered) if offered else hello.version
    hashed = [e for e in extensions if e not in (_SNI, _ALPN)]
    return "".join(
        (
            transport,
            _VERSION_NAMES.get(version, "00"),
            "d" if _SNI in extensions else "i",
            f"{min(len(ciphers), 99):02d}{min(len(extensions), 99):02d}",
            _alpn_ends(hello.alpn),
            "_",
            _short_hash(tuple(sorted(ciphers))) if ciphers else _NOTHING,
            "_",
            _short_hash(tuple(sorted(hashed)), tuple(signatures)) if hashed else _NOTHING,
        )
    )


def _hex_list(values: Iterable[int]) -> str:
    return ",".join([f"{v:04x}" for v in values])


@lru_cache(maxsize=512)
def _short_hash(values: tuple[int, ...], more: tuple[int, ...] = ()) -> str:
    """Of the list, and of `more` where there are some; the clients of a capture are few."""
    listed = _hex_list(values) + ("_" + _hex_list(more) if more else "")
    return sha256(listed.encode("ascii")).hexdigest()[:12]


def _alpn_ends(alpn: tuple[bytes, ...]) -> str:
    """First and last character of the first name; of its hex where one is no letter or digit."""
    if not alpn or not alpn[0]:
        return "00"
    ends = alpn[0][:1] + alpn[0][-1:]
    if ends.isalnum():
        return ends.decode("ascii")
    digits = alpn[0].hex()
    return digits[0] + digits[-1]
