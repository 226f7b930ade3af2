"""IP identification (RFC 791, RFC 6864): a counter that some stacks still step per packet.

Physics: old Windows, printers, cameras and small stacks step one counter for every packet to
anywhere; Windows 8 to 11 one counter per destination; Linux one per socket and, for datagrams
without a connected socket, one per destination that chance moves on with time; Apple, BSD and
others send random numbers or zero. Some little-endian machines step the swapped bytes.
Which reading holds is decided here before a step is believed, for each stack (by its SYN) and
each other protocol apart; flows that tell no stack join a counter that they fit.
Source: Bellovin, "A technique for counting NATted hosts" (2002); Klein and Pinkas (2019).
Blind spots: per-socket counters tell nothing across flows; packets that go elsewhere widen the
steps; middleboxes rewrite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wiretell.signal import (
    Counter,
    LabelRule,
    Labels,
    Link,
    Marks,
    MarksBySide,
    Scores,
    Signal,
    Steps,
)
from wiretell.stats.assignment import coded, codes, renumbered
from wiretell.stats.chain_fit import (
    FEWEST,
    PLAIN_SHARE,
    SURE_BITS,
    Chains,
    Share,
    counter_share,
    fit_chains,
    reach,
)
from wiretell.stats.counter_chains import ANY, Items, Moments, Rule, Weights
from wiretell.stats.step_model import StepModel
from wiretell.stats.tick_counter import Meetings, tick_chains

NAME = "ip_id"
TCP = 6
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MODULUS = 65536
MIN_SHARE = 0.2
DENSE_SHARE = 0.6
"""Share of believable steps from which every flow is taken to step the counter."""
JOIN_SHARE = 0.3
"""Share of a protocol's flows that go on on a known counter, for the protocol to be on it."""
FEW_FLOWS = 12
"""A stack with fewer flows is judged with all of its option layout."""
MAX_BITS, LEAST_BITS, STRAY_BITS = 13.0, 0.5, 6.0
"""Links are told between the first two; of flows that may be on no counter, from the third."""
STACK_BITS, HOPS_BITS = 12.0, 4.0
"""What it costs a step that two connections are of two stacks, or at two distances."""


@dataclass(frozen=True)
class Reading:
    """One way to read identifications across flows, and how they may step then."""

    regime: str
    per_destination: bool
    swapped: bool
    rule: Rule
    steps: StepModel
    lead: float
    """How much more than the readings above it must explain to be believed instead."""


_FAR = Rule(1024, 300.0)
_PACKETS = StepModel(5.0, 1.0)
READINGS = (
    Reading("global", False, False, _FAR, _PACKETS, 0.0),
    Reading("global, bytes swapped", False, True, _FAR, _PACKETS, 0.05),
    # Towards one destination a global counter steps by little too.
    Reading("per destination", True, False, Rule(512, 900.0), StepModel(1.2, 0.1), 0.25),
)
HAZARD_S = 60.0
TIMED = "per destination"
"""What the regime of a counter that moves with time is called: it is one for each destination."""


@dataclass(frozen=True)
class Found:
    """What flows of one counting rule showed."""

    links: Sequence[Link] = ()
    regimes: Mapping[int, str] = field(default_factory=dict)
    counters: Sequence[Counter] = ()
    steps: Sequence[Steps] = ()


def score(sides: pl.DataFrame, observations: pl.DataFrame) -> Scores:
    """Links from each flow to the flow whose counter it continues, and the regime of each side."""
    del observations
    usable = sides.filter((pl.col("ipid_n") > 0) & pl.col("ipid_first").is_not_null())
    shown = _within(usable)
    words = [regime for regime, _ in WITHIN]
    numbers = usable["number"].to_list()
    regimes = dict(zip(numbers, map(words.__getitem__, shown.tolist()), strict=True))
    counting = usable.filter(
        (pl.col("ipid_zero") * 2 < pl.col("ipid_n")) & pl.Series(shown != CONSTANT)
    ).with_columns(_initial_ttl(), goal=pl.col("peer").rank("dense"))
    links: list[Link] = []
    counters: list[Counter] = []
    steps: list[Steps] = []
    for (_initial,), group in counting.group_by(["initial"], maintain_order=True):
        for found in _across(group.with_columns(_parts(group))):
            links += found.links
            regimes |= found.regimes
            counters += found.counters
            steps += found.steps
        timed = _timed(group, {n for link in links for n in (link.a, link.b)})
        links += timed.links
        regimes |= timed.regimes
    return Scores(
        links=links,
        labels=_labels(usable),
        rules=RULES,
        counters=counters,
        regimes=regimes,
        steps=steps,
    )


