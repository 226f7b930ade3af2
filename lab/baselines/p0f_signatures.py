"""TCP signatures as p0f 3 writes them: its database, and which entry a packet matches.

Source: p0f 3.09b: the syntax of its documentation, section 5, and its behaviour.
The database itself is the user's (Debian: /etc/p0f/p0f.fp) and is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DATABASE = Path("/etc/p0f/p0f.fp")
"""Where Debian's package puts it."""

_MAX_DISTANCE = 35
_CUSTOMARY_TTLS = (32, 64, 128, 255)
_MAY_VANISH = frozenset({"df", "id+"})
_MAY_APPEAR = frozenset({"id-", "ecn"})
_ONLY_IPV6 = frozenset({"flow"})
_ONLY_IPV4 = frozenset({"df", "id+", "id-"})


@dataclass(frozen=True)
class Signature:
    """The handwriting of one SYN or SYN/ACK.

    `multiple` is the window as a multiple of MSS or MTU: ("mss", 20), or None. `layout` names the
    options in order; `eol_pad` counts the bytes behind an `eol`.
    """

    version: int
    ttl: int
    ip_options: int
    mss: int
    window: int
    multiple: tuple[str, int] | None
    wscale: int
    layout: tuple[str, ...]
    eol_pad: int
    quirks: frozenset[str]
    payload: bool


@dataclass(frozen=True)
class Record:
    """One `sig` line of the database. None in a field matches anything.

    `kind` is the class of systems, None for programs (`!`), which run on `systems`.
    """

    line: int
    label: int
    generic: bool
    kind: str | None
    name: str
    systems: tuple[str, ...]
    version: int | None
    ttl: int
    bad_ttl: bool
    ip_options: int
    mss: int | None
    window: tuple[str, int] | None
    wscale: int | None
    layout: tuple[str, ...]
    eol_pad: int
    quirks: frozenset[str]
    payload: bool | None


@dataclass(frozen=True)
class Match:
    """What p0f makes of a signature; `record` None is unknown."""

    record: Record | None
    fuzzy: bool
    distance: int


@dataclass(frozen=True)
class Database:
    """The TCP part of a p0f.fp: records of SYNs and of SYN/ACKs, in order of the file."""

    request: tuple[Record, ...]
    response: tuple[Record, ...]


@lru_cache(maxsize=4)
def read_database(path: Path = DATABASE) -> Database:
    """Read the `tcp:` sections of a p0f.fp.

    Raises OSError, and ValueError that names the line where the syntax is not p0f's.
    """
    found: dict[str, list[Record]] = {"[tcp:request]": [], "[tcp:response]": []}
    section, label = "", ""
    n_labels = 0
    systems: tuple[str, ...] = ()
    for number, line in enumerate(path.read_text("utf-8", "replace").split("\n"), 1):
        text = line.strip(" \t")
        if not text or text.startswith(";"):
            continue
        if text.startswith("["):
            section = text
        elif section in found:
            key, _, value = (part.strip(" \t") for part in text.partition("="))
            try:
                if key == "label":
                    label, systems, n_labels = value, (), n_labels + 1
                elif key == "sys":
                    systems = tuple(x.strip().lower() for x in value.split(","))
                elif key == "sig":
                    found[section].append(_record(number, n_labels, label, systems, value))
            except (ValueError, IndexError) as error:
                raise ValueError(f"{path}: line {number} is no p0f signature: {text}") from error
    return Database(tuple(found["[tcp:request]"]), tuple(found["[tcp:response]"]))


def _record(line: int, n_label: int, label: str, systems: tuple[str, ...], text: str) -> Record:
    quality, kind, name = label.split(":")[:3]
    version, ttl, ip_options, mss, window, layout, quirks, payload = text.split(":")
    size, wscale = window.split(",")
    options, eol_pad = _layout(layout)
    return Record(
        line=line,
        label=n_label,
        generic=quality == "g",
        kind=None if kind == "!" else kind.lower(),
        name=name.lower(),
        systems=systems,
        version=_number(version),
        ttl=sum(int(x) for x in ttl.rstrip("-").split("+")),
        bad_ttl=ttl.endswith("-"),
        ip_options=int(ip_options),
        mss=_number(mss),
        window=_window(size),
        wscale=_number(wscale),
        layout=options,
        eol_pad=eol_pad,
        quirks=_quirks(quirks),
        payload={"*": None, "0": False, "+": True}[payload],
    )


