"""Two profiles -> arguments in bits for and against one machine, each with its reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wiretell.findings.match.line_arguments import line_arguments
from wiretell.findings.match.offset_arguments import offset_arguments
from wiretell.findings.match.profile import PLAIN, RULES
from wiretell.model.profiles import ClockProfile, Profile, RatePoint
from wiretell.stats.clock_population import Measured, Population, population, same_clock_bits
from wiretell.stats.drift import DriftModel
from wiretell.stats.likelihood import normal_bits

CLOCK, LINE, WANDER, HANDWRITING, NAMES, TOGETHER = (
    "clock rate",
    "clock line",
    "clock wander",
    "handwriting",
    "names and tickets",
    "used together",
)
TOPICS = (CLOCK, LINE, WANDER, HANDWRITING, NAMES, TOGETHER)

SECRETS = frozenset(
    {
        "http_cookie",
        "tls_session",
        "dhcp_hostname",
        "mdns_name",
        "netbios_name",
        "bittorrent_peer",
        "sip_contact",
        "card",
    }
)
CHANGING = frozenset({"user_agent", "user_agent_cut", "ja4", "system version", "window"})
"""What an update of software changes: its difference says half as much after CHANGED_S."""
CHANGED_S = 30 * 86_400.0
KNOWN_FREQUENCY = 8.0
"""How common a text is: its rule's figure counts as much as so many profiles seen."""
MOST_RATE_BITS = 10.0
"""How rare rates far out are is not known so well that they could say more."""
OTHER_RATE_BITS = -8.0
"""A machine with two operating systems ticks at two rates."""
MOSTLY = 0.8
WANDER_POINTS = 3
WANDER_LEAST_PPM = 0.05
WANDER_BITS = (-8.0, 8.0)


@dataclass(frozen=True)
class Argument:
    """Bits for (+) or against (-) one machine, of what topic, and why."""

    topic: str
    kind: str
    bits: float
    reason: str
    full_bits: float = math.nan
    """What it would say alone, where arguments of its kind are discounted."""


@dataclass(frozen=True)
class World:
    """What machines of both captures are like: how common clocks and texts are."""

    clocks_a: Population
    clocks_b: Population
    texts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    shown: Mapping[str, int] = field(default_factory=dict)
    drift: DriftModel = field(default_factory=DriftModel)
    same_capture: bool = False
    ignored: frozenset[str] = frozenset()
    """Kinds of labels that are not compared: the address family or the path writes them."""


def world(
    a: Sequence[Profile],
    b: Sequence[Profile],
    drift: DriftModel,
    *,
    same_capture: bool = False,
    ignored: Iterable[str] = (),
    others: tuple[Sequence[Profile], Sequence[Profile]] = ((), ()),
) -> World:
    """Counted over both sets of profiles; `a` is `b` where one capture is compared with itself.

    `others` are machines of each capture that are not compared: their clocks count too.
    """
    texts: Counter[tuple[str, str]] = Counter()
    shown: Counter[str] = Counter()
    for profile in a if a is b else (*a, *b):
        for kind, said in profile.labels.items():
            shown[kind] += 1
            texts.update((kind, text) for text in said)
    return World(
        population(rates((*a, *others[0]))),
        population(rates((*b, *others[1]))),
        texts,
        shown,
        drift,
        same_capture,
        frozenset(ignored),
    )


def rates(profiles: Iterable[Profile]) -> list[Measured]:
    """Measured rates."""
    return [r for p in profiles if p.clock is not None and (r := measured(p.clock)) is not None]


def measured(clock: ClockProfile | None) -> Measured | None:
    """The clock's rate where it was measured."""
    if clock is None or not math.isfinite(clock.error_ppm):
        return None
    return Measured(clock.ppm, clock.error_ppm)


def arguments(a: Profile, b: Profile, of: World, *, lines: bool = True) -> list[Argument]:
    """All that speaks for or against `a` and `b` being one machine; prior not included."""
    gap_s = gap(a, b)
    found = [*rate_arguments(a, b, of), *_wander(a, b, of)]
    if lines:
        found += [
            Argument(LINE, "tcp_timestamp", bits, reason)
            for bits, reason in line_arguments(a, b, of.drift)
        ]
        found += [
            Argument(LINE, "tcp_timestamp_offset", bits, reason)
            for bits, reason in offset_arguments(a, b, gap_s)
        ]
    return found + _labels(a, b, of, gap_s)


def gap(a: Profile, b: Profile) -> float:
    """Seconds between the middles of both."""
    return abs((a.first_ns + a.last_ns) - (b.first_ns + b.last_ns)) / 2e9


def at_one_time(a: Profile, b: Profile) -> bool:
    """Both were seen for most of the same time."""
    both = min(a.last_ns, b.last_ns) - max(a.first_ns, b.first_ns)
    return both > MOSTLY * max(a.last_ns - a.first_ns, b.last_ns - b.first_ns)