def _initial_ttl() -> pl.Expr:
    ttl = pl.col("ttl")
    return pl.when(ttl > 128).then(255).when(ttl > 64).then(128).otherwise(64).alias("initial")


def _parts(group: pl.DataFrame) -> list[pl.Series]:
    """`part`: what is judged by itself, the connections of one stack, else one protocol.

    A stack is told by window and option layout of its SYN, by the layout alone where few show it.
    `stack` is its number, ANY where none is told.
    """
    texts, syn = coded(group["syn"].to_list())
    fields = [text.split(":") if text else [] for text in texts]
    fine, stack = coded([f"{f[4]}:{f[5]}" if len(f) > 5 else "" for f in fields])
    stack = stack[syn]
    n = np.bincount(stack, minlength=len(fine)).tolist()
    kept = [
        f"*:{text.split(':')[1]}" if text and n_flows < FEW_FLOWS else text
        for text, n_flows in zip(fine, n, strict=True)
    ]
    stacks, place = coded(kept)
    stack = place[stack]
    told = np.array([bool(text) for text in stacks], dtype=bool)
    part = renumbered(stack * 256 + group["proto"].to_numpy())
    return [pl.Series("part", part), pl.Series("stack", np.where(told[stack], stack, ANY))]


RULES = (LabelRule("ipid of udp", 1.0, -2.0, "IP identifications of UDP zero or not"),)


def _labels(usable: pl.DataFrame) -> Labels:
    udp = usable.filter(pl.col("proto") == 17)
    zero = (udp["ipid_zero"] == udp["ipid_n"]).to_numpy()
    texts = [("ipid of udp", "not zero"), ("ipid of udp", "zero")]
    return Labels(udp["number"].to_numpy().astype(np.int64), zero.astype(np.int64), texts)


STEPS = pl.col("ipid_n").cast(pl.Int64) - 1
WITHIN = (
    ("zero", pl.col("ipid_zero") == pl.col("ipid_n")),
    ("unknown", STEPS < 3),
    ("constant", pl.col("ipid_same") >= 0.9 * STEPS),
    ("per connection", pl.col("ipid_one") + pl.col("ipid_small") >= 0.7 * STEPS),
    ("bytes swapped", pl.col("ipid_swap_one") + pl.col("ipid_swap_small") >= 0.7 * STEPS),
    ("random", pl.lit(value=True)),
)
"""What one flow tells by itself: the first that holds."""
CONSTANT = 2


def _within(usable: pl.DataFrame) -> IntArray:
    """Regime as far as one flow tells, as its place in WITHIN."""
    told = usable.select(holds.alias(regime) for regime, holds in WITHIN)
    found: IntArray = np.stack([told[regime].to_numpy() for regime, _ in WITHIN]).argmax(axis=0)
    return found


def _across(group: pl.DataFrame) -> list[Found]:
    """Counters among flows of one initial TTL: each part read alone, those alike put together."""
    parts = group.partition_by("part", maintain_order=True)
    left = [(part, _best(part, READINGS)) for part in parts]
    found: list[Found] = []
    for reading in READINGS:
        own = [(part, best[0]) for part, best in left if best and best[1] is reading]
        left = [(part, best) for part, best in left if not best or best[1] is not reading]
        if own and not reading.per_destination:
            joined = _joining(own, left, reading)
            left = [(part, best) for part, best in left if not any(part is p for p, _ in joined)]
            own += joined
        if own:
            found.append(_linked(own, reading))
    if not found and len(parts) > 1 and (whole := _best(group, READINGS)) is not None:
        found.append(_linked([(group, whole[0])], whole[1]))
    return found


