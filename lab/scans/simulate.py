"""Scans and what looks like them, drawn from a seed: what namespaces cannot show in seconds.

Each function gives what one wire carries, in order of time. Distances are in routers, counted from
the capture. The rules of the scanner are those that nmap showed in the lab's recordings: TTL drawn
from 37 to 59, IP ID drawn, window 1024, an MSS alone, one source port and sequence number for all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from lab.sim.packets import ACK, FIN, PSH, RST, SYN, TCP, UDP, Packet, frame
from lab.sim.write import CapturedPacket

URG = 32
FLAGS = {"syn": SYN, "fin": FIN, "null": 0, "xmas": FIN | PSH | URG, "maimon": FIN | ACK,
         "ack": ACK, "synack": SYN | ACK}  # fmt: skip
START_NS = 1_790_000_000_000_000_000
NS_PER_S = 1_000_000_000
_SYSTEM_SYN = ("mss", "sok", "ts", "nop", "ws")


@dataclass
class Host:
    """A machine: `counter` is how it counts its IP IDs (global, zero, drawn)."""

    address: str
    hops: int = 0
    initial_ttl: int = 64
    counter: str = "zero"
    mac: str = "02:00:00:00:00:01"
    next_id: int = 100
    open_ports: frozenset[int] = frozenset()

    def ip_id(self, rng: random.Random) -> int:
        if self.counter == "global":
            self.next_id = (self.next_id + 1) & 0xFFFF
            return self.next_id
        return 0 if self.counter == "zero" else rng.randrange(65536)


@dataclass
class Wire:
    """Packets as they pass, and the time."""

    rng: random.Random
    now_ns: int = START_NS
    packets: list[CapturedPacket] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS_PER_S)

    def put(self, sender: Host, packet: Packet, ttl: int) -> None:
        data = frame(replace(packet, ttl=ttl), _mac(sender.mac), _mac("02:00:00:00:00:ff"))
        self.packets.append(CapturedPacket(self.now_ns, data, len(data)))
        self.now_ns += 20_000

    def crafted(self, writer: Host, claims: Host, packet: Packet, ip_id: int | None = None) -> None:
        """As nmap writes it, from where `writer` is."""
        drawn = self.rng.randrange(65536) if ip_id is None else ip_id
        sent = replace(packet, ip_id=drawn, window=1024, df=False, src=number(claims.address))
        if sent.flags & SYN:
            sent = replace(sent, mss=1460, options=("mss",))
        self.put(writer, sent, self.rng.randint(37, 59) - writer.hops)

    def system(self, host: Host, packet: Packet) -> None:
        """As the host's own system writes it."""
        self.put(host, replace(packet, ip_id=host.ip_id(self.rng)), host.initial_ttl - host.hops)


def number(address: str) -> int:
    """An IPv4 address as a number."""
    return int.from_bytes(bytes(int(part) for part in address.split(".")), "big")


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _packet(src: Host, sport: int, dst: Host, dport: int, **more: object) -> Packet:
    ends = (number(src.address), sport, number(dst.address), dport)
    return Packet(TCP, *ends, 64, 0, True, **more)  # type: ignore[arg-type]


def _answer(wire: Wire, target: Host, asked: Packet, claims: Host) -> bool:
    """The target's system answers a probe (RFC 9293 3.10.7); True for an offered connection."""
    back = _packet(target, asked.dport, claims, asked.sport)
    is_open = asked.dport in target.open_ports
    if is_open and asked.flags & (SYN | ACK) == SYN:
        syn_ack = replace(back, flags=SYN | ACK, seq=wire.rng.getrandbits(32), ack=asked.seq + 1)
        wire.system(target, replace(syn_ack, window=64240, mss=1460, options=("mss",)))
        return True
    if asked.flags & ACK:
        wire.system(target, replace(back, flags=RST, seq=asked.ack))
    elif not is_open:
        wire.system(target, replace(back, flags=RST | ACK, ack=asked.seq + 1))
    return False


def scan(
    seed: int, kind: str, scanner: Host, target: Host, ports: Sequence[int], gap_s: float = 0.01
) -> list[CapturedPacket]:
    """A raw scan by its own address: the scanner's system resets what is offered."""
    return decoys(seed, kind, scanner, [scanner], target, ports, gap_s)


def decoys(
    seed: int,
    kind: str,
    scanner: Host,
    claims: Sequence[Host],
    target: Host,
    ports: Sequence[int],
    gap_s: float = 0.01,
    alive: Sequence[Host] = (),
) -> list[CapturedPacket]:
    """Each probe in the name of all `claims`; the scanner and those `alive` reset by themselves."""
    wire = Wire(random.Random(seed))
    sport, seq = wire.rng.randrange(33_000, 65_000), wire.rng.getrandbits(32)
    order = list(ports)
    wire.rng.shuffle(order)
    for port in order:
        ip_id = wire.rng.randrange(65536)
        for claimed in claims:
            more = {"ack": wire.rng.getrandbits(32)} if FLAGS[kind] & ACK else {}
            probe = _packet(claimed, sport, target, port, flags=FLAGS[kind], seq=seq, **more)
            wire.crafted(scanner, claimed, probe, ip_id)
            if _answer(wire, target, probe, claimed) and claimed in (scanner, *alive):
                reset = _packet(claimed, sport, target, port, flags=RST, seq=seq + 1)
                wire.system(claimed, reset)
        wire.wait(gap_s)
    return wire.packets


