"""A connection explained for a person at a terminal: who talks, the ladder, packet by packet."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

from wiretell.exporter import Options, Target
from wiretell.exporters import quantity
from wiretell.exporters.console import write_lines
from wiretell.exporters.escape import shortened, visible
from wiretell.exporters.ladder import Rung, end, oddities, rungs, seconds
from wiretell.findings.explain.explanation import Connection, Explanation, Numbers, Party, Sentence

PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 58: "ICMPv6", 132: "SCTP"}
_TIME = 12
_NUMBER = 8
MAX_REMARK = 30
MIN_SPAN = 34
"""The lifelines stand no closer: a narrow line drops the remarks instead."""
_STYLES = {"verdict": "bold", "cause": "", "remedy": "green", "mark": "yellow"}


def write(connection: Connection, target: Target, options: Options, *, prose: bool = True) -> None:
    """Writes the explanation, the ladder alone without `prose`; the same gives the same bytes."""
    write_lines(lines(connection, options, prose=prose), target, options)


def lines(connection: Connection, options: Options, *, prose: bool = True) -> Iterator[Text]:
    """The lines, without line ends."""
    yield from _head(connection, options.width)
    yield Text()
    yield from ladder(connection, options.width)
    if not prose:
        return
    cited: set[tuple[str, ...]] = set()
    for told in connection.packets:
        yield Text()
        yield from _packet(told, connection, options, cited)
    left = connection.n_packets - len(connection.packets)
    if left > 0 and len(connection.packets) > 1:
        yield Text()
        yield Text(f"{quantity.count(left, 'more packet')} (--limit shows more).", style="dim")


def _head(connection: Connection, width: int) -> Iterator[Text]:
    a, b = connection.parties
    proto = PROTOCOLS.get(connection.proto, f"IP protocol {connection.proto}")
    seen = quantity.span(connection.first_ns, connection.last_ns)
    title = f"Flow {connection.flow_id}: {end(a)} > {end(b)}, {proto}"
    yield from wrapped(title, width, style="bold")
    facts = [quantity.count(connection.n_packets, "packet"), seen]
    if connection.conn_state:
        facts.append(f"state {visible(connection.conn_state)}")
    yield from wrapped(f"  {', '.join(facts)}", width, indent=2)
    if connection.n_invalid:
        invalid = f"  {quantity.count(connection.n_invalid, 'packet')} INVALID"
        yield Text(invalid, style="bold red")
    for party in connection.parties:
        yield from wrapped(f"  {_party(party)}", width, indent=4)
    for note in connection.notes:
        yield from wrapped(f"  · {said(note)}", width, indent=4, style="dim")


def _party(party: Party) -> str:
    facts = [f"{party.name}  {end(party)}", quantity.count(party.n_packets, "packet")]
    if party.isn is not None:
        facts.append(f"{'ISN' if party.syn_seen else 'first number'} {party.isn}")
    if party.mss is not None:
        facts.append(f"MSS {party.mss}")
    if party.window_shift is not None:
        facts.append(f"window scale {party.window_shift}")
    if party.sack_ok:
        facts.append("SACK permitted")
    return ", ".join(facts)


def ladder(connection: Connection, width: int) -> Iterator[Text]:
    """Two lifelines and an arrow per packet, `width` columns."""
    made = list(rungs(connection))
    remarks = max((cell_len(rung.remark) for rung in made), default=0)
    room = width - _NUMBER - _TIME - 4
    remarks = min(remarks, MAX_REMARK, max(0, room - MIN_SPAN))
    remarks = remarks if remarks >= 8 else 0
    span = max(12, room - remarks - (2 if remarks else 0))
    lead = " " * (_NUMBER + _TIME + 2)
    a, b = connection.parties
    yield Text(
        f"{'packet':>{_NUMBER}}{'time (s)':>{_TIME}}  {_apart(end(a), end(b), span)}", style="bold"
    )
    yield Text(f"{lead}{_apart(a.name, b.name, span)}")
    for rung in made:
        if rung.pause:
            dots = f"{lead}┊{f'{rung.pause} later':^{span}}┊"
            yield Text(dots, style="dim")
        yield _rung(rung, span, remarks)


def _rung(rung: Rung, span: int, remarks: int) -> Text:
    line = Text(f"{rung.packet:>{_NUMBER}}{rung.since_start:>{_TIME}}  ")
    style = "red" if rung.is_invalid else "yellow" if rung.is_odd else ""
    line.append(f"│{_arrow(rung, span)}│", style=style)
    if remarks and rung.remark:
        line.append(f"  {shortened(visible(rung.remark), remarks)}", style=style)
    return line


def _arrow(rung: Rung, span: int) -> str:
    """A line from one side to the other with its label; one that is rejected ends in a cross."""
    fits = [label for label in rung.labels if cell_len(label) <= span - 6]
    label = fits[0] if fits else ""
    dash = "╌" if rung.is_invalid else "─"
    body = f"{dash} {label} " if label else dash
    tail = dash * (span - 1 - cell_len(body))
    if rung.side == 0:
        return f"{body}{tail}{'✗' if rung.is_invalid else '▶'}"
    body = f" {label} {dash}" if label else dash
    return f"{'✗' if rung.is_invalid else '◀'}{tail}{body}"


def _apart(left: str, right: str, span: int) -> str:
    """Both texts, the left one above the left lifeline, the right one up to the right one."""
    room = span + 2
    if len(left) + len(right) + 1 > room:
        half = (room - 1) // 2
        left, right = shortened(left, half), shortened(right, half)
    return left + " " * (room - len(left) - len(right)) + right


def _packet(
    told: Explanation, connection: Connection, options: Options, cited: set[tuple[str, ...]]
) -> Iterator[Text]:
    """The packet's lines. Sources stand where they are first due, with every detail always."""
    width = options.width
    names = [party.name for party in connection.parties]
    way = f"{names[told.side]} → {names[1 - told.side]}"
    flags = " ".join(told.flags)
    head = Text(f"#{told.packet}  {seconds(told.time_ns - connection.first_ns)} s  {way}  {flags}")
    head.stylize("bold")
    odd = visible(oddities(told))
    judged = Text(f"  {states(told)}", style="bold red" if told.is_invalid else "green")
    judged.append(f"  {odd}" if odd else "", style="red" if told.is_invalid else "yellow")
    if head.cell_len + judged.cell_len <= width:
        yield head.append_text(judged)
    else:
        yield head
        yield from wrapped(f"    {judged.plain.strip()}", width, indent=4, style=str(judged.style))
    if told.numbers is not None:
        yield from wrapped(f"    {numbers_line(told.numbers)}", width, indent=4, style="cyan")
    yield from wrapped(f"  {visible(told.headline)}.", width, indent=2)
    for sentence in told.sentences:
        style = _STYLES.get(sentence.topic, "")
        if sentence.topic == "verdict" and told.is_invalid:
            style = "bold red"
        again = sentence.cites in cited and not options.verbose
        words = visible(sentence.text) if again else said(sentence)
        cited.add(sentence.cites)
        yield from wrapped(f"    · {words}", width, indent=6, style=style)


