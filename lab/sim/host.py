"""A host: a stack at work, with its clock, counters, secrets and open sockets."""

from collections.abc import Callable, Hashable
from functools import partial
from random import Random

from lab.sim.clock import Clock, first_tick
from lab.sim.ipid import ip_id_source
from lab.sim.keyed import keyed_hash
from lab.sim.loop import Loop
from lab.sim.packets import ACK, RST, SYN, TCP, UDP, Packet
from lab.sim.ports import port_source
from lab.sim.stacks import Stack
from lab.sim.tcp import Application, End

_PORT_RESTS_S = 60.0


class Host:
    """One machine or server. ``transmit`` is set by whoever wires the network."""

    def __init__(
        self, loop: Loop, name: str, stack: Stack, ip: int, *, hz: float, clock: Clock, rng: Random
    ) -> None:
        self.loop = loop
        self.name = name
        self.stack = stack
        self.ip = ip
        self.hz = hz
        self.clock = clock
        self.rng = rng
        self.transmit: Callable[[Packet], None] = lambda packet: None
        self.accept: Callable[[Packet], Application | None] = lambda packet: None
        self.reply: Callable[[Packet], bytes | None] = lambda packet: None
        self._begin()

    def _begin(self) -> None:
        """What a boot sets anew."""
        self.awake = True
        self._secret = self.rng.randbytes(16)
        self._ip_ids = ip_id_source(self.stack.ip_id, self._secret, self.rng)
        self._tcp_ports = port_source(self.stack.tcp_ports, self._secret, self.rng)
        udp = self.stack.udp_ports
        self._udp_ports = port_source(udp, self._secret, self.rng) if udp else self._tcp_ports
        self._first_tick = first_tick(self.stack.timestamps.origin, self.hz, self.rng)
        self._ends: dict[tuple[int, int, int], End] = {}
        self._answers: dict[int, Callable[[], None]] = {}
        self._used: set[int] = set()

    def reboot(self, off_s: float) -> None:
        """Everything is lost; the machine is back after ``off_s`` seconds with a new clock line."""
        self._drop_connections()
        self.loop.after(off_s, self._boot)

    def _boot(self) -> None:
        self.clock.restart(self.loop.now_s)
        self._begin()

    def leave(self) -> None:
        """The machine is carried away, for good."""
        self._drop_connections()

    def suspend(self, for_s: float) -> None:
        """Sleep: connections die, counters stay, the clock stands still."""
        self._drop_connections()
        self.clock.stop(self.loop.now_s, for_s)
        self.loop.after(for_s, self._wake)

    def _wake(self) -> None:
        self.awake = True

    def _drop_connections(self) -> None:
        self.awake = False
        for end in self._ends.values():
            end.die()
        self._ends.clear()
        self._answers.clear()
        self._used.clear()

    def ticks(self) -> int:
        """The timestamp clock without the offset of any connection."""
        return self._first_tick + int(self.clock.counted_s(self.loop.now_s) * self.hz)

    def ts_offset(self, port: int, peer: int, peer_port: int) -> int:
        """What the stack adds to the clock on this connection."""
        match self.stack.timestamps.regime:
            case "pair":
                return keyed_hash(self._secret, 1, self.ip, peer) & 0xFFFFFFFF
            case "connection":
                ends = (self.ip, port, peer, peer_port)
                return keyed_hash(self._secret, 2, *ends) & 0xFFFFFFFF
            case _:
                return 0

    def ip_id(self, dst: int, socket: Hashable) -> int:
        """Identification of the next packet."""
        return self._ip_ids(self.loop.now_s, dst, socket)

    def connect(self, dst: int, dport: int, application: Application, plan: object) -> None:
        """Open a TCP connection."""
        port = self._tcp_ports(self.loop.now_s, dst, dport, self._used)
        self._used.add(port)
        end = End(self, port, dst, dport, application)
        self._ends[port, dst, dport] = end
        end.open(plan)

    def ask(
        self, dst: int, dport: int, query: bytes, answer: bytes, then: Callable[[], None]
    ) -> None:
        """Send a datagram from a new port, twice again if nobody answers; then ``then()``.

        It is called even if no answer came at all: programs go on with what they knew.
        """
        port = self._udp_ports(self.loop.now_s, dst, dport, self._used)
        self._used.add(port)
        self._answers[port] = then
        send = partial(self._datagram, port, dst, dport, query, answer)
        self._ask_again(port, send, 3)

    def _ask_again(self, port: int, send: Callable[[], None], n_left: int) -> None:
        if port not in self._answers:
            return
        if n_left:
            send()
            self.loop.after(2.0, self._ask_again, port, send, n_left - 1)
        else:
            self._answered(port)

    def _datagram(self, port: int, dst: int, dport: int, payload: bytes, plan: object) -> None:
        syn = self.stack.syn
        number = self.ip_id(dst, (UDP, port))
        self.transmit(
            Packet(UDP, self.ip, port, dst, dport, syn.ttl, number, syn.df, payload, plan=plan)
        )

    def receive(self, p: Packet) -> None:
        """A packet has arrived."""
        if not self.awake:
            return
        if p.proto == UDP:
            self._receive_datagram(p)
            return
        end = self._ends.get((p.dport, p.src, p.sport))
        if p.flags & (SYN | ACK) == SYN and (end is None or end.done):
            application = self.accept(p)
            if application is not None:
                end = End(self, p.dport, p.src, p.sport, application)
                self._ends[p.dport, p.src, p.sport] = end
        if end is not None:
            end.receive(p)
        elif not p.flags & (RST | SYN):
            self._refuse(p)

    def _receive_datagram(self, p: Packet) -> None:
        if p.dport in self._answers:
            self._answered(p.dport)
            return
        answer = self.reply(p)
        if answer is not None:
            self._datagram(p.dport, p.src, p.sport, answer, None)

    def _answered(self, port: int) -> None:
        self.loop.after(_PORT_RESTS_S, self._used.discard, port)
        self._answers.pop(port)()

    def _refuse(self, p: Packet) -> None:
        """A segment of no connection known here is answered by a reset (RFC 9293, 3.5.2)."""
        socket_rule = self.stack.ip_id.rule == "socket"  # Linux resets from no socket: number 0
        number = 0 if socket_rule else self.ip_id(p.src, None)
        ttl, df = self.stack.syn.ttl, self.stack.syn.df
        reset = Packet(TCP, self.ip, p.dport, p.src, p.sport, ttl, number, df, flags=RST, seq=p.ack)
        self.transmit(reset)

    def forget(self, end: End) -> None:
        """The connection is over; its port rests for a while."""
        self.loop.after(_PORT_RESTS_S, self._release, end)

    def _release(self, end: End) -> None:
        key = end.port, end.peer, end.peer_port
        if self._ends.get(key) is end:
            del self._ends[key]
            self._used.discard(end.port)
