"""The draws that came out worst: where to look next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.accuracy.records import Record

ORDERS: dict[str, Callable[[Record], tuple[float, ...]]] = {
    "ari": lambda r: (r.ari, -abs(r.n_found - r.n_true)),
    "count": lambda r: (-abs(r.n_found - r.n_true), r.ari),
    "interval": lambda r: (r.n_covered - r.n_addresses, -_outside(r), r.ari),
    "over-claim": lambda r: (-r.n_over_claims, -abs(r.n_found - r.n_true), r.ari),
}


_HEAD = (
    "row       seed  method     true found  90 %     ARI  pair P  pair R  given  verdict; capture"
)


def _outside(record: Record) -> int:
    return max(record.low - record.n_true, record.n_true - record.high, 0)


def worst(records: Sequence[Record], n: int, by: str) -> str:
    """The `n` worst of each row and method, a line each, failures first."""
    lines = [_HEAD]
    groups = sorted({(r.row, r.method) for r in records})
    for row, method in groups:
        own = [r for r in records if (r.row, r.method) == (row, method)]
        own.sort(key=lambda r: (not r.error, *ORDERS[by](r), r.seed))
        lines += [_line(r) for r in own[:n]]
    return "\n".join(lines) + "\n"


def _line(r: Record) -> str:
    start = f"{r.row:8s} {r.seed:5d}  {r.method:9s}"
    if r.error:
        return f"{start} FAILED {r.error}"
    interval = f"{r.low}-{r.high}"
    given = r.n_assigned / r.n_flows if r.n_flows else 0.0
    return (
        f"{start} {r.n_true:4d} {r.n_found:5d}  {interval:>6s}  {r.ari:6.3f}  "
        f"{r.pair_precision:6.3f}  {r.pair_recall:6.3f}  {given:5.3f}  {r.verdicts}; {r.capture}"
    )
