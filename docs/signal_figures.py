"""The figures of docs/science/ but for clocks.md: `.venv/bin/python docs/signal_figures.py`.

Draws seeded traffic of the simulator, and the weights that the code has, as SVG into
`docs/images/`. Takes some ten seconds; not run by the tests.
"""

from __future__ import annotations

import itertools
import math
import struct
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from figure import INK, Figure, sheet, ticks

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lab.sim.address import number, text  # noqa: E402
from lab.sim.scenario import MachineSpec, NatSpec, Scenario  # noqa: E402
from lab.sim.simulate import Capture, simulate  # noqa: E402
from wiretell.plots.palette import COLORS  # noqa: E402
from wiretell.protocols import dns  # noqa: E402
from wiretell.signals import link_address, resolution  # noqa: E402
from wiretell.signals.handwriting import RULES as WRITTEN  # noqa: E402
from wiretell.signals.push import KEPT_S, services  # noqa: E402
from wiretell.signals.tcp_syn import RULES as SYN_RULES  # noqa: E402
from wiretell.signals.tcp_syn import initial_ttl  # noqa: E402

TCP, UDP, SYN, ACK = 6, 17, 2, 16
MOST_DOTS = 700
PANEL = {"width": 390, "height": 230, "left": 76, "right": 12}


class Seen(NamedTuple):
    """One packet that left the public address; `flow` is (own port, address, port)."""

    t_s: float
    ttl: int
    ip_id: int
    proto: int
    flow: tuple[int, str, int]
    flags: int
    tsval: int | None
    payload: bytes


def packets(capture: Capture, address: str, *, inbound: bool = False) -> list[Seen]:
    """What the tap saw leave the address (or arrive there), seconds from the first packet."""
    found: list[Seen] = []
    start_ns = capture.packets[0].time_ns
    wanted = number(address).to_bytes(4, "big")
    own, far = (16, 12) if inbound else (12, 16)
    for time_ns, data, _ in capture.packets:
        ip = data[14:]
        proto = ip[9]
        if ip[own : own + 4] != wanted or proto not in (TCP, UDP):
            continue
        ends = struct.unpack("!HH", ip[20:24])
        here, there = ends[::-1] if inbound else ends
        peer = text(int.from_bytes(ip[far : far + 4], "big"))
        flags = ip[33] if proto == TCP else 0
        size = 4 * (ip[32] >> 4) if proto == TCP else 8
        tsval = _tsval(ip[40 : 20 + size]) if proto == TCP else None
        found.append(
            Seen(
                (time_ns - start_ns) / 1e9,
                ip[8],
                int.from_bytes(ip[4:6], "big"),
                proto,
                (here, peer, there),
                flags,
                tsval,
                ip[20 + size :],
            )
        )
    return found


def _tsval(options: bytes) -> int | None:
    at = 0
    while at + 1 < len(options) and options[at]:
        if options[at] == 8:
            return int.from_bytes(options[at + 2 : at + 6], "big")
        at += 1 if options[at] == 1 else max(options[at + 1], 2)
    return None


def line(*machines: MachineSpec, seed: int, seconds: float = 600.0, **more: object) -> Capture:
    """Machines of the simulator behind one address."""
    return simulate(Scenario(machines, seconds=seconds, **more), seed)  # type: ignore[arg-type]


def left(*machines: MachineSpec, seed: int, **more: object) -> list[Seen]:
    """What of their traffic leaves the address."""
    capture = line(*machines, seed=seed, **more)
    return packets(capture, Scenario(machines).nat.public_ips[0])


