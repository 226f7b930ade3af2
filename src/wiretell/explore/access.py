"""Who may see the page: one browser on this machine, let in by a token that works once.

The address that is printed holds the token; the first request with it gets a cookie and the token
is spent. Requests under another host name are refused (DNS rebinding), and so are scripts of
other pages: the WebSocket takes one origin only, the cookie is SameSite=Strict.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from tornado.web import HTTPError, RequestHandler

COOKIE = "wiretell"
ENTRY = "/enter"


class Pass:
    """The token and the cookie of one server."""

    def __init__(self) -> None:
        self.token: str | None = secrets.token_urlsafe(24)
        self._cookie = secrets.token_urlsafe(32)

    def spend(self, token: str) -> str | None:
        """The cookie's value for the right token, the first time; else None."""
        if self.token is None or not secrets.compare_digest(token.encode(), self.token.encode()):
            return None
        self.token = None
        return self._cookie

    def fits(self, cookie: str | None) -> bool:
        """Whether the cookie is the one that was given."""
        given = (cookie or "").encode()
        return secrets.compare_digest(given, self._cookie.encode())


def refuse_other_hosts(handler: RequestHandler, port: int) -> None:
    """HTTPError 403 unless the request names this machine as itself."""
    if handler.request.host not in {f"127.0.0.1:{port}", f"localhost:{port}"}:
        raise HTTPError(403)


class Access(AuthProvider):
    """Bokeh's hooks; `port` is told once the server listens."""

    def __init__(self, key: Pass) -> None:
        self.key = key
        self.port = 0
        super().__init__()

    @property
    def get_user(self) -> Callable[[Any], Any]:
        """The analyst, where the cookie fits."""

        def user(handler: RequestHandler) -> Any:
            refuse_other_hosts(handler, self.port)
            # A WebSocket is told its headers by the same request object.
            return "analyst" if self.key.fits(handler.get_cookie(COOKIE)) else None

        return user

    @property
    def get_user_async(self) -> None:
        """Not used."""

    @property
    def get_login_url(self) -> None:
        """Not used."""

    @property
    def login_url(self) -> str:
        """Where a stranger is sent."""
        return ENTRY

    @property
    def login_handler(self) -> type[RequestHandler]:
        """Takes the token."""
        access = self

        class Enter(RequestHandler):
            """`/enter?token=...`."""

            def get(self) -> None:
                refuse_other_hosts(self, access.port)
                self.set_header("Referrer-Policy", "no-referrer")
                cookie = access.key.spend(self.get_argument("token", ""))
                if cookie is None:
                    self.set_status(403)
                    self.set_header("Content-Type", "text/plain; charset=utf-8")
                    self.finish(
                        "This address works once, in one browser. Start `wiretell explore` again"
                        " for a new one.\n"
                    )
                    return
                self.set_cookie(COOKIE, cookie, httponly=True, samesite="Strict")
                self.redirect("/")

        return Enter

    @property
    def logout_url(self) -> None:
        """Closing the browser is enough."""

    @property
    def logout_handler(self) -> None:
        """Not used."""
