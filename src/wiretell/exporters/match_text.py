"""What `match` found, for a person: decisions, reasons in bits and words, how often it errs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from wiretell.exporter import Options, Target
from wiretell.exporters import quantity
from wiretell.exporters.console import write_lines
from wiretell.exporters.escape import visible
from wiretell.exporters.explain_text import wrapped
from wiretell.findings.match.across import NOTHING, OTHER, PERHAPS, SAME, Match, Matching
from wiretell.findings.match.aliases import Aliases, AliasGroup, Nearest
from wiretell.findings.match.arguments import TOPICS, Argument
from wiretell.findings.match.link_back import LinkBack
from wiretell.model.profiles import Profile

_COLORS = {SAME: "bold green", PERHAPS: "bold yellow", OTHER: "", NOTHING: "dim"}
_TOPIC_WIDTH = max(len(topic) for topic in TOPICS)
SLIGHT_BITS = 0.3
"""Arguments of less are summed up, unless every detail is asked for."""
MAX_REST = 12
"""Machines listed that were not found, unless every detail is asked for."""

_ASKS = {
    "match": ("machines of {a} looked for in {b}", "found again"),
    "siblings": ("IPv6 addresses and their IPv4 siblings in {a}", "with a sibling"),
    "link-back": ("hosts of the anonymised {a} looked for in {b}", "linked back"),
}


def write(
    found: Sequence[Matching] | LinkBack | Aliases, target: Target, options: Options, asked: str
) -> None:
    """Writes what was found; `asked` is match, siblings, link-back or aliases."""
    write_lines(lines(found, options, asked), target, options)


def lines(
    found: Sequence[Matching] | LinkBack | Aliases, options: Options, asked: str
) -> Iterator[Text]:
    """The lines, without line ends."""
    if isinstance(found, Aliases):
        yield from _aliases(found, options)
        return
    if isinstance(found, LinkBack):
        yield from _matching(found.matching, options, asked)
        yield from wrapped(f"Times: {shift_words(found)}", options.width, indent=2)
        return
    for place, each in enumerate(found):
        if place:
            yield Text()
        yield from _matching(each, options, asked)


def shift_words(found: LinkBack) -> str:
    """What was done to the trace's times, as far as clock lines tell."""
    shift = found.shift
    if shift.seconds is None:
        return (
            "whether they were moved is not told by clock lines, which were not used"
            f" (the best shift has {quantity.count(shift.n_pairs, 'pair')} of machines)"
        )
    fits = f"clock lines of {quantity.count(shift.n_pairs, 'pair')} of machines fit"
    if shift.kept:
        return f"kept as they were: {fits} (p = {shift.p_value:.1g})"
    return (
        f"shown here moved back by {shift.seconds:+.2f} s (or that and multiples of 49.7 days):"
        f" {fits} (p = {shift.p_value:.1g})"
    )


def _matching(found: Matching, options: Options, asked: str) -> Iterator[Text]:
    title, outcome = _ASKS[asked]
    sure = [m for m in found.matches if m.decision == SAME]
    perhaps = [m for m in found.matches if m.decision == PERHAPS]
    names = {"a": visible(found.a.source), "b": visible(found.b.source)}
    head = f"{len(sure)} of {quantity.count(len(found.matches), 'machine')} {outcome}"
    if perhaps:
        head += f", {len(perhaps)} perhaps"
    yield from wrapped(f"{title.format(**names)}: {head}", options.width, style="bold")
    yield from wrapped(f"  {_errs(found)}", options.width, indent=2)
    for note in found.notes:
        yield from wrapped(f"  ! {note}", options.width, indent=4, style="yellow")
    for each in sorted([*sure, *perhaps], key=lambda m: (m.decision != SAME, -m.bits)):
        yield Text()
        yield from _match(each, options)
    rest = [m for m in found.matches if m.decision not in (SAME, PERHAPS)]
    if rest:
        yield Text()
        yield Text(f"Not found ({len(rest)})", style="bold")
        shown = rest if options.verbose else rest[:MAX_REST]
        for each in shown:
            yield from _not_found(each, options)
        if len(shown) < len(rest):
            yield Text(f"  {len(rest) - len(shown)} more (-v shows them)", style="dim")
    yield Text()
    yield from wrapped(f"  {_model(found)}", options.width, indent=2, style="dim")


def _errs(found: Matching) -> str:
    rate = found.false_match_rate
    if rate is None:
        return (
            f"How often this errs was not measured: {found.n_shuffled} wrong pairs"
            " of machines to try it on, too few."
        )
    return (
        f"False-match rate {_share(rate)} or less: {found.n_false} of"
        f" {quantity.grouped(found.n_shuffled)} shuffled pairs score as high as what is called the"
        " same machine."
    )


def _share(rate: float) -> str:
    return f"{100.0 * rate:.2g} %"


def _model(found: Matching) -> str:
    drift = found.drift
    return (
        f"Drift allowed: random walk of {drift.walk_ppm_per_sqrt_h:g} ppm per square root of an"
        f" hour, wander {drift.wander_ppm:g} ppm, observers {drift.observer_ppm:g} ppm apart."
    )


