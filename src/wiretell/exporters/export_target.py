"""Where flows are exported to, and in which format, from one word.

`v9://127.0.0.1:9995` is a UDP collector, `v9:FILE` a file; a FILE alone tells its format by its
suffix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from wiretell.errors import ConfigError

SUFFIXES = {".nf5": "v5", ".nf9": "v9", ".ipfix": "ipfix"}
_TARGET = re.compile(r"(?P<format>v5|v9|ipfix|ipfix-uniflow):(?P<rest>.+)")
_ENDPOINT = re.compile(r"//(?P<host>\[[^\]]+\]|[^:/]+):(?P<port>\d{1,5})/?")


@dataclass(frozen=True)
class ExportTarget:
    """A format and a place: host and port of a collector, or a path."""

    format: str
    path: Path | None = None
    host: str = ""
    port: int = 0


def parse_target(word: str) -> ExportTarget:
    """What the word of `--export` asks for.

    Raises:
        ConfigError: it names no format, or no place.
    """
    found = _TARGET.fullmatch(word)
    if found is None:
        known = SUFFIXES.get(Path(word).suffix)
        if known is None or "://" in word:
            raise ConfigError(
                f"--export {word}: name a format and a place, as v9://HOST:PORT, ipfix:FILE or "
                f"FILE{', FILE'.join(SUFFIXES)} (formats: v5, v9, ipfix, ipfix-uniflow)"
            )
        return ExportTarget(known, Path(word))
    form, rest = found["format"], found["rest"]
    if not rest.startswith("//"):
        return ExportTarget(form, Path(rest))
    endpoint = _ENDPOINT.fullmatch(rest)
    if endpoint is None or not 0 < int(endpoint["port"]) < 65536:
        raise ConfigError(f"--export {word}: a collector is HOST:PORT")
    return ExportTarget(form, None, endpoint["host"].strip("[]"), int(endpoint["port"]))