def idle(
    seed: int,
    scanner: Host,
    zombie: Host,
    target: Host,
    ports: Sequence[int],
    place: str,
    *,
    tests: int = 4,
    zombie_port: int = 80,
) -> list[CapturedPacket]:
    """An idle scan seen at `place`: target, zombie or scanner. `tests`: SYN/ACKs in the target's
    name before it begins, by which nmap makes sure that the zombie counts for all."""
    wire = Wire(random.Random(seed))
    rng = wire.rng
    ack, seq = rng.getrandbits(32), rng.getrandbits(32)
    seen = {
        "target": {"probe", "answer", "reset"},
        "zombie": {"poll", "test", "answer", "reset"},
        "scanner": {"poll", "test", "probe"},
    }[place]

    def passes(what: str, put: object, *given: object) -> None:
        if what in seen:
            put(*given)  # type: ignore[operator]

    def ask(claims: Host, sport: int) -> None:
        what = "poll" if claims is scanner else "test"
        poll = _packet(claims, sport, zombie, zombie_port, flags=SYN | ACK, seq=seq, ack=ack)
        passes(what, wire.crafted, scanner, claims, poll)
        reset = _packet(zombie, zombie_port, claims, sport, flags=RST, seq=ack)
        made = replace(reset, ip_id=zombie.ip_id(rng))
        ttl = zombie.initial_ttl - zombie.hops
        passes("poll" if claims is scanner else "reset", wire.put, zombie, made, ttl)
        wire.wait(0.05)

    for n in range(6):
        ask(scanner, 50_000 + n)
    for _ in range(tests):
        ask(target, 50_000)
    first = rng.getrandbits(32)
    for port in ports:
        ask(scanner, rng.randrange(50_000, 50_400))
        probe = _packet(zombie, zombie_port, target, port, flags=SYN, seq=first)
        passes("probe", wire.crafted, scanner, zombie, probe)
        before = len(wire.packets)
        offered = _answer(wire, target, probe, zombie)
        if "answer" not in seen:
            del wire.packets[before:]
        if offered:
            reset = _packet(zombie, zombie_port, target, port, flags=RST, seq=first + 1)
            made = replace(reset, ip_id=zombie.ip_id(rng))
            passes("reset", wire.put, zombie, made, zombie.initial_ttl - zombie.hops)
        wire.wait(0.1)
    ask(scanner, 50_399)
    return wire.packets


def backscatter(seed: int, victim: Host, n: int, network: str = "192.0.2") -> list[CapturedPacket]:
    """SYN/ACKs and resets of a flooded service to addresses of one network, drawn with ports."""
    wire = Wire(random.Random(seed))
    for _ in range(n):
        to = Host(f"{network}.{wire.rng.randrange(1, 255)}")
        flags = SYN | ACK if wire.rng.random() < 0.8 else RST | ACK
        sent = _packet(victim, 80, to, wire.rng.randrange(1024, 65536), flags=flags,
                       seq=wire.rng.getrandbits(32), ack=wire.rng.getrandbits(32))  # fmt: skip
        wire.system(victim, replace(sent, window=64240, mss=1460, options=("mss",)))
        wire.wait(wire.rng.uniform(0.1, 0.8))
    return wire.packets


