"""Scans for a person: who asked whom, who is behind it, how sure that is and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.text import Text

from wiretell.exporter import Options, Target
from wiretell.exporters.console import write_lines
from wiretell.exporters.escape import visible
from wiretell.exporters.explain_text import wrapped
from wiretell.exporters.port_ranges import port_ranges
from wiretell.exporters.quantity import count, grouped, percent, span
from wiretell.findings.scans.belief import Reason, meaning
from wiretell.findings.scans.finding import (
    DECOY_SCAN,
    KINDS,
    LIKELY,
    Candidate,
    Finding,
    Ports,
    Scans,
)
from wiretell.findings.scans.kinds import kinds

MAX_FINDINGS = 20
N_REASONS = 4
N_ADDRESSES = 8
N_RANGES = 12
_STATES = (
    ("open", "open"),
    ("closed", "closed"),
    ("unfiltered", "answered (open or closed)"),
    ("filtered", "silent or blocked"),
    ("open_or_filtered", "silent (open, or blocked)"),
)
_LOSSES = {
    "probes_dropped": "probe",
    "events_dropped": "segment of a probe",
    "pairs_dropped": "pair of addresses",
    "errors_dropped": "ICMP error",
}


def write(found: Scans, target: Target, options: Options) -> None:
    """Writes the findings as text; the same findings give the same bytes."""
    write_lines(lines(found, options), target, options)


def lines(found: Scans, options: Options) -> Iterator[Text]:
    """The lines, without line ends. `options.all_addresses`: unlikely findings too."""
    told = found.findings if options.all_addresses else found.likely
    shown = told[: options.top or MAX_FINDINGS]
    yield from wrapped(_title(found), options.width, style="bold")
    explained: set[str] = set()
    for each in shown:
        yield Text()
        yield from _finding(each, options, explain=each.kind not in explained)
        explained.add(each.kind)
    if len(told) > len(shown):
        yield Text()
        left = count(len(told) - len(shown), "more finding")
        yield Text(f"{left} (--top {len(told)} shows all).", style="dim")
    unlikely = len(found.findings) - len(found.likely)
    if unlikely and not options.all_addresses:
        yield Text()
        what = count(unlikely, "candidate was", "candidates were")
        text = f"{what} looked at and found likelier innocent (--all shows them with reasons)."
        yield from wrapped(text, options.width, style="dim")
    for name, one in _LOSSES.items():
        if found.counts[name]:
            lost = f"! {count(found.counts[name], one)} not kept, the table was full: counts of"
            yield from wrapped(f"{lost} ports and probes are too low.", options.width, style="red")


def _title(found: Scans) -> str:
    flows = count(found.counts["flows"], "flow")
    if not found.likely:
        return f"No scan in {flows}."
    kinds_met = Counter(each.kind for each in found.likely)
    names = [
        count(kinds_met[kind], meaning(kind).called.lower(), _many(kind))
        for kind in KINDS
        if kinds_met[kind]
    ]
    return f"{', '.join(names)} in {flows}."


def _many(kind: str) -> str:
    called = meaning(kind).called.lower()
    return called if kind in ("backscatter", "ip_id_watch") else f"{called}s"


def _finding(each: Finding, options: Options, *, explain: bool) -> Iterator[Text]:
    style = "bold red" if each.probability >= LIKELY else "dim"
    yield from wrapped(
        f"{headline(each)}  [{percent(each.probability)}]", options.width, style=style
    )
    for line in (_who(each), _when(each), *_ports(each.ports), *each.notes):
        yield from wrapped(f"  {visible(line)}", options.width, indent=4)
    if explain:
        told = meaning(each.kind)
        yield from wrapped(f"  {told.means} {told.remedy}", options.width, indent=2, style="dim")
    yield from _reasons(each.reasons, options, "  ")
    for candidate in each.candidates if options.verbose else each.candidates[:3]:
        yield from _candidate(candidate, options)
    others = "; ".join(each.alternatives)
    yield from wrapped(f"  Could also be: {others}.", options.width, indent=4, style="dim")


def headline(each: Finding) -> str:
    """`Idle scan of 198.51.100.10 through 192.0.2.9`."""
    called = meaning(each.kind).called
    targets = each.targets[0] if each.n_targets == 1 else count(each.n_targets, "host")
    source = each.sources[0]
    if each.kind == "idle_scan":
        return f"{called} of {targets} through {each.zombie}"
    if each.kind == DECOY_SCAN:
        addresses = count(len(each.sources), "address", "addresses")
        return f"{called} ({technique(each)}) of {targets} in the name of {addresses}"
    if each.kind == "backscatter":
        return f"{called} of {source} to {targets}"
    if each.kind == "ip_id_watch":
        return f"{called}: {source} reads the counter of {targets}"
    if each.kind == "sweep":
        port = next(iter(_all_ports(each.ports)), None)
        what = "" if each.technique == "ping" or port is None else f" for port {port}"
        return f"{called} ({technique(each)}) of {targets}{what} by {source}"
    return f"{called} ({technique(each)}) of {targets} by {source}"


def technique(each: Finding) -> str:
    """`SYN`, `connect`, `FIN`, ..., as nmap calls them; an ACK and a window scan look the same."""
    if each.technique == "ack":
        return "ACK or window"
    told = kinds().get(each.technique)
    return told.called if told else each.technique


def _who(each: Finding) -> str:
    if each.kind == "backscatter":
        return f"victim: {each.sources[0]}"
    if each.scanner is not None and each.scanner not in each.sources:
        return f"scanner: {each.scanner}, behind {', '.join(each.sources)}"
    if each.kind == DECOY_SCAN:
        names = ", ".join(each.sources[:N_ADDRESSES])
        real = each.scanner or "not known"
        return f"scanner: {real}, among {names}"
    return f"scanner: {each.scanner or 'not on this wire'}"


def _when(each: Finding) -> str:
    rate = each.rate_per_s
    pace = f", {rate:.2g} a second" if 0 < rate < 10 else f", {rate:.0f} a second" if rate else ""
    probes = "answer" if each.kind == "backscatter" else "probe"
    return f"{count(each.n_probes, probes)}{pace}; {span(each.first_ns, each.last_ns)}"


def _all_ports(ports: Ports) -> list[int]:
    return sorted(port for state, _ in _STATES for port in getattr(ports, state))


def _ports(ports: Ports) -> Iterator[str]:
    for state, words in _STATES:
        of = getattr(ports, state)
        if of:
            yield f"{count(len(of), 'port')} {words}: {port_ranges(of, N_RANGES)}"


def _candidate(candidate: Candidate, options: Options) -> Iterator[Text]:
    sure = percent(candidate.probability) if candidate.probability >= 0.01 else "<1 %"
    yield Text(f"  {candidate.address}: the real one with {sure}")
    told = [each for each in candidate.reasons if each.bits]
    yield from _reasons(told, options, "    ")


def _reasons(reasons: Sequence[Reason], options: Options, indent: str) -> Iterator[Text]:
    """The weightiest arguments of both sides, those of one side by weight."""
    told = sorted(reasons, key=lambda each: -abs(each.bits))
    shown = told if options.verbose else told[:N_REASONS]
    for each in sorted(shown, key=lambda each: -each.bits):
        style = "" if each.bits > 0 else "yellow"
        text = f"{indent}{each.bits:+5.1f} bits  {visible(each.text)}"
        yield from wrapped(text, options.width, indent=len(indent) + 12, style=style)
    if len(told) > len(shown):
        rest = sum(each.bits for each in told) - sum(each.bits for each in shown)
        more = grouped(len(told) - len(shown))
        yield Text(f"{indent}{rest:+5.1f} bits  {more} more (-v shows them)", style="dim")
