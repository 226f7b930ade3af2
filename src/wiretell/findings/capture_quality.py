"""Was this capture good enough? From the tracker's numbers, with reasons.

`from_report` needs only what every analysis has; `judge_capture` has the counts of all packets too.
Shares from which something counts as bad are choices, stated here, not measurements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from wiretell.findings.checksums import sort_out
from wiretell.findings.explain.amounts import amount, duration, n_bytes
from wiretell.findings.quality_counts import Counts
from wiretell.findings.quality_finding import (
    BAD,
    BAD_SHARE,
    DOUBTFUL,
    HARMLESS,
    QualityFinding,
    coarse_interfaces,
    dropped_by_capture,
    gravity,
    percent,
    severity_of,
    worded,
)

GOOD, WITH_CARE, POOR = "good", "usable with care", "poor"

MIN_FLOWS = 5
"""One-sided connections fewer than these say nothing of the capture."""
JUMBO = 9_216
"""No Ethernet frame is longer: without a known MSS only more than this is surely merged."""
MIN_TIMES = 20
"""Packets whose times show their resolution."""
N_BINS = 60
FEW = 3
"""Addresses named, where there may be many."""
NS_PER_S = 1_000_000_000
_SIDES = ("from originators", "from responders")


@dataclass(frozen=True)
class Drops:
    """Missing bytes noticed in one stretch of time, by the side that had sent them."""

    start_ns: int
    width_ns: int
    side: int
    kind: str
    n: int


@dataclass(frozen=True)
class Quality:
    """The verdict, what led to it (worst first), and what was looked at and found well."""

    verdict: str
    n_packets: int
    findings: tuple[QualityFinding, ...]
    drops: tuple[Drops, ...]
    fine: tuple[str, ...]


CHECKED = {
    "missing": "no byte was acknowledged that was not captured",
    "one_sided": "both directions of its TCP connections are there",
    "copies": "no packet is there twice",
    "checksums": "checksums are right",
    "super_segments": "no segment is larger than the MSS allows",
    "snap_length": "no packet is cut",
    "time_backwards": "time never steps back",
    "clock_jump": "no jump of the clock was seen",
    "coarse_time": "times have microseconds or better",
}
"""What is looked at in every packet, and what is said where nothing is found."""

WRONG_CHECKSUMS = {"bad_checksums", "edited_checksums", "own_checksums", "unfinished_checksums"}


def from_report(provenance: Mapping[str, Any], flows: pl.DataFrame) -> list[QualityFinding]:
    """What an analysis without a look at every packet shows (provenance as in `Report`)."""
    counters = provenance.get("counters") or {}
    found = [
        *dropped_by_capture(provenance.get("files") or (), counters),
        *_one_sided(flows),
        *coarse_interfaces(provenance.get("files") or ()),
    ]
    return sorted(found, key=gravity)


def judge_capture(counts: Counts, flows: pl.DataFrame, provenance: Mapping[str, Any]) -> Quality:
    """The quality of a capture that was read whole: `counts` of all its batches, its FLOWS.

    `provenance` has `files`, `counters` and `damage` as in `Report`.
    """
    total = max(counts.n_packets, 1)
    found = [
        *dropped_by_capture(provenance.get("files") or (), provenance.get("counters") or {}),
        *_missing(counts, flows),
        *_one_sided(flows),
        *_copies(counts, total),
        *_checksums(counts),
        *_super_segments(counts),
        *_cut(counts, total),
        *_time(counts),
        *_evicted(provenance.get("counters") or {}),
        *_damaged(provenance.get("damage") or ()),
    ]
    found.sort(key=gravity)
    kinds = {finding.kind for finding in found}
    if not counts.n_analysed:
        kinds.add("missing")  # nothing was found, as nothing was looked at
    if counts.checksums.is_empty() or kinds & WRONG_CHECKSUMS:
        kinds.add("checksums")
    worst = min((gravity(finding)[0] for finding in found), default=2)
    return Quality(
        verdict=(POOR, WITH_CARE, GOOD)[worst],
        n_packets=counts.n_packets,
        findings=tuple(found),
        drops=_drops(counts),
        fine=tuple(words for kind, words in CHECKED.items() if kind not in kinds),
    )


def _missing(counts: Counts, flows: pl.DataFrame) -> Iterator[QualityFinding]:
    for kind, mark in (("missing", "ack_lost_segment"), ("gaps", "lost_segment")):
        own = counts.gaps.filter(pl.col("kind") == mark)
        number = int(own["n"].sum())
        if not number:
            continue
        severity = severity_of(number, counts.n_packets) if kind == "missing" else HARMLESS
        severity = DOUBTFUL if kind == "missing" and severity == HARMLESS else severity
        values = {
            "gaps": amount(number, "packet"),
            "by_side": _by_side(own),
            "when": _when(own, counts),
            "bytes": _missing_bytes(flows) if kind == "missing" else "",
        }
        yield worded(kind, severity, number, counts.n_packets, **values)


def _missing_bytes(flows: pl.DataFrame) -> str:
    columns = [
        name for name in ("orig_missing_bytes", "resp_missing_bytes") if name in flows.columns
    ]
    total = sum(int(flows[name].sum() or 0) for name in columns)
    return f", {n_bytes(total)} in all" if total else ""


def _by_side(gaps: pl.DataFrame) -> str:
    counted = gaps.group_by("side").agg(pl.col("n").sum()).sort("side")
    return " and ".join(f"{n} of data {_SIDES[side]}" for side, n in counted.iter_rows())


def _when(gaps: pl.DataFrame, counts: Counts) -> str:
    """Whether they come together in time: the shortest stretch that has four in five."""
    spread = (counts.last_ns or 0) - (counts.first_ns or 0)
    number = int(gaps["n"].sum())
    if spread < 10 * counts.gap_width_ns or number < MIN_FLOWS:
        return ""
    per_bin = gaps.group_by("start_ns").agg(pl.col("n").sum()).sort("n", descending=True)
    busiest = per_bin.with_columns(so_far=pl.col("n").cum_sum())
    needed = int((busiest["so_far"] < 0.8 * number).sum()) + 1
    held = needed * counts.gap_width_ns
    if held * 10 > spread:
        return ", all through the capture"
    return f", most within {duration(held)} of the capture's {duration(spread)}"


def _drops(counts: Counts) -> tuple[Drops, ...]:
    """At most `N_BINS` stretches of equal width over the capture, those without drops left out."""
    if counts.gaps.is_empty() or counts.first_ns is None or counts.last_ns is None:
        return ()
    spread = counts.last_ns - counts.first_ns + 1
    per_bin = -(-spread // (N_BINS * counts.gap_width_ns))
    width = max(1, per_bin) * counts.gap_width_ns
    start = counts.first_ns // counts.gap_width_ns * counts.gap_width_ns
    binned = (
        counts.gaps.with_columns(start_ns=(pl.col("start_ns") - start) // width * width + start)
        .group_by("start_ns", "side", "kind")
        .agg(pl.col("n").sum())
        .sort("start_ns", "side", "kind")
    )
    return tuple(
        Drops(row["start_ns"], width, row["side"], row["kind"], row["n"])
        for row in binned.iter_rows(named=True)
    )


def _one_sided(flows: pl.DataFrame) -> Iterator[QualityFinding]:
    """Connections with acknowledgements or data of one side and nothing of the other."""
    tcp = flows.filter(pl.col("proto") == 6)
    talks = pl.col("history").str.contains("[AaDdFf]") & (
        pl.col("orig_pkts") + pl.col("resp_pkts") >= 2
    )
    real = tcp.filter(talks)
    alone = real.filter((pl.col("orig_pkts") == 0) | (pl.col("resp_pkts") == 0)).height
    if alone < MIN_FLOWS and not (alone and alone == real.height):
        return
    words = {"flows": alone, "total": real.height, "share": percent(alone, real.height)}
    severity = BAD if alone >= 4 * BAD_SHARE * real.height else DOUBTFUL
    yield worded("one_sided", severity, alone, real.height, **words)


def _copies(counts: Counts, total: int) -> Iterator[QualityFinding]:
    if not counts.n_copies:
        return
    hops = ""
    if counts.n_copies_hop:
        hops = f"; {counts.n_copies_hop} of them with another TTL: seen on both sides of a router"
    words = {"packets": amount(counts.n_copies, "packet"), "hops": hops}
    share = percent(counts.n_copies, total)
    severity = severity_of(counts.n_copies, total)
    yield worded("copies", severity, counts.n_copies, total, share=share, **words)


def _checksums(counts: Counts) -> Iterator[QualityFinding]:
    wrong = sort_out(counts.checksums)
    for kind, number, by in (
        ("unfinished_checksums", wrong.unfinished, wrong.unfinished_by),
        ("own_checksums", wrong.own, wrong.own_by),
        ("edited_checksums", wrong.edited, ()),
        ("bad_checksums", wrong.damaged, wrong.damaged_by),
    ):
        if not number:
            continue
        words = {
            "packets": amount(number, "packet"),
            "total": wrong.n_verified,
            "share": percent(number, wrong.n_verified),
            "senders": _named(by),
        }
        severity = severity_of(number, wrong.n_verified) if kind == "bad_checksums" else HARMLESS
        yield worded(kind, severity, number, wrong.n_verified, **words)


def _named(addresses: Sequence[str]) -> str:
    """The first few, and how many there are beside them."""
    few = ", ".join(addresses[:FEW])
    rest = len(addresses) - FEW
    return f"{few} and {amount(rest, 'other')}" if rest > 0 else few


def _super_segments(counts: Counts) -> Iterator[QualityFinding]:
    """Sides whose payloads exceed what the other side announced; unknown MSS: 1460 counts."""
    other = counts.sizes.select("flow_id", side=1 - pl.col("side"), allowed="mss")
    big = (
        counts.sizes.filter(pl.col("n_big") > 0)
        .join(other, on=["flow_id", "side"], how="left")
        .filter(pl.col("max_payload") > pl.col("allowed").fill_null(JUMBO))
    )
    if big.is_empty():
        return
    number = int(big["n_big"].sum())
    words = {
        "packets": amount(number, "packet"),
        "flows": amount(big["flow_id"].n_unique(), "connection"),
        "largest": n_bytes(int(big["max_payload"].max() or 0)),  # type: ignore[arg-type]
    }
    severity = BAD if number >= BAD_SHARE * counts.n_packets else DOUBTFUL
    yield worded("super_segments", severity, number, counts.n_packets, **words)


def _cut(counts: Counts, total: int) -> Iterator[QualityFinding]:
    if counts.n_header_cut:
        severity = severity_of(counts.n_header_cut, total)
        words = {"packets": amount(counts.n_header_cut, "packet")}
        yield worded("headers_cut", severity, counts.n_header_cut, total, **words)
    if counts.n_cut:
        words = {
            "packets": amount(counts.n_cut, "packet"),
            "share": percent(counts.n_cut, total),
            "length": n_bytes(counts.max_cut_len),
        }
        yield worded("snap_length", HARMLESS, counts.n_cut, total, **words)


def _time(counts: Counts) -> Iterator[QualityFinding]:
    if counts.n_back:
        words = {
            "times": amount(counts.n_back, "time"),
            "largest": duration(counts.largest_back_ns),
        }
        severity = BAD if counts.largest_back_ns >= NS_PER_S else DOUBTFUL
        yield worded("time_backwards", severity, counts.n_back, counts.n_packets, **words)
    for at_ns, by_ns, n_sides in counts.jumps.iter_rows():
        sign = "+" if by_ns > 0 else "-"
        words = {
            "by": f"{sign}{duration(by_ns)}",
            "at": f"{(at_ns - (counts.first_ns or 0)) / NS_PER_S:.3f} s",
            "sides": amount(n_sides, "flow side"),
        }
        yield worded("clock_jump", BAD, n_sides, None, **words)
    coarse = _resolution(counts)
    if coarse is not None:
        unit, one = coarse
        severity = DOUBTFUL
        yield worded("coarse_time", severity, counts.n_packets, None, unit=unit, one=one)


def _resolution(counts: Counts) -> tuple[str, str] | None:
    """The unit that all times are whole in, where it is coarser than a microsecond."""
    if counts.n_packets < MIN_TIMES or counts.first_ns == counts.last_ns:
        return None
    if not counts.n_not_s:
        return "seconds", "second"
    if not counts.n_not_ms:
        return "milliseconds", "millisecond"
    return None


def _evicted(counters: Mapping[str, Any]) -> Iterator[QualityFinding]:
    number = counters.get("evicted_flows") or 0
    if number:
        yield worded("table_full", DOUBTFUL, number, None, flows=amount(number, "flow"))


def _damaged(damage: Sequence[Mapping[str, Any]]) -> Iterator[QualityFinding]:
    if damage:
        words = {"places": amount(len(damage), "place")}
        yield worded("damaged", DOUBTFUL, len(damage), None, **words)
