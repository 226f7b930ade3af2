"""Seeded random captures for the kernel and for us: `scenarios.toml` says of which kinds.

Most are honest ends over an adversarial path with forged segments thrown in; a share is noise, and
some are UDP and ICMP. The same seed and number give the same bytes.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources

from lab.oracle.announced import announced
from lab.oracle.attacks import ATTACKS, launch
from lab.oracle.datagrams import TCP, Ends
from lab.oracle.endpoint import Habits
from lab.oracle.noise import noise
from lab.oracle.others import MAKERS
from lab.oracle.path import Conversation, Leg, Simulation
from lab.oracle.plays import PLAYS
from lab.oracle.segment import LINKTYPE_RAW, tcp_packet
from lab.superpose.frames import Frame

FEWEST, MOST = 20, 400
START_NS = 1_700_000_000 * 10**9
_LATEST_S = 100_000.0
_MTUS = (536, 1220, 1400, 1460, 8960)
_BUFFERS = (2000, 8192, 29_200, 65_535, 65_535, 500_000, 3_000_000)


@dataclass(frozen=True)
class Kind:
    """A kind of TCP scenario; see the head of `scenarios.toml` for what the fields mean."""

    name: str
    what: str
    draws: int
    plays: tuple[str, ...]
    attacks: tuple[str, ...] = ()
    n_attacks: tuple[int, int] = (0, 0)
    n_connections: tuple[int, int] = (2, 4)
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    near_wrap: float = 0.05
    v6: float = 0.15
    one_sided: float = 0.0
    mid_stream: float = 0.0


@dataclass(frozen=True)
class Simple:
    """A kind without ends that hold a state."""

    name: str
    what: str
    draws: int
    waits: bool = False
    """Some of its silences must pass in real time."""
    helpers: bool = False
    """The kernel is to read what is announced."""


@dataclass(frozen=True)
class Kinds:
    tcp: tuple[Kind, ...]
    noise: tuple[Simple, ...]
    other: tuple[Simple, ...]


@dataclass(frozen=True)
class Scenario:
    """A capture and what it is."""

    name: str
    description: str
    frames: tuple[Frame, ...] = field(repr=False)
    waits: bool = False
    """The kernel is to wait in real time."""
    helpers: bool = False
    """The kernel is to read what is announced (`Kernel(helpers=True)`)."""


def kinds() -> Kinds:
    """What `scenarios.toml` lists. Raises ValueError for names that nothing bears."""
    text = (resources.files("lab.oracle") / "scenarios.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    tcp = []
    for row in table["kind"]:
        if row.get("attacks") == "all":
            row["attacks"] = list(ATTACKS)
        lists = {name: tuple(x) for name, x in row.items() if isinstance(x, list)}
        tcp.append(Kind(**{**row, **lists}))
        if unknown := set(tcp[-1].plays) - set(PLAYS) | set(tcp[-1].attacks) - set(ATTACKS):
            raise ValueError(f"{tcp[-1].name}: unknown {sorted(unknown)}")
    return Kinds(
        tuple(tcp),
        tuple(Simple(**row) for row in table["noise"]),
        tuple(Simple(**row) for row in table["other"]),
    )


def scenarios(seed: int = 1) -> Iterator[Scenario]:
    """All scenarios of a seed, in the order of the file."""
    known = kinds()
    for kind in known.tcp:
        for number in range(kind.draws):
            yield _tcp(kind, random.Random(f"{seed} {kind.name} {number}"), number)
    for simple in known.noise:
        for number in range(simple.draws):
            rng = random.Random(f"{seed} {simple.name} {number}")
            pairs = _pairs(rng, rng.randint(1, 6), v6=0.1)
            yield _simple(simple, number, noise(rng, pairs, rng.randint(60, MOST)))
    for simple in known.other:
        for number in range(simple.draws):
            rng = random.Random(f"{seed} {simple.name} {number}")
            pairs = _pairs(rng, rng.randint(3, 9), v6=0.3)
            maker = announced if simple.helpers else MAKERS[simple.name]
            yield _simple(simple, number, maker(rng, pairs, rng.randint(60, 300)))


def _simple(kind: Simple, number: int, timed: list[tuple[float, bytes]]) -> Scenario:
    frames = tuple(_frame(at, packet) for at, packet in timed)
    name = f"{kind.name}-{number:02d}"
    return Scenario(name, kind.what, frames, kind.waits, kind.helpers)


def _frame(at_s: float, packet: bytes) -> Frame:
    return Frame(START_NS + int(at_s * 1e9), packet, len(packet), LINKTYPE_RAW)


def _pairs(rng: random.Random, n: int, *, v6: float) -> list[Ends]:
    """So many pairs of ends; those of one number share their ports."""
    pairs = []
    for at in range(n):
        sport, dport = rng.randrange(1024, 65_536), rng.choice((80, 443, 22, 8080, 25))
        if rng.random() < v6:
            src = bytes.fromhex("20010db8000100000000000000000010")[:-1] + bytes([10 + at])
            dst = bytes.fromhex("20010db8000200000000000000000020")
        else:
            src, dst = bytes((10, 0, 0, 10 + at)), bytes((198, 51, 100, 20))
        pairs.append(Ends(src, dst, TCP, sport, dport))
    return pairs


def _habits(rng: random.Random) -> Habits:
    return Habits(
        mss=rng.choice(_MTUS),
        wscale=rng.choice((None, 0, 2, 7, 7, 8, 14)),
        sack=rng.random() < 0.75,
        timestamps=rng.random() < 0.6,
        buffer=rng.choice(_BUFFERS),
        in_flight=rng.choice((2, 8, 8, 30)),
        probes_with_data=rng.random() < 0.5,
        delays_acks=rng.random() < 0.6,
    )


def _leg(kind: Kind, rng: random.Random) -> Leg:
    return Leg(
        delay_s=rng.choice((0.0005, 0.005, 0.02, 0.08)),
        jitter_s=rng.choice((0.0, 0.0, 0.004)),
        loss=rng.uniform(0.0, kind.loss),
        reorder=rng.uniform(0.0, kind.reorder),
        duplicate=rng.uniform(0.0, kind.duplicate),
    )


def _tcp(kind: Kind, rng: random.Random, number: int) -> Scenario:
    simulation = Simulation(rng, rng.randint(80, MOST))
    words: list[str] = []
    pairs = _pairs(rng, 40, v6=kind.v6)
    n_wanted = rng.randint(*kind.n_connections)
    at = 0.0
    for n, pair in enumerate(pairs, 1):
        play = rng.choice(kind.plays)
        conversation = Conversation(
            simulation,
            pair,
            (_habits(rng), _habits(rng)),
            (_leg(kind, rng), _leg(kind, rng)),
            near_wrap=rng.random() < kind.near_wrap,
        )
        over = PLAYS[play](rng, conversation, at)
        words.append(play)
        if rng.random() < kind.one_sided:
            conversation.deaf_to = rng.randrange(2)
            words[-1] += f" without side {conversation.deaf_to}"
        if rng.random() < kind.mid_stream:
            conversation.hidden_until = at + rng.uniform(0.05, 1.2)
            words[-1] += f" from {conversation.hidden_until - at:.2f} s on"
        words += _attack(kind, rng, conversation, at, over)
        # Connections overlap, unless the one before takes long.
        at += rng.uniform(0.0, 1.0) if over - at < 30 else over - at + rng.uniform(0.0, 1.0)
        if n >= n_wanted:
            simulation.run(over + _LATEST_S)
            if len(simulation.captured) >= FEWEST:
                break
            at = max(at, over, simulation.now)
    frames = tuple(_frame(x.time_s, tcp_packet(x.ends, x.segment)) for x in simulation.captured)
    return Scenario(f"{kind.name}-{number:02d}", f"{kind.what}: {', '.join(words)}", frames)


def _attack(
    kind: Kind, rng: random.Random, conversation: Conversation, at: float, over: float
) -> list[str]:
    """Forged segments over the time of a play and a little after; their names."""
    if not kind.attacks:
        return []
    names = [rng.choice(kind.attacks) for _ in range(rng.randint(*kind.n_attacks))]
    for name in names:
        launch(conversation, rng.uniform(at, over + 0.5), rng.randrange(2), ATTACKS[name])
    return names
