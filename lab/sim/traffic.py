"""What the people and programs on a machine do: visits in bursts, long connections, polls."""

import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from lab.sim.dialogue import ClientSide, Dialogue, Exchange
from lab.sim.hello import application_data, client_hello, server_flight
from lab.sim.host import Host
from lab.sim.loop import Loop
from lab.sim.scenario import Habit
from lab.sim.servers import Server, ServerPool
from lab.sim.speech import dns, http_request, http_response, ntp

_HTTP_SHARE = 0.3
_DNS_KEPT_S = 120.0
_BYTES_MEDIAN, _BYTES_SIGMA, _BYTES_MOST = 6000.0, 1.3, 150_000
_FILLER = Random("filler").randbytes(1 << 18)
_CHAT_PORT, _HTTPS_PORT = 5228, 443
_PEER_PORTS = (6881, 7000)
_INFO_HASH = Random("info").randbytes(20)


@cache
def _families() -> list[dict[str, Any]]:
    with Path(__file__).with_name("push.toml").open("rb") as file:
        families: list[dict[str, Any]] = tomllib.load(file)["family"]
    return families


def _chat_ports(stack: str, rng: Random) -> tuple[int, ...]:
    """Remote ports of the connections that this machine keeps open."""
    kept, twice = rng.random(), rng.random()
    for family in _families():
        if stack.startswith(tuple(family["stacks"])) and kept < family["kept"]:
            port: int = family["port"]
            return (port, port) if twice < family["twice"] else (port,)
    return (_HTTPS_PORT,)


