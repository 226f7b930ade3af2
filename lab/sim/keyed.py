"""Keyed hashes, as kernels use them to hide counters."""

import struct
from hashlib import blake2b


def keyed_hash(secret: bytes, *numbers: int) -> int:
    """64 bits that nobody predicts without the secret."""
    text = struct.pack(f"!{len(numbers)}q", *numbers)
    return int.from_bytes(blake2b(text, key=secret, digest_size=8).digest(), "big")
