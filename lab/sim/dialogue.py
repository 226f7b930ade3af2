"""What the two ends of a connection say to one another, and when."""

from dataclasses import dataclass
from typing import Literal

from lab.sim.loop import Loop
from lab.sim.tcp import End


@dataclass(frozen=True)
class Exchange:
    """After ``wait_s`` the client asks; ``service_s`` later the server answers."""

    request: bytes
    response: bytes
    wait_s: float = 0.0
    service_s: float = 0.01


@dataclass(frozen=True)
class Dialogue:
    """Exchanges one after the other; then ``closer`` ends it after ``linger_s``."""

    exchanges: tuple[Exchange, ...]
    linger_s: float = 0.0
    closer: Literal["client", "server", "nobody"] = "client"


class ClientSide:
    """Asks, waits for the whole answer, asks again."""

    def __init__(self, loop: Loop, dialogue: Dialogue) -> None:
        self._loop = loop
        self._dialogue = dialogue
        self._next = 0
        self._n_awaited = 0

    def opened(self, end: End) -> None:
        self._go_on(end)

    def received(self, end: End, n_bytes: int) -> None:
        self._n_awaited -= n_bytes
        if self._n_awaited <= 0:
            self._go_on(end)

    def peer_closed(self, end: End) -> None:
        end.close()

    def failed(self, end: End) -> None:
        """Nobody is told: a user would reload the page some day."""

    def _go_on(self, end: End) -> None:
        if self._next < len(self._dialogue.exchanges):
            exchange = self._dialogue.exchanges[self._next]
            self._next += 1
            self._n_awaited += len(exchange.response)
            self._loop.after(exchange.wait_s, end.send, exchange.request)
        elif self._dialogue.closer == "client":
            self._loop.after(self._dialogue.linger_s, end.close)


class ServerSide:
    """Answers each request once it is whole."""

    def __init__(self, loop: Loop, dialogue: Dialogue) -> None:
        self._loop = loop
        self._dialogue = dialogue
        self._next = 0
        self._n_heard = 0

    def opened(self, end: End) -> None:
        """The client speaks first."""

    def received(self, end: End, n_bytes: int) -> None:
        self._n_heard += n_bytes
        exchanges = self._dialogue.exchanges
        while self._next < len(exchanges):
            exchange = exchanges[self._next]
            if self._n_heard < len(exchange.request):
                return
            self._n_heard -= len(exchange.request)
            self._next += 1
            self._loop.after(exchange.service_s, end.send, exchange.response)
        if self._dialogue.closer == "server":
            self._loop.after(self._dialogue.linger_s + 0.5, end.close)

    def peer_closed(self, end: End) -> None:
        end.close()

    def failed(self, end: End) -> None:
        """Nothing to clear away."""