def rate_arguments(a: Profile, b: Profile, of: World) -> list[Argument]:
    """What the rates of both clocks say: at most one argument."""
    if a.clock is None or b.clock is None:
        return []
    mine, theirs = a.clock.nominal_hz, b.clock.nominal_hz
    if mine != theirs:
        words = f"clocks tick at {mine:g} and {theirs:g} Hz"
        return [Argument(CLOCK, "rate", OTHER_RATE_BITS, words)]
    x, y = measured(a.clock), measured(b.clock)
    if x is None or y is None:
        return []
    apart = of.drift.apart_ppm(gap(a, b), same_capture=of.same_capture, together=at_one_time(a, b))
    bits = min(same_clock_bits(x, y, apart, of.clocks_a, of.clocks_b), MOST_RATE_BITS)
    sd = math.sqrt(x.error_ppm**2 + y.error_ppm**2 + apart**2)
    figures = f"{x.ppm:+.2f} and {y.ppm:+.2f} ppm, {sd:.2f} allowed"
    if of.clocks_a.held(x) > 0.5 and of.clocks_b.held(y) > 0.5:
        words = f"both clocks run as held by NTP ({figures}): that tells next to nothing"
    else:
        words = f"clock rates {'agree' if bits > 0.0 else 'differ'}: {figures}"
    return [Argument(CLOCK, "skew", bits, words)]


def _wander(a: Profile, b: Profile, of: World) -> list[Argument]:
    """Rates that move together at the same time: one crystal, one temperature (Murdoch 2006)."""
    if a.clock is None or b.clock is None:
        return []
    theirs = {p.time_ns: p for p in b.clock.curve}
    common = [(p, theirs[p.time_ns]) for p in a.clock.curve if p.time_ns in theirs]
    if len(common) < WANDER_POINTS:
        return []
    moved = [_moves([p for p, _ in common]), _moves([q for _, q in common])]
    least = max(WANDER_LEAST_PPM, min(sd for _, sd in moved))
    noise = math.sqrt(sum(p.error_ppm**2 + q.error_ppm**2 for p, q in common) / len(common))
    if least < noise:
        return []
    bits = sum(
        normal_bits(x - y, math.hypot(p.error_ppm, q.error_ppm), least)
        for (p, q), x, y in zip(common, moved[0][0], moved[1][0], strict=True)
    )
    bits = min(max(bits, WANDER_BITS[0]), WANDER_BITS[1])
    words = "together" if bits > 0.0 else "each for itself"
    reason = f"both rates move {words} over {len(common)} stretches of time"
    return [Argument(WANDER, "wander", bits, reason)]


def _moves(points: Sequence[RatePoint]) -> tuple[list[float], float]:
    """Each rate's distance from the mean, and how far they spread."""
    ppm = [p.ppm for p in points]
    mean = sum(ppm) / len(ppm)
    off = [x - mean for x in ppm]
    return off, math.sqrt(sum(x * x for x in off) / len(off))


def _labels(a: Profile, b: Profile, of: World, gap_s: float) -> list[Argument]:
    """One argument for each kind that both show; of one sign the weaker are discounted."""
    found: list[Argument] = []
    kinds = (a.labels.keys() & b.labels.keys()) & RULES.keys()
    for kind in sorted(kinds - of.ignored):
        argument = _label(kind, a.labels[kind], b.labels[kind], of, gap_s)
        if argument is not None:
            found.append(argument)
    return _discounted(found)


def _label(
    kind: str, mine: Mapping[str, int], theirs: Mapping[str, int], of: World, gap_s: float
) -> Argument | None:
    rule, topic = RULES[kind], NAMES if kind in SECRETS else HANDWRITING
    n, m = sum(mine.values()), sum(theirs.values())
    shared = sorted(mine.keys() & theirs.keys())
    if shared:
        overlap = sum(min(mine[t] / n, theirs[t] / m) for t in shared)
        rarest = min(shared, key=lambda t: (of.texts.get((kind, t), 0), t))
        others = max(of.shown.get(kind, 0) - 2, 0)
        with_it = max(of.texts.get((kind, rarest), 0) - 2, 0)
        common = 2.0**-rule.bits_equal
        frequency = (with_it + KNOWN_FREQUENCY * common) / (others + KNOWN_FREQUENCY)
        bits = -math.log2(frequency) * min(1.0, 0.25 + overlap)
        text = f": {rarest}" if kind in PLAIN else ""
        often = f", as {with_it} of {others} others have" if with_it else ""
        return Argument(topic, kind, min(bits, rule.bits_equal), f"same {rule.words}{text}{often}")
    if not rule.bits_other:
        return None
    bits = rule.bits_other * (1.0 - 2.0 ** (-2.0 * min(n, m) / rule.sure_after))
    if kind in CHANGING:
        bits *= 0.5 ** (gap_s / CHANGED_S)
    texts = ""
    if kind in PLAIN:
        texts = f": {_commonest(mine)} / {_commonest(theirs)}"
    return Argument(topic, kind, bits, f"{rule.words} differs{texts}")


def _commonest(texts: Mapping[str, int]) -> str:
    return min(texts, key=lambda text: (-texts[text], text))


def _discounted(found: Sequence[Argument]) -> list[Argument]:
    """Handwriting seldom comes alone: each further argument counts half the one before."""
    counted: list[Argument] = []
    seen: Counter[bool] = Counter()
    for x in sorted(found, key=lambda x: (-abs(x.bits), x.kind)):
        share = 0.5 ** seen[x.bits > 0.0]
        seen[x.bits > 0.0] += 1
        counted.append(Argument(x.topic, x.kind, x.bits * share, x.reason, x.bits))
    return counted
