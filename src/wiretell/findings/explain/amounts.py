"""Numbers inside a sentence: bytes, counts, lengths of time."""

from __future__ import annotations

US, MS, S = 1_000, 1_000_000, 1_000_000_000


def n_bytes(number: int) -> str:
    """`1 byte`, `58 bytes`."""
    return amount(number, "byte")


def amount(number: int, one: str) -> str:
    """`1 packet`, `2 packets`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def duration(length_ns: int) -> str:
    """`340 ns`, `35 µs`, `1.25 ms`, `3.4 s`, `2 h 5 min`: three figures where there are so many."""
    length = abs(length_ns)
    for limit, unit_ns, unit in ((US, 1, "ns"), (MS, US, "µs"), (S, MS, "ms"), (100 * S, S, "s")):
        if length < limit:
            return f"{length / unit_ns:.3g} {unit}" if length < 999.5 * unit_ns else _next(unit)
    minutes, seconds = divmod(round(length / S), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def _next(unit: str) -> str:
    return {"ns": "1 µs", "µs": "1 ms", "ms": "1 s"}[unit]


def places(first: int, last: int) -> str:
    """`1`, `1 to 58`."""
    return str(first) if first == last else f"{first} to {last}"


def span(first: int, last: int) -> str:
    """`byte 1`, `bytes 1 to 58`."""
    return f"byte{'s' if first != last else ''} {places(first, last)}"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