class User:
    """Keeps one machine busy, as its habit is, for as long as the simulation runs."""

    def __init__(
        self,
        loop: Loop,
        host: Host,
        pool: ServerPool,
        *,
        habit: Habit,
        user_agents: tuple[str, ...],
        pace: float,
        rng: Random,
    ) -> None:
        self._loop = loop
        self._host = host
        self._pool = pool
        self._habit = habit
        self._agents = user_agents
        self._pace = pace
        self._rng = rng
        self._own_server = rng.choice(pool.web)
        self._resolver = rng.choice(pool.resolvers)
        self._chat_ports = _chat_ports(host.stack.name, rng)
        self._known: dict[int, float] = {}
        self._waiting: dict[int, list[Callable[[], None]]] = {}
        self._session = 0

    def begin(self) -> None:
        """The machine is up: start what runs on it. Ends what an earlier start began."""
        self._session += 1
        self._known.clear()
        self._waiting.clear()
        session, rng = self._session, self._rng
        match self._habit:
            case "office":
                self._begin_chats(session)
                self._loop.after(rng.uniform(0.0, 15.0), self._browse, session)
            case "idle":
                self._begin_chats(session)
                self._loop.after(rng.uniform(10.0, 90.0), self._fetch_now_and_then, session)
            case "appliance":
                self._loop.after(rng.uniform(0.0, 30.0), self._poll, session)
                self._loop.after(rng.uniform(0.0, 60.0), self._ask_time, session)
            case "torrent":
                self._begin_chats(session)
                self._loop.after(rng.uniform(0.0, 15.0), self._browse, session)
                self._loop.after(rng.uniform(5.0, 20.0), self._share, session)
            case "steady":
                self._loop.after(rng.uniform(0.0, 5.0), self._stay, session)

    def _active(self, session: int) -> bool:
        return session == self._session and self._host.awake

    # -- habits

    def _browse(self, session: int) -> None:
        if not self._active(session):
            return
        rng = self._rng
        self._visit(self._pool.draw(rng))
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            self._loop.after(rng.uniform(0.1, 1.2), self._visit, self._pool.draw(rng))
        reads_s = rng.expovariate(self._pace / 14.0)
        pauses_s = rng.uniform(40.0, 110.0) / self._pace if rng.random() < 0.15 else 0.0
        self._loop.after(0.5 + reads_s + pauses_s, self._browse, session)

    def _fetch_now_and_then(self, session: int) -> None:
        if not self._active(session):
            return
        self._visit(self._pool.draw(self._rng), n_connections=1)
        wait_s = self._rng.expovariate(self._pace / 120.0)
        self._loop.after(wait_s, self._fetch_now_and_then, session)

    def _poll(self, session: int) -> None:
        if not self._active(session):
            return
        if self._rng.random() < 0.15:
            self._visit(self._pool.draw(self._rng), n_connections=1)
        else:
            self._visit(self._own_server, n_connections=1)
        self._loop.after(self._rng.uniform(15.0, 40.0) / self._pace, self._poll, session)

    def _ask_time(self, session: int) -> None:
        if not self._active(session):
            return
        query, answer = ntp(self._rng)
        self._host.ask(self._pool.time.host.ip, 123, query, answer, lambda: None)
        self._loop.after(128.0 + self._rng.uniform(-4.0, 4.0), self._ask_time, session)

    def _begin_chats(self, session: int) -> None:
        for port in self._chat_ports:
            self._loop.after(self._rng.uniform(0.0, 12.0), self._chat, session, port)

    def _chat(self, session: int, port: int) -> None:
        """A connection that stays, with a small exchange now and then."""
        if not self._active(session):
            return
        rng = self._rng
        small = [self._small_exchange(rng.uniform(12.0, 45.0)) for _ in range(200)]
        hello = self._tls_opening(self._own_server)
        dialogue = Dialogue((*hello, *small), closer="nobody")
        self._talk(self._own_server, port, dialogue)

    def _stay(self, session: int) -> None:
        if not self._active(session):
            return
        rng = self._rng
        small = [self._small_exchange(rng.expovariate(self._pace)) for _ in range(5000)]
        self._talk(self._own_server, _CHAT_PORT, Dialogue(tuple(small), closer="nobody"))

    def _share(self, session: int) -> None:
        """One more peer of a swarm: many far ends, high ports, few bytes each way."""
        if not self._active(session):
            return
        rng = self._rng
        info = b"\x13BitTorrent protocol" + bytes(8) + _INFO_HASH
        ours, theirs = (info + name + rng.randbytes(12) for name in (b"-WT0100-", b"-PE0200-"))
        pieces = (self._small_exchange(rng.uniform(0.2, 3.0)) for _ in range(rng.randrange(1, 12)))
        dialogue = Dialogue((Exchange(ours, theirs), *pieces), rng.expovariate(1 / 20.0))
        port = rng.randrange(*_PEER_PORTS)
        self._host.connect(
            self._pool.draw(rng).host.ip, port, ClientSide(self._loop, dialogue), dialogue
        )
        self._loop.after(rng.expovariate(self._pace / 2.5), self._share, session)

    # -- pieces

    def _visit(self, server: Server, n_connections: int = 0) -> None:
        if not self._host.awake:
            return
        rng = self._rng
        n = n_connections or rng.choice((1, 1, 1, 2, 2, 3))
        plain = rng.random() < _HTTP_SHARE
        for _ in range(n):
            dialogue = self._plain(server) if plain else self._encrypted(server)
            self._talk(server, 80 if plain else 443, dialogue, rng.uniform(0.0, 0.15))

    def _talk(self, server: Server, port: int, dialogue: Dialogue, wait_s: float = 0.0) -> None:
        """Connect, after a look-up if the name's address is not known any more."""
        now_s = self._loop.now_s
        ip, session = server.host.ip, self._session

        def connect() -> None:
            if self._active(session):
                self._host.connect(ip, port, ClientSide(self._loop, dialogue), dialogue)

        if self._known.get(ip, -1.0) > now_s:
            self._loop.after(wait_s, connect)
            return
        waiting = self._waiting.setdefault(ip, [])
        waiting.append(lambda: self._loop.after(wait_s, connect))
        if len(waiting) == 1:
            query, answer = dns(server.host_name, ip, self._rng)
            self._host.ask(self._resolver.host.ip, 53, query, answer, lambda: self._learn(ip))

    def _learn(self, ip: int) -> None:
        """The resolver has answered: whoever waited for this address goes on."""
        self._known[ip] = self._loop.now_s + _DNS_KEPT_S
        for go_on in self._waiting.pop(ip, ()):
            go_on()

    def _body(self) -> bytes:
        size = min(_BYTES_MOST, int(self._rng.lognormvariate(0.0, _BYTES_SIGMA) * _BYTES_MEDIAN))
        at = self._rng.randrange(len(_FILLER) - _BYTES_MOST)
        return _FILLER[at : at + max(size, 120)]

    def _small_exchange(self, wait_s: float) -> Exchange:
        at = self._rng.randrange(len(_FILLER) - 400)
        ask = application_data(_FILLER[at : at + self._rng.randrange(30, 90)])
        answer = application_data(_FILLER[at + 100 : at + 100 + self._rng.randrange(30, 90)])
        return Exchange(ask, answer, wait_s)

    def _waits_s(self) -> list[float]:
        """Pauses before the requests of one connection."""
        rng = self._rng
        if rng.random() < 0.5:
            return [0.0]
        return [0.0] + [rng.expovariate(1 / 4.0) for _ in range(rng.randrange(1, 6))]

    def _plain(self, server: Server) -> Dialogue:
        rng = self._rng
        agent = self._agents[int(rng.random() ** 2 * len(self._agents))] if self._agents else ""
        exchanges = tuple(
            Exchange(
                http_request(server.host_name, f"/{rng.getrandbits(32):08x}", agent),
                http_response(self._body()),
                wait_s,
                rng.uniform(0.005, 0.05),
            )
            for wait_s in self._waits_s()
        )
        return self._ended(exchanges)

    def _tls_opening(self, server: Server) -> tuple[Exchange, ...]:
        hello = client_hello(self._host.stack.tls, server.host_name, self._rng)
        return (Exchange(hello, server_flight(self._rng)),)

    def _encrypted(self, server: Server) -> Dialogue:
        rng = self._rng
        exchanges = tuple(
            Exchange(
                application_data(_FILLER[: rng.randrange(120, 900)]),
                application_data(self._body()),
                wait_s + 0.001,
                rng.uniform(0.005, 0.05),
            )
            for wait_s in self._waits_s()
        )
        return self._ended(self._tls_opening(server) + exchanges)

    def _ended(self, exchanges: tuple[Exchange, ...]) -> Dialogue:
        rng = self._rng
        lingers_s = rng.expovariate(1 / 8.0) if rng.random() < 0.5 else 0.0
        return Dialogue(exchanges, lingers_s, "server" if rng.random() < 0.2 else "client")
