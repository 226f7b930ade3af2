"""Memory of a long run: large blocks are given back when they are freed."""

from __future__ import annotations

_M_MMAP_THRESHOLD = -3
"""mallopt(3)."""
_LARGE_BYTES = 1 << 20


def keep_large_blocks_apart() -> None:
    """Blocks of a megabyte or more never come from the heap, where the C library lets us say so.

    glibc gives each large block memory of its own, but calls a block large only beyond the
    greatest that was ever freed, up to 32 MB. The columns of a table are a few megabytes, each of
    another size: on the heap they leave holes, and a run that needs no more memory from one hour
    to the next grows all the same.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
