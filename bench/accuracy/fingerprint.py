"""Which code a result was made with: results and captures of other code are not taken for ours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SCORING = ("answers", "measure", "methods", "pairs", "regimes")
_N_DIGITS = 12
_KINDS = {".py", ".toml", ".so", ".pyd"}


def _digest(folders: Iterable[str]) -> str:
    digest = hashlib.blake2b()
    for folder in folders:
        top = ROOT / folder
        paths = [top] if top.is_file() else sorted(top.rglob("*"))
        for path in paths:
            if path.suffix in _KINDS and path.is_file():
                digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
                digest.update(hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()[:_N_DIGITS]


def simulator() -> str:
    """Fingerprint of what makes captures."""
    return _digest(["lab/sim", "lab/superpose", "bench/accuracy/superposed.py"])


def method(name: str) -> str:
    """Fingerprint of what makes the results of a method: the engine, or a baseline on its flows.

    Baselines read the core's flows, and are not made anew when only the engine changes.
    """
    scoring = [f"bench/accuracy/{name}.py" for name in _SCORING] + ["lab/score"]
    if name == "wiretell":
        return _digest(["src/wiretell", *scoring])
    return _digest(["lab/baselines", *scoring, *_core()])


def _core() -> list[str]:
    return [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "src/wiretell").glob("_core*.so"))
    ]
