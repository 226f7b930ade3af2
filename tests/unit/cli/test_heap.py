"""Large blocks get memory of their own, whatever was freed before; threads share one heap."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_LARGE = """
import ctypes, sys
from wiretell.cli.heap import keep_heap_small

if "kept" in sys.argv:
    keep_heap_small()
c = ctypes.CDLL(None)
c.malloc.restype, c.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

class Told(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                 "uordblks", "fordblks", "keepcost")]

c.mallinfo2.restype = Told
c.free(c.malloc(4 << 20))
before = c.mallinfo2().hblks
block = c.malloc(2 << 20)
print(c.mallinfo2().hblks - before)
"""

_THREADS = """
import ctypes, sys, threading
from wiretell.cli.heap import keep_heap_small

if "kept" in sys.argv:
    keep_heap_small()
c = ctypes.CDLL(None)
threads = [threading.Thread(target=c.malloc, args=(1000,)) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
c.malloc_info(0, ctypes.c_void_p.in_dll(c, "stdout"))
c.fflush(None)
"""


@pytest.mark.parametrize(("word", "n_blocks"), [("as it was", 0), ("kept", 1)])
def test_large_blocks_stay_apart(word: str, n_blocks: int) -> None:
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("the C library is not glibc 2.33 or newer")
    done = subprocess.run(
        [sys.executable, "-c", _LARGE, word], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == n_blocks


@pytest.mark.parametrize(("word", "is_one"), [("as it was", False), ("kept", True)])
def test_threads_share_one_heap(word: str, is_one: bool) -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_info"):
        pytest.skip("the C library is not glibc")
    done = subprocess.run(
        [sys.executable, "-c", _THREADS, word], capture_output=True, text=True, check=True
    )
    assert (done.stdout.count("<heap ") == 1) is is_one
