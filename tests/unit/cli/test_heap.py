"""Large blocks get memory of their own, however large the blocks were that were freed before."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes, sys
from wiretell.cli.heap import keep_large_blocks_apart

if "kept" in sys.argv:
    keep_large_blocks_apart()
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


@pytest.mark.parametrize(("word", "n_blocks"), [("as it was", 0), ("kept", 1)])
def test_large_blocks_stay_apart(word: str, n_blocks: int) -> None:
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("the C library is not glibc 2.33 or newer")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, word], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == n_blocks