def _best(group: pl.DataFrame, readings: Sequence[Reading]) -> tuple[Share, Reading] | None:
    """The reading that explains most flows, if one explains enough."""
    best: tuple[Share, Reading] | None = None
    if group.height < FEWEST:
        return None
    met = _met(group, np.full(group.height, PLAIN_SHARE))
    for reading in readings:
        items = _read(met, reading)
        needed = best[0].n_least + reading.lead * group.height if best else 0.0
        # A step towards the same destination proves no global counter.
        share = counter_share(
            items,
            _weights(reading),
            abroad=not reading.per_destination,
            least=MIN_SHARE,
            n_least=needed,
        )
        if share.least > MIN_SHARE and share.n_least > needed:
            best = (share, reading)
    return best


def _joining(
    own: Sequence[tuple[pl.DataFrame, Share]],
    others: Sequence[tuple[pl.DataFrame, tuple[Share, Reading] | None]],
    reading: Reading,
) -> list[tuple[pl.DataFrame, Share]]:
    """Parts that show no global counter by themselves but go on on one that is known.

    What seems to count for each destination (a resolver, say) may be on a global counter too.
    """
    joined: list[tuple[pl.DataFrame, Share]] = []
    known = pl.concat([part for part, _ in own])
    for part, best in others:
        if part["proto"][0] == TCP and best is not None:
            continue
        both = pl.concat([known, part]).sort("number")
        items = _items(both, reading, np.full(both.height, PLAIN_SHARE))
        asked = np.flatnonzero(both["number"].is_in(part["number"].implode()).to_numpy())
        share = counter_share(items, _weights(reading), heads=asked, abroad=True)
        enough = JOIN_SHARE if best is None else best[0].least
        if share.least > enough:
            joined.append((part, share))
    return joined


def _weights(reading: Reading) -> Weights:
    return Weights(reading.rule, reading.steps, HAZARD_S, 0.0)


def _timed(group: pl.DataFrame, linked: AbstractSet[int]) -> Found:
    """Datagrams on no counter of packets: of Linux, those of one destination count with time.

    A protocol with many on a counter of packets is not asked: what is left of it rises, too.
    """
    free = ~pl.col("number").is_in(linked)
    asked = (pl.col("proto") != TCP) & (free.mean().over("proto") > 1.0 - JOIN_SHARE)
    left = group.filter(asked & free)
    chains = tick_chains(
        Meetings(
            start_s=left["start_s"].to_numpy().astype(np.float64),
            end_s=left["end_s"].to_numpy().astype(np.float64),
            first=left["ipid_first"].to_numpy().astype(np.int64),
            last=left["ipid_last"].to_numpy().astype(np.int64),
            goal=codes(zip(left["peer"].to_list(), left["proto"].to_list(), strict=True)),
            modulus=MODULUS,
        )
    )
    if chains is None:
        return Found()
    numbers = left["number"].to_numpy()
    told = chains.bits >= LEAST_BITS
    links = [
        Link(
            NAME,
            a,
            b,
            min(bits, MAX_BITS),
            f"IP identification counts with time: +{step} after {dt_s:.1f} s"
            f" of {chains.ticks_hz} ticks a second at most",
        )
        for a, b, bits, step, dt_s in zip(
            numbers[chains.tail[told]].tolist(),
            numbers[chains.head[told]].tolist(),
            chains.bits[told].tolist(),
            chains.step[told].tolist(),
            chains.dt_s[told].tolist(),
            strict=True,
        )
    ]
    return Found(links, dict.fromkeys((n for link in links for n in (link.a, link.b)), TIMED))


def _items(group: pl.DataFrame, reading: Reading, on: FloatArray) -> Items:
    """Flows as meetings with a counter."""
    return _read(_met(group, on), reading)