def states(told: Explanation) -> str:
    """`ESTABLISHED, in FIN_WAIT`: the packet's ct state, the connection's state after it."""
    after = f", in {told.tcp_state.upper()}" if told.tcp_state else ""
    return f"{told.ct_state.upper()}{after}"


def numbers_line(numbers: Numbers) -> str:
    """The numbers of a packet in one line: absolute, relative in brackets."""
    parts = [f"seq {numbers.seq} ({numbers.seq_rel})"]
    if numbers.n_bytes:
        parts.append(f"{numbers.n_bytes} B")
    parts.append(f"next {numbers.next_seq} ({numbers.next_seq_rel})")
    if numbers.ack is not None:
        parts.append(f"ack {numbers.ack} ({numbers.ack_rel})")
    if numbers.window_bytes is not None:
        parts.append(f"window {numbers.window_bytes} B")
    if numbers.bytes_in_flight and numbers.n_bytes:
        parts.append(f"in flight {numbers.bytes_in_flight} B")
    if numbers.tsval is not None:
        parts.append(f"TSval {numbers.tsval} TSecr {numbers.tsecr}")
    return "  ".join(parts)


def said(sentence: Sentence) -> str:
    """The sentence with its sources in square brackets, made safe to show."""
    text = visible(sentence.text)
    return f"{text} [{sources(sentence)}]" if sentence.cites else text


def sources(sentence: Sentence) -> str:
    """`RFC 9293 3.4, 3.6; RFC 5961 3.2`."""
    sections: dict[str, list[str]] = {}
    for cite in sentence.cites:
        document, _, section = cite.partition(", ")
        sections.setdefault(document, []).append(section)
    return "; ".join(
        f"{document} {', '.join(names)}".strip() for document, names in sections.items()
    )


def wrapped(text: str, width: int, *, indent: int = 0, style: str = "") -> Iterator[Text]:
    """The text in lines of at most `width`, all but the first indented."""
    for line in textwrap.wrap(text, max(width, 40), subsequent_indent=" " * indent):
        yield Text(line, style=style)
