"""A guest's whole file system, as the kernel unpacks it: busybox, modules, program, plan."""

from __future__ import annotations

import gzip
import stat
from collections.abc import Mapping

DIRECTORIES = ("bin", "dev", "lib", "proc", "sys")


def archive(files: Mapping[str, bytes], programs: frozenset[str]) -> bytes:
    """A gzipped cpio archive (newc) of `files`, names without leading slash.

    Those in `programs` are executable. Same input, same bytes.
    """
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in DIRECTORIES]
    for name in sorted(files):
        mode = 0o755 if name in programs else 0o644
        entries.append((name, stat.S_IFREG | mode, files[name]))
    entries.append(("TRAILER!!!", 0, b""))
    cpio = b"".join(
        _entry(number, name, mode, content)
        for number, (name, mode, content) in enumerate(entries, 1)
    )
    return gzip.compress(cpio, compresslevel=1, mtime=0)


def _entry(number: int, name: str, mode: int, content: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    # ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(head + encoded) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
