"""A flow of the page, explained packet by packet: a page of its own, made when it is asked for."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path

from tornado.web import RequestHandler

from wiretell.errors import CaptureError, ConfigError
from wiretell.explore.access import COOKIE, Access, refuse_other_hosts
from wiretell.explore.workspace import Workspace
from wiretell.exporters import explain_html

MOST_PACKETS = 300
"""Of one flow that are explained."""


def explain_handler(workspace: Workspace, access: Access) -> type[RequestHandler]:
    """The handler of `/explain?flow=N`."""

    class Explain(RequestHandler):
        """Reads the captures again, beside the page, which goes on meanwhile."""

        async def get(self) -> None:
            refuse_other_hosts(self, access.port)
            if not access.key.fits(self.get_cookie(COOKIE)):
                self._say(403, "Open the page that wiretell explore printed first.")
                return
            flow = self.get_argument("flow", "")
            if not (flow.isascii() and flow.isdigit()):
                self._say(400, "No flow is named.")
                return
            loop = asyncio.get_running_loop()
            try:
                page = await loop.run_in_executor(None, flow_page, workspace, flow)
            except (OSError, CaptureError, ConfigError, ValueError) as error:
                self._say(404, f"This flow cannot be explained: {error}")
                return
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(page)

        def _say(self, status: int, text: str) -> None:
            self.set_status(status)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.set_header("X-Content-Type-Options", "nosniff")
            self.finish(f"{text}\n")

    return Explain


def flow_page(workspace: Workspace, flow: str) -> str:
    """The explanation as HTML, from the captures that the report names.

    Raises ValueError, in words for people, where they are not there any more.
    """
    provenance = workspace.provenance
    captures = [str(file["path"]) for file in provenance.get("files") or ()]
    gone = [capture for capture in captures if not Path(capture).is_file()]
    if gone or not captures:
        raise ValueError(f"the capture is not where it was judged: {', '.join(gone) or 'none'}")
    # A saved report is open half a second sooner without the engine, which is loaded here.
    told, _, _ = import_module("wiretell.pipeline").explain_flow(
        captures, flow, limit=MOST_PACKETS, filter=provenance.get("filter") or None
    )
    return explain_html.page(told)
