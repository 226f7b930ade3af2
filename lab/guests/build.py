"""Compiles the two programs that machines run; results stay in the cache."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

from lab.guests.debian import Release
from lab.guests.processes import run

_HERE = Path(__file__).parent
_PLAN = _HERE / "machine" / "plan.c"
_LWIP = _HERE / "lwip"
_LWIP_SUITE = "bookworm"


def sockets_machine(cache: Path) -> Path:
    """The program of guests and namespaces. Raises CommandError."""
    sources = [_HERE / "machine" / "sockets.c", _PLAN]
    program = cache / f"sockets-machine-{_fingerprint(_HERE / 'machine')}"
    if not program.exists():
        _compile(program, ["-Wall", "-Wextra", "-static", *map(str, sources)])
    return program


def lwip_machine(cache: Path, *, timestamps: bool) -> Path:
    """The lwIP machine, with or without TCP timestamps. Raises CommandError."""
    name = f"lwip-machine-{_fingerprint(_HERE / 'machine', _LWIP)}-{int(timestamps)}"
    program = cache / name
    if program.exists():
        return program
    source = _lwip_source(cache) / "src"
    core = [*source.glob("core/*.c"), *source.glob("core/ipv4/*.c"), source / "netif/ethernet.c"]
    own = [_LWIP / "main.c", _LWIP / "ip4_counter.c", _PLAN]  # ip4_counter.c includes ip4.c
    files = [str(path) for path in (*own, *sorted(core)) if path.name != "ip4.c"]
    _compile(program, [f"-DLWIP_TCP_TIMESTAMPS={int(timestamps)}", f"-I{_LWIP}",
                       f"-I{source / 'include'}", *files])  # fmt: skip
    return program


def _compile(program: Path, words: list[str]) -> None:
    # Through another name: a build that was broken off must not look like a program.
    unfinished = program.with_suffix(".unfinished")
    run("gcc", "-O2", "-o", str(unfinished), *words)
    unfinished.rename(program)


def _fingerprint(*directories: Path) -> str:
    """Names the build by its source, so that an edit builds anew."""
    digest = hashlib.sha256()
    for directory in directories:
        for path in sorted(directory.rglob("*.[ch]")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _lwip_source(cache: Path) -> Path:
    found = [*cache.glob("lwip-source/lwip-*")]
    if not found:
        with tarfile.open(Release(_LWIP_SUITE, cache).source("lwip")) as archive:
            archive.extractall(cache / "lwip-source", filter="data")
        found = [*cache.glob("lwip-source/lwip-*")]
    return found[0]