def connection(
    wire: Wire, client: Host, server: Host, port: int, *, seen: str = "both", sport: int = 0
) -> None:
    """An ordinary request; `seen`: both directions, or client or server alone."""
    rng = wire.rng
    sport = sport or rng.randrange(32_768, 61_000)
    a, b = rng.getrandbits(32), rng.getrandbits(32)
    out = {"window": 64240, "tsval": wire.now_ns // 1_000_000, "wscale": 7, "mss": 1460}
    talk: list[tuple[Host, dict[str, object]]] = [
        (client, {"flags": SYN, "seq": a, "options": _SYSTEM_SYN, **out}),
        (server, {"flags": SYN | ACK, "seq": b, "ack": a + 1, "options": _SYSTEM_SYN, **out}),
        (client, {"flags": ACK, "seq": a + 1, "ack": b + 1}),
        (client, {"flags": ACK | PSH, "seq": a + 1, "ack": b + 1, "payload": b"x" * 200}),
        (server, {"flags": ACK | PSH, "seq": b + 1, "ack": a + 201, "payload": b"y" * 900}),
        (client, {"flags": ACK | FIN, "seq": a + 201, "ack": b + 901}),
        (server, {"flags": ACK | FIN, "seq": b + 901, "ack": a + 202}),
        (client, {"flags": ACK, "seq": a + 202, "ack": b + 902}),
    ]
    for sender, more in talk:
        name = "client" if sender is client else "server"
        if seen in ("both", name):
            there = sender is client
            ends = (client, sport, server, port) if there else (server, port, client, sport)
            wire.system(sender, replace(_packet(*ends), **more))  # type: ignore[arg-type]
    wire.wait(rng.uniform(0.01, 0.3))


def refused(wire: Wire, client: Host, server: Host, port: int, *, resets: bool) -> None:
    """A system's SYN that is reset, or not answered and sent again."""
    sport = wire.rng.randrange(32_768, 61_000)
    seq = wire.rng.getrandbits(32)
    syn = _packet(client, sport, server, port, flags=SYN, seq=seq, window=64240, mss=1460,
                  wscale=7, tsval=wire.now_ns // 1_000_000, options=_SYSTEM_SYN)  # fmt: skip
    wire.system(client, syn)
    if resets:
        back = _packet(server, port, client, sport, flags=RST | ACK, ack=seq + 1)
        wire.system(server, back)
    else:
        wire.wait(1.0)
        wire.system(client, syn)
    wire.wait(wire.rng.uniform(0.1, 2))


def innocents(seed: int) -> Iterator[tuple[str, list[CapturedPacket]]]:
    """Ordinary traffic that has the looks of a scan in one respect each, by name."""
    for name, make in _INNOCENTS.items():
        wire = Wire(random.Random(f"{seed}/{name}"))
        make(wire)
        yield name, wire.packets


_SERVER = Host("198.51.100.20", 8)
_CLIENTS = [Host(f"203.0.113.{n}", 2 + n % 18) for n in range(1, 60)]


def _busy_server(wire: Wire) -> None:
    for _ in range(150):
        connection(wire, wire.rng.choice(_CLIENTS), _SERVER, 443)


def _server_side_alone(wire: Wire) -> None:
    for _ in range(150):
        connection(wire, wire.rng.choice(_CLIENTS), _SERVER, 443, seen="server")


def _client_side_alone(wire: Wire) -> None:
    for n in range(1, 120):
        connection(wire, _CLIENTS[0], Host(f"192.0.2.{n}", 9), 443, seen="client")


def _peer_to_peer(wire: Wire) -> None:
    for _ in range(200):
        port = wire.rng.choice([6881, wire.rng.randrange(1024, 65536)])
        reach = connection if wire.rng.random() < 0.3 else _unreached
        reach(wire, _CLIENTS[0], _anywhere(wire.rng), port)


def _content_network(wire: Wire) -> None:
    for _ in range(120):
        reach = connection if wire.rng.random() < 0.8 else _unreached
        reach(wire, _CLIENTS[0], Host(f"192.0.2.{wire.rng.randrange(1, 40)}", 9), 443)


def _nat(wire: Wire) -> None:
    for _ in range(200):
        connection(wire, _CLIENTS[0], _anywhere(wire.rng), wire.rng.choice([80, 443, 993, 5228]))


def _left_over(wire: Wire) -> None:
    """A server closes what was open before the capture; the client has forgotten it."""
    for n in range(60):
        sport, seq = 40_000 + 7 * n, wire.rng.getrandbits(32)
        ack, client = wire.rng.getrandbits(32), _CLIENTS[0]
        fin = _packet(_SERVER, 443, client, sport, flags=FIN | ACK, seq=seq, ack=ack)
        wire.system(_SERVER, fin)
        wire.system(client, _packet(client, sport, _SERVER, 443, flags=RST, seq=ack))
        wire.wait(0.5)


def _traceroute(wire: Wire) -> None:
    ends = number(_CLIENTS[0].address), 50_123, number(_SERVER.address)
    for n in range(60):
        probe = Packet(UDP, *ends, 33_434 + n, 64, 0, df=False, payload=bytes(32))
        wire.put(_CLIENTS[0], probe, 1 + n // 3)
        wire.wait(0.05)


_INNOCENTS: dict[str, Callable[[Wire], None]] = {
    "busy-server": _busy_server,
    "server-side-alone": _server_side_alone,
    "client-side-alone": _client_side_alone,
    "peer-to-peer": _peer_to_peer,
    "content-network": _content_network,
    "nat": _nat,
    "left-over": _left_over,
    "traceroute": _traceroute,
}


def _anywhere(rng: random.Random) -> Host:
    return Host(".".join(str(rng.randrange(1, 224)) for _ in range(4)), rng.randrange(5, 20))


def _unreached(wire: Wire, client: Host, server: Host, port: int) -> None:
    refused(wire, client, server, port, resets=wire.rng.random() < 0.3)