def _number(text: str) -> int | None:
    return None if text == "*" else int(text)


def _window(text: str) -> tuple[str, int] | None:
    if text == "*":
        return None
    if text.startswith("%"):
        return "%", int(text[1:])
    unit, star, number = text.partition("*")
    return (unit, int(number)) if star else ("=", int(text))


def _layout(text: str) -> tuple[tuple[str, ...], int]:
    options = tuple(filter(None, text.split(",")))
    if options and options[-1].startswith("eol+"):
        return (*options[:-1], "eol"), int(options[-1][4:])
    return options, 0


def _quirks(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def parse_signature(text: str, window: int) -> Signature:
    """A raw signature, as the column `orig_syn` of `FLOWS` has it, with the window as sent.

    Raises ValueError if it is not one.
    """
    version, ttl, ip_options, mss, size, layout, quirks, payload = text.split(":")
    unit, star, number = size.partition(",")[0].partition("*")
    options, eol_pad = _layout(layout)
    return Signature(
        version=int(version),
        ttl=int(ttl.partition("+")[0]),
        ip_options=int(ip_options),
        mss=int(mss),
        window=window,
        multiple=(unit, int(number)) if star else None,
        wscale=int(size.partition(",")[2]),
        layout=options,
        eol_pad=eol_pad,
        quirks=_quirks(quirks),
        payload=payload == "+",
    )


def guessed_distance(ttl: int) -> int:
    """Hops from the least customary initial TTL that can have become `ttl`."""
    return next(initial for initial in _CUSTOMARY_TTLS if ttl <= initial) - ttl


def match(signature: Signature, records: tuple[Record, ...]) -> Match:
    """The first exact specific record, else the first exact generic one, else the first fuzzy one.

    Fuzzy is: `df` or `id+` gone, `id-` or `ecn` come, or a TTL that is higher than the record's or
    more than 35 below. Programs are never matched fuzzily; p0f then leaves the distance at 0.
    """
    generic = fuzzy = None
    for record, exact in _candidates(signature, records):
        if exact and not record.generic:
            return Match(record, False, record.ttl - signature.ttl)
        if exact:
            generic = generic or record
        else:
            fuzzy = fuzzy or record
    if generic is not None:
        return Match(generic, False, generic.ttl - signature.ttl)
    if fuzzy is None:
        return Match(None, False, guessed_distance(signature.ttl))
    if fuzzy.kind is None:
        return Match(None, False, 0)
    hops = fuzzy.ttl - signature.ttl
    near = hops >= 0 and (fuzzy.bad_ttl or hops <= _MAX_DISTANCE)
    return Match(fuzzy, True, hops if near else guessed_distance(signature.ttl))


def _candidates(signature: Signature, records: tuple[Record, ...]) -> Iterator[tuple[Record, bool]]:
    """Records that match, each with whether exactly."""
    for record in records:
        if record.layout != signature.layout:
            continue
        if (record.eol_pad, record.ip_options) != (signature.eol_pad, signature.ip_options):
            continue
        quirks = record.quirks
        if record.version is None:
            quirks -= _ONLY_IPV6 if signature.version == 4 else _ONLY_IPV4
        if (quirks - signature.quirks) - _MAY_VANISH or (signature.quirks - quirks) - _MAY_APPEAR:
            continue
        hops = record.ttl - signature.ttl
        if record.bad_ttl and hops < 0:
            continue
        exact = quirks == signature.quirks and (record.bad_ttl or 0 <= hops <= _MAX_DISTANCE)
        if (
            record.mss in (None, signature.mss)
            and record.wscale in (None, signature.wscale)
            and record.payload in (None, signature.payload)
            and _window_fits(record.window, signature)
        ):
            yield record, exact


def _window_fits(wanted: tuple[str, int] | None, signature: Signature) -> bool:
    if wanted is None:
        return True
    unit, number = wanted
    if unit == "%":
        return signature.window % number == 0
    if unit == "=":
        return signature.window == number
    return signature.multiple == wanted
