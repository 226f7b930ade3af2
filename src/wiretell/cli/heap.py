"""Memory of a long run: what is freed is used again, or given back."""

from __future__ import annotations

_M_MMAP_THRESHOLD = -3
"""mallopt(3)."""
_M_ARENA_MAX = -8
_LARGE_BYTES = 1 << 20


def keep_heap_small() -> None:
    """Sets glibc's allocator for a run that goes on for long; call it before threads are made.

    Blocks of a megabyte or more never come from the heap. glibc gives each large block memory of
    its own, but calls a block large only beyond the greatest that was ever freed, up to 32 MB. The
    columns of a table are a few megabytes, each of another size: on the heap they leave holes, and
    a run that needs no more memory from one hour to the next grows all the same.

    All threads share one heap. glibc gives each thread one of its own, as many as eight for a
    core. A table that one thread makes and another frees, and threads that come and go, leave
    holes in all of them.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_ARENA_MAX, 1)
