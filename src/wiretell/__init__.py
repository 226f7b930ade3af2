"""Which machine was that? Tell apart the machines behind an address, from captured traffic.

`analyze` gives a `Report` of Polars tables; `read` iterates over decoded packets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wiretell.errors import CaptureError, ConfigError, WiretellError
    from wiretell.model.progress import Progress
    from wiretell.model.report import Report
    from wiretell.pipeline import Config, analyze, read
    from wiretell.sources.saved import load

_HOME = {
    "analyze": "wiretell.pipeline",
    "load": "wiretell.sources.saved",
    "read": "wiretell.pipeline",
    "Config": "wiretell.pipeline",
    "Progress": "wiretell.model.progress",
    "Report": "wiretell.model.report",
    "CaptureError": "wiretell.errors",
    "ConfigError": "wiretell.errors",
    "WiretellError": "wiretell.errors",
}

__all__ = [
    "CaptureError",
    "Config",
    "ConfigError",
    "Progress",
    "Report",
    "WiretellError",
    "analyze",
    "load",
    "read",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that `wiretell --help` starts at once."""
    if name not in _HOME:
        raise AttributeError(f"module 'wiretell' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOME[name]), name)