def _match(of: Match, options: Options) -> Iterator[Text]:
    assert of.b is not None
    title = f"{visible(of.a.device)}  =  {visible(of.b.device)}"
    chance = quantity.percent(of.probability)
    yield from wrapped(
        f"{title}   {of.decision}, {chance}, {of.bits:+.1f} bits",
        options.width,
        style=_COLORS[of.decision],
    )
    for profile in (of.a, of.b):
        yield from wrapped(f"    {_who(profile)}", options.width, indent=4, style="dim")
    yield from _arguments(of.arguments, options)
    rate = of.false_match_rate
    if rate is not None:
        words = f"{of.n_as_high} of {quantity.grouped(of.n_shuffled)} shuffled pairs score as high"
        yield from wrapped(f"  {'':>7}  {words}", options.width, indent=11, style="dim")
    if of.decision == PERHAPS:
        yield from wrapped(f"  {'':>7}  {of.reason}", options.width, indent=11)


def _arguments(arguments: Sequence[Argument], options: Options) -> Iterator[Text]:
    slight = 0.0
    n_slight = 0
    for topic in TOPICS:
        head = topic
        for each in (x for x in arguments if x.topic == topic):
            if abs(each.bits) < SLIGHT_BITS and not options.verbose:
                slight, n_slight = slight + each.bits, n_slight + 1
                continue
            start = f"  {each.bits:>+7.1f}  {head:<{_TOPIC_WIDTH}}  "
            words = visible(each.reason)
            if each.full_bits == each.full_bits and abs(each.full_bits - each.bits) >= SLIGHT_BITS:
                words += f" ({each.full_bits:+.1f} alone)"
            yield from wrapped(start + words, options.width, indent=len(start))
            head = ""
    if n_slight:
        words = f"{n_slight} more that add next to nothing (-v shows them)"
        start = f"  {slight:>+7.1f}  {'':<{_TOPIC_WIDTH}}  "
        yield from wrapped(start + words, options.width, indent=len(start), style="dim")


def _not_found(of: Match, options: Options) -> Iterator[Text]:
    start = f"  {visible(of.a.device)}  {of.decision}: "
    yield from wrapped(start + of.reason, options.width, indent=4, style=_COLORS[of.decision])
    if options.verbose and of.b is not None:
        nearest = f"    nearest {visible(of.b.device)}, {of.bits:+.1f} bits"
        yield from wrapped(nearest, options.width, indent=4, style="dim")
        yield from _arguments(of.arguments, options)


def _who(profile: Profile) -> str:
    seen = quantity.span(profile.first_ns, profile.last_ns)
    several = profile.n_machines
    alike = f"stands for about {several} alike machines" if several > 1 else ""
    parts = [visible(profile.looks_like), clock_words(profile), seen, alike]
    return f"{visible(profile.device)}: " + "; ".join(part for part in parts if part)


def clock_words(profile: Profile) -> str:
    """Rate and error of its clock in a phrase; empty where it shows none."""
    clock = profile.clock
    if clock is None:
        return ""
    rate = f"{clock.nominal_hz:g} Hz"
    if not clock.error_ppm < float("inf"):
        return f"{rate}, skew unknown"
    return f"{rate} {clock.ppm:+.2f} ±{clock.error_ppm:.2f} ppm, {profile.clock_regime}"


def _aliases(found: Aliases, options: Options) -> Iterator[Text]:
    groups = quantity.count(len(found.groups), "group")
    title = f"Addresses that share one clock in {visible(found.source)}: {groups}"
    yield from wrapped(title, options.width, style="bold")
    compared = (
        f"  {quantity.count(found.n_compared, 'clock')} compared; {found.n_held} of them run as"
        f" clocks that NTP holds and tell nothing by rate; {found.n_without} machines without a"
        " rate. p-values are corrected for every choice of addresses (Bonferroni) and for the"
        " number of groups (Holm)."
    )
    yield from wrapped(compared, options.width, indent=2)
    for note in found.notes:
        yield from wrapped(f"  ! {note}", options.width, indent=4, style="yellow")
    for group in found.groups:
        yield Text()
        yield from _group(group, options)
    for near in found.nearest[: None if options.verbose else 1]:
        yield Text()
        yield from wrapped(f"  Nearest of no group: {_near(near)}", options.width, indent=2)
    if found.alone:
        yield Text()
        yield Text(
            f"Clocks of their own, or not to be told from such ({len(found.alone)})", style="bold"
        )
        shown = found.alone if options.verbose else found.alone[:MAX_REST]
        for profile in shown:
            yield Text(f"  {visible(profile.device)}  {clock_words(profile)}")
        if len(shown) < len(found.alone):
            yield Text(f"  {len(found.alone) - len(shown)} more (-v shows them)", style="dim")


def _near(near: Nearest) -> str:
    rate = near.rate
    pair = f"{visible(near.a.device)} and {visible(near.b.device)}, {rate.range_ppm:.2f} ppm apart"
    return (
        f"{pair}: one clock would be read so far apart with {_p(rate.p_fit)}; clocks of their"
        f" own lie so close, somewhere among all, with {_p(rate.p_chance)}"
    )


def _p(value: float) -> str:
    """`p = 0.012`; none is quite nought."""
    return "p < 1e-12" if value < 1e-12 else f"p = {value:.2g}"


def _group(group: AliasGroup, options: Options) -> Iterator[Text]:
    title = f"{len(group.members)} addresses, {group.offsets}   {_p(group.p_chance)}"
    yield from wrapped(title, options.width, style="bold green")
    yield from wrapped(f"  {group.means}", options.width, indent=2)
    for reason in group.reasons:
        yield from wrapped(f"  · {reason}", options.width, indent=4)
    for profile in group.members:
        yield Text(f"    {visible(profile.device)}  {clock_words(profile)}")
