"""The page as HTML, in two parts: the browser reads its scripts while its document is made.

The scripts are written into the page. Asked for by the browser, they would wait for the server,
which makes the document meanwhile.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from importlib.resources import files
from typing import cast

import jinja2
from bokeh.core.templates import get_env
from bokeh.embed.bundle import Bundle
from bokeh.embed.elements import html_page_for_render_items
from bokeh.embed.util import RenderItem
from bokeh.resources import Component, Resources
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.session_handler import SessionHandler
from tornado.web import authenticated

from wiretell.exporters.escape import visible
from wiretell.exporters.notes import PRIVACY

_COMPONENTS: list[Component] = ["bokeh", "bokeh-widgets", "bokeh-tables"]
"""Of BokehJS. What renders formulas is left out: no text of the page is one."""

_MARKUP = re.compile("<(!--|/?script)", re.IGNORECASE)


@dataclass(frozen=True)
class Front:
    """What stands in the page beside its document. `title` is text from anywhere."""

    title: str
    websocket: str

    def serve(self, application: BokehTornado) -> None:
        """Answers requests for the page in place of Bokeh's own handler."""
        path = "/"
        route = {
            "application_context": application.applications[path],
            "bokeh_websocket_path": f"{path}ws",
        }
        application.add_handlers(".*", [("/?", _handler(self), route)])


def _handler(front: Front) -> type[SessionHandler]:
    head, body = _template("head"), _template("page")
    package = files(__package__)
    style = (package / "page.css").read_text(encoding="utf-8")
    keys = (package / "keys.js").read_text(encoding="utf-8")
    scripts = page_scripts()
    title = visible(front.title).replace("<", "‹").replace(">", "›").replace("&", "+")

    class PageHandler(SessionHandler):
        """The page."""

        @authenticated
        async def get(self) -> None:
            nonce = secrets.token_urlsafe(16)
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.write(
                head.render(
                    nonce=nonce,
                    websocket=front.websocket,
                    title_of_report=title,
                    style=style,
                    scripts=scripts,
                )
            )
            await self.flush()
            # Its decorator hides that it returns something.
            session = await cast(Awaitable[ServerSession], self.get_session())
            item = RenderItem(
                token=session.token, roots=session.document.roots, use_for_title=False
            )
            self.write(
                html_page_for_render_items(
                    Bundle(),
                    {},
                    [item],
                    None,
                    template=body,
                    template_variables={
                        "nonce": nonce,
                        "title_of_report": title,
                        "privacy": PRIVACY,
                        "keys": keys,
                    },
                )
            )

    return PageHandler


def page_scripts() -> list[str]:
    """BokehJS, a text for each element of the page."""
    return [_inline(text) for text in Resources(mode="inline", components=_COMPONENTS).js_raw]


def _inline(script: str) -> str:
    """A script that no part of ends, or reopens, the HTML element around it."""
    return _MARKUP.sub(r"\\x3C\1", script)  # in texts and patterns alone: the same character


def _template(name: str) -> jinja2.Template:
    # Bokeh's own templates have the macros that place the parts of a page.
    text = (files(__package__) / f"{name}.html.jinja").read_text(encoding="utf-8")
    return get_env().from_string(text)
