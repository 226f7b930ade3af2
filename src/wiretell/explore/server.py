"""The server of the page: on 127.0.0.1 alone, for one browser, until it is told to end."""

from __future__ import annotations

import logging
import secrets
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.util import bind_sockets
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from wiretell.explore.access import ENTRY, Access, Pass
from wiretell.explore.document import Front
from wiretell.explore.explained import explain_handler
from wiretell.explore.held import Held
from wiretell.explore.page import Page
from wiretell.explore.workspace import Workspace

if TYPE_CHECKING:  # a saved report needs no engine: without it the page is there sooner
    from wiretell.explore.background import Background, Beside, Step
    from wiretell.sources.points import PointFiles

HOST = "127.0.0.1"
AFTER_PAGE_S, WITHOUT_PAGE_S = 0.3, 10.0
"""Machines are told apart so long after a page was drawn, or the server was started."""
_LOGGERS = ("bokeh", "tornado.access", "tornado.application", "tornado.general")


class Explorer:
    """A running server; `url` opens it once."""

    def __init__(self, workspace: Workspace, title: str, source: str, port: int = 0) -> None:
        """Listens on `port` (0: any free one). Raises OSError where that port is taken."""
        self._workspace = workspace
        self._beside: Background | None = None
        self._begin: Callable[[], None] | None = None
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._key = Pass()
        access = Access(self._key)

        def open_page(doc: Document) -> None:
            page = Page(doc, workspace, source)
            doc.on_event(DocumentReady, lambda _: self._judge_soon(AFTER_PAGE_S))
            with doc.models.freeze():  # else each part has all of them looked through
                for root in page.roots():
                    doc.add_root(root)

        # The origin that may open the WebSocket has the port, which is known once it is bound.
        sockets, self._port = bind_sockets(HOST, port)
        access.port = self._port
        application = BokehTornado(
            {"/": Application(FunctionHandler(open_page))},
            extra_websocket_origins=[f"{HOST}:{self._port}"],
            auth_provider=access,
            extra_patterns=[("/explain", explain_handler(workspace, access))],
            sign_sessions=True,
            secret_key=secrets.token_bytes(32),
        )
        Front(title, f"ws://{HOST}:{self._port}").serve(application)
        http = HTTPServer(application)
        http.add_sockets(sockets)
        self._server = BaseServer(IOLoop.current(), application, http)

    @property
    def url(self) -> str:
        """The address with the token."""
        return f"http://{HOST}:{self._port}{ENTRY}?token={self._key.token}"

    def judge(self, beside: Beside) -> None:
        """Has the machines of the workspace's report told apart while the page is served.

        `beside` makes what does so (`background`) from the functions that it tells; it is called
        in a thread of its own, since its modules take a second to load.
        """
        loop, work = self._server.io_loop, self._workspace

        def tell(step: Step) -> None:
            loop.add_callback(lambda: work.advance(step(work.state)))

        def deliver(held: Held, saved: Path | None, step: Step) -> None:
            loop.add_callback(lambda: work.judged(held, saved, step(work.state)))

        def show(packets: PointFiles, step: Step) -> None:
            loop.add_callback(lambda: work.packets_kept(packets, step(work.state)))

        def begin() -> None:
            made = beside(tell, deliver, show)
            loop.add_callback(lambda: self._start(made))

        self._begin = begin

    def _judge_soon(self, seconds: float) -> None:
        """Once: what is seen first has the machine for itself."""

        def begin() -> None:
            if self._begin is not None:
                loading, self._begin = self._begin, None
                Thread(target=loading, name="loading", daemon=True).start()

        self._server.io_loop.call_later(seconds, begin)

    def _start(self, beside: Background) -> None:
        self._beside = beside
        beside.start()

    def run(self, seconds: float | None = None, started: Callable[[], None] | None = None) -> None:
        """Serves until it is interrupted or told to end (SIGTERM), or for so many seconds."""
        loop = self._server.io_loop
        if seconds is not None:
            loop.call_later(seconds, loop.stop)
        if started is not None:
            loop.add_callback(started)
        before = signal.signal(signal.SIGTERM, lambda *_: loop.add_callback_from_signal(loop.stop))
        try:
            self._server.start()
            self._judge_soon(WITHOUT_PAGE_S)
            loop.start()
        finally:
            signal.signal(signal.SIGTERM, before)
            if self._beside is not None:
                self._beside.stop()
            self._server.stop(wait=False)