def _met(group: pl.DataFrame, on: FloatArray) -> Items:
    """Flows as meetings with one counter that all of them step, read as it is."""
    goal, stack = renumbered(group["goal"].to_numpy()), group["stack"].to_numpy()
    start_s, end_s = (group[x].to_numpy().astype(np.float64) for x in ("start_s", "end_s"))
    return Items(
        start_s=start_s,
        end_s=end_s,
        first=group["ipid_first"].to_numpy().astype(np.int64),
        last=group["ipid_last"].to_numpy().astype(np.int64),
        goal=np.zeros_like(goal),
        modulus=MODULUS,
        on=on,
        look=np.stack([stack, group["ttl"].to_numpy().astype(np.int64), goal], axis=1),
        look_bits=np.array([STACK_BITS, HOPS_BITS, 0.0]),
        moments=Moments.of(start_s, end_s),
    )


def _read(met: Items, reading: Reading) -> Items:
    """The same, as this reading has it."""
    return replace(
        met,
        first=_order(met.first, reading.swapped),
        last=_order(met.last, reading.swapped),
        goal=met.look[:, -1] if reading.per_destination else met.goal,
    )


def _linked(parts: Sequence[tuple[pl.DataFrame, Share]], reading: Reading) -> Found:
    group = pl.concat(
        [
            part.with_columns(on=pl.lit(share.guess), sure=pl.lit(share.guess > DENSE_SHARE))
            for part, share in parts
        ]
    ).sort("number")
    items = _items(group, reading, group["on"].to_numpy().astype(np.float64))
    chains = fit_chains(items, _weights(reading))
    numbers = group["number"].to_numpy().astype(np.int64)
    # Of parts that count only now and then, no flow is certain to be on the counter.
    sure = group["sure"].to_numpy() if not reading.per_destination else np.zeros(len(items), bool)
    both = sure[chains.tail] & sure[chains.head]
    told = chains.bits >= np.where(both | reading.per_destination, LEAST_BITS, STRAY_BITS)
    first, then = numbers[chains.tail[told]], numbers[chains.head[told]]
    dense = f"identifications, {reading.regime}"
    links = [
        Link(
            NAME,
            a,
            b,
            bits,
            f"IP identification {reading.regime}: +{step} from one flow to the next",
            dense if is_dense else "",
        )
        for a, b, bits, step, is_dense in zip(
            first.tolist(),
            then.tolist(),
            np.minimum(chains.bits[told], MAX_BITS).tolist(),
            chains.step[told].tolist(),
            both[told].tolist(),
            strict=True,
        )
    ]
    joined = np.unique(np.concatenate([first, then])).tolist()
    counting = dict.fromkeys(joined, reading.regime)
    if not sure.any():
        return Found(links, counting)
    rivals = chains.rivals
    both = sure[rivals.tail] & sure[rivals.head]
    stepped = rivals.step[both]

    def words(i: int) -> str:
        step = stepped[i]
        return f"IP identification {reading.regime}: +{step} from one flow to the next"

    tail, head = numbers[rivals.tail[both]], numbers[rivals.head[both]]
    steps = Steps(NAME, dense, tail, head, rivals.gain[both], words)
    return Found(links, counting, [_counter(numbers, items, chains, sure, dense)], [steps])


def _counter(
    numbers: IntArray, items: Items, chains: Chains, dense: BoolArray, name: str
) -> Counter:
    """The global counter, where the flows on it met it."""
    sure = chains.bits >= SURE_BITS
    on = np.unique(np.concatenate([chains.tail[sure], chains.head[sure]]))
    on = on[dense[on]]
    slack, per_second = reach(chains)
    met = Marks(numbers, items.start_s, items.first, items.end_s, items.last).of(on)
    return Counter(NAME, MODULUS, slack, per_second, MarksBySide(met), name)


def _order(ids: IntArray, swapped: bool) -> IntArray:
    return ((ids & 255) << 8) | (ids >> 8) if swapped else ids


SIGNAL = Signal(NAME, score=score)
