"""How a file of NetFlow messages begins: written by an exporter, known again by a source."""

from __future__ import annotations

FILE_MAGIC = b"NFMSGS1\n"
"""Then messages, each behind its length: 4 bytes, big-endian. IPFIX needs none (RFC 5655)."""
