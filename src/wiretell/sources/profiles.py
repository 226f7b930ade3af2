"""Profiles read from a file that `devices --save-profiles` wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wiretell.errors import ConfigError
from wiretell.model.profiles import (
    DESTINATION,
    FLOW,
    FORMAT,
    HOST,
    ClockProfile,
    Opening,
    Profile,
    ProfileSet,
    RatePoint,
    TimeLine,
)

MAX_FILE_BYTES = 1 << 28
"""A larger file is refused: it is read whole."""
_START = b'{"format": "wiretell.profiles/'
_MOST_NS = 2**62
"""Times beyond are refused: sums of two must not leave 64 bits."""


def is_profiles_file(path: Path) -> bool:
    """True for a file that begins as a file of profiles does."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_START)) == _START


def load_profiles(path: str | Path) -> ProfileSet:
    """Reads the profiles in the file `path`.

    Raises:
        ConfigError: it is no file of profiles, or of another version, or damaged.
        OSError: it cannot be read.
    """
    file = Path(path)
    if file.stat().st_size > MAX_FILE_BYTES:
        raise ConfigError(f"{file}: larger than {MAX_FILE_BYTES >> 20} MB, too large for profiles")
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not a file of profiles: {error}") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise ConfigError(f"{file}: its format is {found!r}, this wiretell reads {FORMAT}")
    try:
        return _set(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{file}: not a file of profiles: {error!r}") from error


def _set(of: Mapping[str, Any]) -> ProfileSet:
    return ProfileSet(
        source=_text(of["source"]),
        profiles=tuple(_profile(p) for p in of["profiles"]),
        key_id=_text(of["key_id"]),
        version=_text(of["version"]),
        damaged=bool(of["damaged"]),
        n_left_out=_count(of["n_left_out"]),
    )


def _profile(of: Mapping[str, Any]) -> Profile:
    texts = ("source", "device", "address", "role", "looks_like")
    regimes = ("clock_regime", "ipid_regime", "port_regime")
    return Profile(
        **{name: _text(of[name]) for name in (*texts, *regimes)},
        first_ns=_time(of["first_ns"]),
        last_ns=_time(of["last_ns"]),
        n_flows=_count(of["n_flows"]),
        n_machines=_count(of["n_machines"]),
        clock=_clock(of["clock"]) if of["clock"] is not None else None,
        labels={
            _text(kind): {_text(text): _positive(n) for text, n in said.items()}
            for kind, said in of["labels"].items()
            if said
        },
        opened=tuple(
            Opening(_time(x["time_ns"]), _count(x["port"]), _text(x["asked"])) for x in of["opened"]
        ),
    )


def _clock(of: Mapping[str, Any]) -> ClockProfile:
    hz = _number(of["nominal_hz"])
    if not 0.0 < hz < 1e9:
        raise ValueError(f"a clock of {hz} Hz")
    ppm, error = of["ppm"], of["error_ppm"]
    known = ppm is not None and error is not None
    return ClockProfile(
        nominal_hz=hz,
        ppm=_number(ppm) if known else math.nan,
        error_ppm=_error(error) if known else math.inf,
        n_readings=_count(of["n_readings"]),
        curve=tuple(
            RatePoint(_time(p["time_ns"]), _number(p["ppm"]), _error(p["error_ppm"]))
            for p in of["curve"]
        ),
        lines=tuple(_line(line) for line in of["lines"]),
        boot_ns=None if of["boot_ns"] is None else _time(of["boot_ns"]),
        boot=_text(of["boot"]),
    )


def _line(of: Mapping[str, Any]) -> TimeLine:
    if of["scope"] not in (HOST, DESTINATION, FLOW):
        raise ValueError(f"a line of scope {of['scope']!r}")
    return TimeLine(
        scope=of["scope"],
        peer=_text(of["peer"]),
        time_ns=_time(of["time_ns"]),
        tsval=_number(of["tsval"]),
        first_ns=_time(of["first_ns"]),
        last_ns=_time(of["last_ns"]),
        n_flows=_count(of["n_flows"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _time(value: Any) -> int:
    if abs(_whole(value)) > _MOST_NS:
        raise ValueError(f"{value} ns is no time")
    return int(value)


def _count(value: Any) -> int:
    if not 0 <= _whole(value) <= _MOST_NS:
        raise ValueError(f"{value} is no count")
    return int(value)


def _positive(value: Any) -> int:
    if _count(value) == 0:
        raise ValueError("a text that nobody showed")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    if not abs(value) <= 1e12:
        raise ValueError(f"{value!r} is out of range")
    return float(value)


def _error(value: Any) -> float:
    number = _number(value)
    if number <= 0.0:
        raise ValueError(f"{number} is no standard error")
    return number
