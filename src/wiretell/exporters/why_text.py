"""The answer about two flows for a person: aligned columns, wrapped lines, escaped texts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from rich.text import Text

from wiretell.devices.balance import TOPICS, Balance
from wiretell.devices.why import DIFFERENT, OPEN, SAME, FlowSide, Why
from wiretell.exporter import Options, Target
from wiretell.exporters import quantity
from wiretell.exporters.console import write_lines
from wiretell.exporters.escape import shortened, visible

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}
_TOPIC_WIDTH = max(len(topic) for topic in TOPICS)
_BITS_WIDTH = 7
MAX_STEPS = 10
"""Links of the chain shown one by one, unless every detail is asked for."""
MAX_REASON = 240
SLIGHT_BITS = 0.05
"""Arguments of less are counted, not shown, unless every detail is asked for."""
_COLORS = {SAME: "bold green", DIFFERENT: "bold cyan"}


def write(answer: Why, target: Target, options: Options) -> None:
    """Writes the answer as text; the same answer gives the same bytes."""
    write_lines(lines(answer, options), target, options)


def lines(answer: Why, options: Options) -> Iterator[Text]:
    """The lines, without line ends."""
    width = options.width
    yield Text(f"{answer.address}: are these two flows one machine's?", style="bold")
    for mark, flow in zip("ab", answer.flows, strict=True):
        yield from _wrapped(f"  {mark}  {_flow(flow)}", width, indent=5)
    for note in answer.notes:
        yield from _wrapped(f"  ! {visible(note)}", width, indent=4, style="red")
    yield Text()
    style = _COLORS.get(answer.decision, "bold yellow")
    yield from _wrapped(_verdict(answer), width, style=style)
    for reason in answer.reasons:
        yield from _wrapped(f"  · {_said(reason, options)}", width, indent=4)
    for place, each in enumerate(answer.balances):
        yield Text()
        yield from _balance(each, answer if place == 0 else None, options)
    if answer.path:
        yield Text()
        yield from _path(answer, options)
    yield Text()
    yield Text("What more traffic would decide", style="bold")
    for words in answer.more:
        yield from _wrapped(f"  · {visible(words)}", width, indent=4)


def _flow(flow: FlowSide) -> str:
    local, remote = (_end(*end) for end in (flow.local, flow.remote))
    proto = _PROTOCOLS.get(flow.proto, str(flow.proto))
    sent = f"{quantity.count(flow.n_packets, 'packet')} sent"
    way = f"{local} > {remote}" if flow.side == 0 else f"{local} < {remote}"
    device = "no machine" if flow.device is None else f"#{flow.device.rpartition('#')[2]}"
    seen = quantity.span(flow.first_ns, flow.last_ns)
    return (
        f"flow {flow.flow_id}  {way}  {proto}, {sent}, {seen}; {device}; {visible(flow.looks_like)}"
    )


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _verdict(answer: Why) -> str:
    devices = (flow.device for flow in answer.flows)
    numbers = dict.fromkeys(f"#{d.rpartition('#')[2]}" for d in devices if d is not None)
    which = f", {' and '.join(numbers)}" if numbers and answer.decision != OPEN else ""
    chance = _chance(answer.probability)
    return f"Decided: {answer.decision}{which}. Probability of one machine: {chance}"


def _chance(probability: float) -> str:
    """A probability that is never quite certain, to either side."""
    if probability < 0.01:
        return "<1 %"
    return quantity.percent(probability)


def _balance(each: Balance, answer: Why | None, options: Options) -> Iterator[Text]:
    """The lines of one balance; of `answer` also the topics that say nothing."""
    title = visible(each.title)
    yield Text(f"{title[:1].upper()}{title[1:]}, in bits", style="bold")
    silent = {} if answer is None else _joined(answer.silent)
    for topic in TOPICS:
        own = [line for line in each.lines if line.topic == topic]
        told = [line for line in own if options.verbose or abs(line.bits) >= SLIGHT_BITS]
        told = told or own[:1]
        for place, line in enumerate(told):
            reason = _said(line.reason, options)
            if abs(line.bits - line.full_bits) >= SLIGHT_BITS:
                reason += f" ({line.full_bits:+.1f} in full)"
            yield from _argument(f"{line.bits:+.1f}", topic if place == 0 else "", reason, options)
        if len(told) < len(own):
            bits = sum(line.bits for line in own) - sum(line.bits for line in told)
            more = f"{len(own) - len(told)} more that add next to nothing (-v shows them)"
            yield from _argument(f"{bits:+.1f}", "", more, options)
        if not own and topic in silent:
            yield from _argument("·", topic, silent[topic], options, style="dim")
    total = f"one machine with {_chance(each.probability)} by these alone"
    total = f"{total}; {each.note}" if each.note else total
    yield from _argument(f"{each.bits:+.1f}", "sum", total, options, style="bold")


def _joined(silent: Mapping[str, str]) -> dict[str, str]:
    """Topics that say nothing for the same reason under the first of them."""
    topics: dict[str, list[str]] = {}
    for topic, words in silent.items():
        topics.setdefault(words, []).append(topic)
    return {
        first: f"{words}; so {'are' if len(others) > 1 else 'is'} {' and '.join(others)}"
        if others
        else words
        for words, (first, *others) in topics.items()
    }


def _argument(
    bits: str, topic: str, reason: str, options: Options, *, style: str = ""
) -> Iterator[Text]:
    head = f"  {bits:>{_BITS_WIDTH}}  {topic:<{_TOPIC_WIDTH}}  "
    yield from _wrapped(head + visible(reason), options.width, indent=len(head), style=style)


def _path(answer: Why, options: Options) -> Iterator[Text]:
    steps = answer.path
    weakest = min(range(len(steps)), key=lambda n: steps[n].bits)
    is_weaker = steps[weakest].bits < max(step.bits for step in steps)
    yield Text(f"Chain that connects them: {quantity.count(len(steps), 'link')}", style="bold")
    shown = set(range(len(steps)))
    if not options.verbose and len(steps) > MAX_STEPS:
        half = MAX_STEPS // 2
        shown = {*range(half), *range(len(steps) - half, len(steps)), weakest}
    here, before = answer.flows[0].flow_id, -1
    for place, step in enumerate(steps):
        there = step.flow_b if step.flow_a == here else step.flow_a
        if place in shown:
            if place - before > 1:
                yield Text(f"  {'':>{_BITS_WIDTH}}  {place - before - 1} more (-v shows them)")
            before = place
            mark = ", the weakest" if place == weakest and is_weaker else ""
            words = f"flow {here} to {there}: {_said(step.reason, options)}{mark}"
            head = f"  {step.bits:>+{_BITS_WIDTH}.1f}  "
            yield from _wrapped(head + words, options.width, indent=len(head))
        here = there


def _said(text: str, options: Options) -> str:
    return visible(text) if options.verbose else shortened(visible(text), MAX_REASON)


def _wrapped(text: str, width: int, *, indent: int = 0, style: str = "") -> Iterator[Text]:
    for line in textwrap.wrap(text, max(width, 40), subsequent_indent=" " * indent):
        yield Text(line, style=style)
