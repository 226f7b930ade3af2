"""A connection explained as one self-contained page: the ladder, then packet by packet.

Nothing is loaded from elsewhere and there is no script: a Content-Security-Policy forbids both.
Every text is escaped twice: hidden characters made visible, then HTML-escaped.
"""

from __future__ import annotations

from importlib.resources import files

from wiretell.exporter import Target, text_stream
from wiretell.exporters import quantity
from wiretell.exporters.explain_svg import drawing
from wiretell.exporters.explain_text import PROTOCOLS, numbers_line, sources, states
from wiretell.exporters.ladder import end, oddities, seconds
from wiretell.exporters.templates import environment
from wiretell.findings.explain.explanation import Connection

STYLES = ("page.css", "ladder.css", "explain.css")


def write(connection: Connection, target: Target) -> None:
    """Writes the page; the same connection gives the same bytes."""
    with text_stream(target) as stream:
        stream.write(page(connection))


def page(connection: Connection) -> str:
    """The page as HTML text."""
    style = "\n".join((files(__package__) / name).read_text("utf-8") for name in STYLES)
    return (
        environment()
        .get_template("explain.html.jinja")
        .render(
            connection=connection,
            proto=PROTOCOLS.get(connection.proto, f"IP protocol {connection.proto}"),
            ends=[end(party) for party in connection.parties],
            names=[party.name for party in connection.parties],
            ladder=drawing(connection, links=True),
            span=quantity.span(connection.first_ns, connection.last_ns),
            count=quantity.count,
            numbers_line=numbers_line,
            oddities=oddities,
            seconds=seconds,
            sources=sources,
            states=states,
            style=style,
        )
    )
