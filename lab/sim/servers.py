"""The far side: a pool of servers that all machines share, some far more popular than others."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from lab.sim.address import number
from lab.sim.clock import Clock
from lab.sim.dialogue import Dialogue, ServerSide
from lab.sim.host import Host
from lab.sim.loop import Loop
from lab.sim.packets import Packet
from lab.sim.stacks import stack
from lab.sim.tcp import Application

RESOLVERS = ("192.0.2.53", "198.51.100.53")
TIME_SERVER = "192.0.2.123"
_NETS = ("192.0.2", "198.51.100")
_STACKS = ("server-linux", "server-linux-old", "server-freebsd", "server-windows")
_WEIGHTS = (6, 2, 1, 1)
_UNREACHABLE = 0.01
"""Share of connections that nobody answers: the SYN is repeated in vain."""
_LONGEST_UPTIME_S = 30 * 86_400.0


@dataclass(frozen=True)
class Server:
    """A server's host, its name, and how far it is (one way, from the tap)."""

    host: Host
    host_name: str
    delay_s: float
    n_hops: int


def _accepting(loop: Loop, rng: Random) -> Callable[[Packet], Application | None]:
    def accept(syn: Packet) -> Application | None:
        if not isinstance(syn.plan, Dialogue) or rng.random() < _UNREACHABLE:
            return None
        return ServerSide(loop, syn.plan)

    return accept


def _answering(p: Packet) -> bytes | None:
    return p.plan if isinstance(p.plan, bytes) else None


def make_server(loop: Loop, ip: str, kind: str, last_s: float, rng: Random) -> Server:
    """A server of the kind ``kind`` at ``ip``."""
    what = stack(kind)
    skew_ppm = rng.gauss(0.0, what.clock.skew_sd_ppm)
    clock = Clock(what.clock, skew_ppm, rng.uniform(3600.0, _LONGEST_UPTIME_S), last_s, rng)
    hz = rng.choice(what.timestamps.hz)
    host = Host(loop, ip, what, number(ip), hz=hz, clock=clock, rng=rng)
    host.accept = _accepting(loop, rng)
    host.reply = _answering
    name = f"www{ip.rsplit('.', 1)[1]}.{'alpha' if ip.startswith('192') else 'beta'}.example"
    return Server(host, name, rng.uniform(0.002, 0.06), rng.randrange(4, 16))


class ServerPool:
    """Web servers by falling popularity (Zipf), resolvers, and a time server."""

    def __init__(self, loop: Loop, n_servers: int, last_s: float, rng: Random) -> None:
        self._cumulative = list(accumulate(1.0 / rank for rank in range(1, n_servers + 1)))
        self.web = [
            make_server(
                loop,
                f"{_NETS[i % 2]}.{130 + i // 2}",
                rng.choices(_STACKS, _WEIGHTS)[0],
                last_s,
                rng,
            )
            for i in range(n_servers)
        ]
        self.resolvers = [make_server(loop, ip, "server-linux", last_s, rng) for ip in RESOLVERS]
        self.time = make_server(loop, TIME_SERVER, "server-linux", last_s, rng)

    def all(self) -> list[Server]:
        return [*self.web, *self.resolvers, self.time]

    def draw(self, rng: Random) -> Server:
        """A web server, popular ones more often."""
        return rng.choices(self.web, cum_weights=self._cumulative)[0]
