"""Parts of NumPy that SciPy asks for by name when it loads, and that nothing here ever uses.

SciPy copies all names of NumPy (array-api-compat, `clone_module`), and to name a part loads it:
the compiler of Fortran, the tools for tests, masked arrays take longer than the capture that is
waiting. While SciPy loads, they stand there by name, and are loaded if they are used after all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

PARTS = (
    "char",
    "core",
    "ctypeslib",
    "f2py",
    "ma",
    "polynomial",
    "random",
    "rec",
    "strings",
    "testing",
)
"""Of `numpy`. One that is loaded already, or that this NumPy does not have, is left as it is."""


class Deferred(ModuleType):
    """Stands for a module: its attributes are those of the module, which is loaded for them."""

    def __getattr__(self, name: str) -> Any:
        """Called for what is not known here, which is all but a module's own names."""
        if name.startswith("__"):  # asked by machinery of what is at hand, not by a user
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


@contextmanager
def deferred_numpy() -> Iterator[None]:
    """While the block runs, `PARTS` are there without being loaded; after it NumPy is as before."""
    import numpy as np

    known = vars(np)
    stand_ins = {
        part: Deferred(f"{np.__name__}.{part}")
        for part in PARTS
        if part not in known and part in dir(np)
    }
    known.update(stand_ins)
    try:
        yield
    finally:
        for part, stand_in in stand_ins.items():
            if known.get(part) is stand_in:
                del known[part]