def thin(rows: Sequence[Seen]) -> Sequence[Seen]:
    """At most MOST_DOTS of them, evenly."""
    return rows[:: max(1, -(-len(rows) // MOST_DOTS))]


def by_color(
    figure: Figure, rows: Iterable[tuple[object, tuple[float, float]]], radius: float = 1.4
) -> None:
    """Points with a colour for each key, in the order in which keys appear."""
    groups: dict[object, list[tuple[float, float]]] = defaultdict(list)
    for key, point in rows:
        groups[key].append(point)
    clouds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for i, points in enumerate(groups.values()):
        clouds[COLORS[i % len(COLORS)]] += points
    for color, points in clouds.items():
        figure.dots(points, color, radius, 0.8)


def over_time(title: str, words: str, most: float, step: float) -> Figure:
    """A panel of ten minutes."""
    low = -0.03 * most
    return Figure(
        title, "seconds", words, (0, 600), (low, most - low),
        ticks(0, 600, 150), ticks(0, most, step), **PANEL,
    )  # fmt: skip


def offsets() -> None:
    """What the offset of TCP timestamps is common to: four rules, seen on the wire."""
    rewriting = NatSpec(modulates_timestamps=True)
    old = MachineSpec("linux-4.9", skew_ppm=20.0, uptime_s=7.0e6, reboots_at_s=(330.0,))
    steady = MachineSpec("linux-4.9", skew_ppm=20.0, uptime_s=7.0e6)
    cases: list[tuple[str, MachineSpec, float, dict[str, object]]] = [
        ("One line per boot (Linux 4.9, a reboot)", old, 250.0, {}),
        ("One per destination (Linux 5.10)", MachineSpec("linux-5.10"), 1000.0, {}),
        ("One per connection (Linux 6.18)", MachineSpec("linux-6.18"), 1000.0, {}),
        ("Drawn by the router (Linux 4.9 behind pf)", steady, 250.0, {"nat": rewriting}),
    ]
    panels: list[Figure] = []
    for title, spec, hz, more in cases:
        panel = over_time(title, "offset, share of 2^32", 1.0, 0.25)
        rows = [p for p in left(spec, seed=3, **more) if p.tsval is not None]
        by_color(
            panel,
            (
                (p.flow[1], (p.t_s, (p.tsval or 0) / 2**32 - p.t_s * hz / 2**32 % 1.0))
                for p in thin(rows)
            ),
        )
        panels.append(panel)
    sheet("signal-offsets", "Offsets of TCP timestamps by four rules; colours: servers", panels)


def swapped(value: int) -> int:
    """The two bytes of an identification the other way round."""
    return value >> 8 | (value & 255) << 8


def ip_ids() -> None:
    """Identifications of packets in time, by the rule of the stack."""
    cases: list[tuple[str, str, Callable[[int], int]]] = [
        ("One counter for all (Windows 7)", "win7", int),
        ("One per destination (Windows 10)", "win10", int),
        ("One per connection (Linux 6.1)", "linux-6.1", int),
        ("Random (macOS of 2016)", "macos-old", int),
        ("Bytes swapped, as sent (printer)", "printer", int),
        ("The same packets, swapped back", "printer", swapped),
    ]
    panels: list[Figure] = []
    for title, stack, read in cases:
        habit = "office" if stack == "printer" else None
        panel = over_time(title, "identification", 65536, 16384)
        rows = left(MachineSpec(stack, habit=habit), seed=4)
        by_color(panel, ((p.flow[1], (p.t_s, read(p.ip_id))) for p in thin(rows)))
        panels.append(panel)
    sheet("signal-ip-id", "IP identifications by rule; colours: servers", panels)


def opened(rows: Iterable[Seen]) -> list[Seen]:
    """First SYNs of connections."""
    first: dict[tuple[int, str, int], Seen] = {}
    for p in rows:
        if p.proto == TCP and p.flags & (SYN | ACK) == SYN:
            first.setdefault(p.flow, p)
    return list(first.values())


def ports() -> None:
    """Source ports of connections in time, by the rule of the stack."""
    panels: list[Figure] = []
    two = [MachineSpec("win10", first_port=n) for n in (50_100, 50_350)]
    panel = Figure(
        "One counter for all (two Windows 10)", "seconds", "source port",
        (0, 600), (50_000, 51_000), ticks(0, 600, 150), ticks(50_000, 51_000, 250), **PANEL,
    )  # fmt: skip
    rows = opened(left(*two, seed=5, pace=2.0))
    by_color(panel, ((p.flow[1], (p.t_s, p.flow[0])) for p in rows))
    panels.append(panel)
    for title, stack in (
        ("hash(server) + one counter (Linux 4.9)", "linux-4.9"),
        ("Random (Android 7)", "android-7"),
    ):
        panel = Figure(
            title, "seconds", "source port", (0, 600), (32_000, 62_000),
            ticks(0, 600, 150), ticks(35_000, 60_000, 10_000), **PANEL,
        )  # fmt: skip
        rows = opened(left(MachineSpec(stack), seed=5, pace=2.0, n_servers=12))
        by_color(panel, ((p.flow[1], (p.t_s, p.flow[0])) for p in rows), 1.8)
        panels.append(panel)
    panel = Figure(
        "Even, +2 to +16 within 10 s (Linux 6.1)", "seconds since the last one there",
        "step of the port", (0, 20), (-60, 60), ticks(0, 20, 5), ticks(-60, 60, 20), **PANEL,
    )  # fmt: skip
    last: dict[tuple[str, int], Seen] = {}
    steps: list[tuple[float, float]] = []
    for p in opened(left(MachineSpec("linux-6.1"), seed=5, pace=8.0, n_servers=12)):
        if (before := last.get(p.flow[1:])) is not None:
            steps.append((p.t_s - before.t_s, p.flow[0] - before.flow[0]))
        last[p.flow[1:]] = p
    inside = sum(t <= 20 and abs(step) <= 60 for t, step in steps)
    print(f"shuffled ports: {len(steps)} steps, {inside} in the picture", file=sys.stderr)
    panel.dots(steps, COLORS[0], 1.8, 0.8)
    panels.append(panel)
    sheet("signal-source-port", "Source ports by rule; colours: servers", panels)


def hops() -> None:
    """TTLs on the line of a home, one phone of which shares its line."""
    guest = MachineSpec("macos-new", n_inner_hops=1)
    machines = (MachineSpec("win10"), MachineSpec("linux-6.1"), MachineSpec("android-13"), guest)
    rows = thin(left(*machines, seed=6))
    met = sorted({p.ttl for p in rows})
    figure = Figure(
        "TTLs behind one address: Windows, Linux, a phone, and a guest of the phone",
        "seconds", "TTL", (0, 600), (-0.5, len(met) - 0.5), ticks(0, 600, 150),
        [(i, str(ttl)) for i, ttl in enumerate(met)], right=150, height=190,
    )  # fmt: skip
    by_color(figure, ((p.ttl, (p.t_s, met.index(p.ttl))) for p in rows))
    for i, ttl in enumerate(met):
        start = initial_ttl(ttl)
        figure.words(600, i, f"{start} less {start - ttl}", INK)
    figure.write("signal-ttl")


def waits() -> None:
    """How long after an answer the address is called, by whom."""
    machines = tuple(
        MachineSpec(stack) for stack in ("win10", "win11", "macos-new", "linux-6.1") * 3
    )
    capture = line(*machines, seed=7)
    address = Scenario(machines).nat.public_ips[0]
    whose = {(f.nat_port, text(f.dst_ip), f.dst_port): f.machine for f in capture.truth.flows}
    calls = opened(packets(capture, address))
    own: list[float] = []
    others: list[float] = []
    for p in packets(capture, address, inbound=True):
        message = dns.parse(p.payload) if p.proto == UDP and p.flow[2] == 53 else None
        for answer in message.answers if message and message.response else ():
            later = [c for c in calls if c.flow[1] == answer.value and c.t_s >= p.t_s]
            if later:
                mine = whose[later[0].flow] == whose[p.flow]
                (own if mine else others).append(later[0].t_s - p.t_s)
    figure = Figure(
        f"First call to the address of {len(own) + len(others)} answers: twelve machines",
        "seconds from the answer", "answers", (-3, 2.8), (0, 125),
        [(n, f"{10.0**n:g}") for n in range(-3, 3)], ticks(0, 125, 25), height=260,
    )  # fmt: skip
    bins = [-3 + k / 5 for k in range(30)]
    for x0, x1 in itertools.pairwise(bins):
        n_own = sum(10**x0 <= wait < 10**x1 for wait in own)
        n_all = n_own + sum(10**x0 <= wait < 10**x1 for wait in others)
        figure.column(x0, x1, n_all, COLORS[1])
        figure.column(x0, x1, n_own, COLORS[0])
    within = resolution.WITHIN_S
    at, high = math.log10(within), figure.y_range[1]
    figure.line([(at, 0), (at, high)], INK, dashed=True, width=1)
    figure.words(at, 0.95 * high, f"{within:g} s", INK)
    figure.words(2.8, 0.8 * high, "by the asker", COLORS[0])
    figure.words(2.8, 0.65 * high, "by another", COLORS[1])
    early = [sum(wait <= within for wait in waited) for waited in (own, others)]
    print(f"waits: {len(own)} own, {len(others)} another's; in time {early}", file=sys.stderr)
    figure.write("signal-resolution")


def held() -> None:
    """Push connections of phones behind a router that hides all else, machine by machine."""
    nat = NatSpec(ports="random", modulates_timestamps=True, randomizes_ip_id=True)
    stacks = ("ios-new", "ios-new", "ios-new", "android-13", "android-13")
    capture = line(*(MachineSpec(stack) for stack in stacks), seed=8, nat=nat)
    kept = sorted(
        ((f.first_ns, f.last_ns, f) for f in capture.truth.flows if f.dst_port in services()),
        key=lambda row: row[:2],
    )
    start_ns = capture.packets[0].time_ns
    rows = [((a - start_ns) / 1e9, (b - start_ns) / 1e9, f) for a, b, f in kept]
    rows = [row for row in rows if row[1] - row[0] >= KEPT_S]
    figure = Figure(
        "Connections to push services: three iPhones, two Androids, nothing else told apart",
        "seconds", "connections", (0, 600), (0, len(rows) + 1), ticks(0, 600, 100), [],
        right=190, height=260,
    )  # fmt: skip
    for y, (first_s, last_s, flow) in enumerate(rows, 1):
        color = COLORS[flow.machine % len(COLORS)]
        figure.bar(first_s, last_s, y, color)
        name = capture.truth.devices[flow.machine].os
        figure.words(600, y, f"{name} ({flow.dst_port})", color)
    print(f"push: {len(rows)} connections of {len(stacks)} phones", file=sys.stderr)
    figure.write("signal-push")


def weights() -> None:
    """What each label says, as the code has it."""
    rules = sorted((*SYN_RULES, *WRITTEN, *link_address.RULES), key=lambda rule: rule.bits_equal)
    figure = Figure(
        "Bits where groups share a label (blue), or none (red)",
        "bits", "", (-11, 17), (0, len(rules) + 1), ticks(-10, 16, 4), [], left=250, right=20,
        height=80 + 17 * len(rules),
    )  # fmt: skip
    names = [(y, rule.words) for y, rule in enumerate(rules, 1)]
    figure.y_ticks = names
    for y, rule in enumerate(rules, 1):
        figure.bar(0, rule.bits_equal, y, COLORS[0])
        figure.bar(rule.bits_other, 0, y, COLORS[3])
    figure.write("signal-weights")


def main() -> int:
    """Draws all."""
    for draw in (offsets, ip_ids, ports, hops, waits, held, weights):
        draw()
        print(f"drew {draw.__name__}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
