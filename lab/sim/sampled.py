"""Machines that are read by one observer, over hours: clocks and addresses, and next to no traffic.

``sample(boxes, sampling, seed)`` opens a connection to each address of each machine, asks once in a
while, and opens a new one when it is old: what those who measured skews and siblings did. A machine
may have several addresses of both families; machines may share a crystal (virtual machines) or a
kernel as well (its offset). The same seed gives the same bytes.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from random import Random

from lab.sim.clock import Clock
from lab.sim.keyed import keyed_hash
from lab.sim.packets import ACK, PSH, SYN, TCP, Packet, frame
from lab.sim.stacks import Oscillator, TsRegime
from lab.sim.write import CapturedPacket

FREE = Oscillator(disciplined=False, skew_sd_ppm=30.0)
HELD = Oscillator(disciplined=True, skew_sd_ppm=0.1)
LINUX_OPTIONS = ("mss", "sok", "ts", "nop", "ws")
_OBSERVER = {4: int(ip_address("192.0.2.1")), 6: int(ip_address("2001:db8::1"))}
_MACS = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
_PORT = 443


@dataclass(frozen=True)
class Box:
    """One kernel at some addresses. Boxes of one ``crystal`` share its clock; boxes of one
    ``kernel`` its boot and its secret as well, as containers do (empty: a kernel of its own)."""

    name: str
    addresses: tuple[str, ...]
    crystal: str
    oscillator: Oscillator = FREE
    skew_ppm: float | None = None
    hz: float = 1000.0
    regime: TsRegime = "host"
    options: tuple[str, ...] = LINUX_OPTIONS
    wscale: int = 7
    ttl: int = 64
    kernel: str = ""


@dataclass(frozen=True)
class Sampling:
    """How long, how often and how: times in seconds. ``start_s`` is when on the crystals' axis."""

    seconds: float = 600.0
    every_s: float = 1.0
    keeps_s: float = 120.0
    delay_s: float = 0.02
    jitter_s: float = 0.005
    start_s: float = 0.0
    start_ns: int = 1_700_000_000 * 10**9


@dataclass(frozen=True)
class _Kernel:
    clock: Clock
    uptime_s: float
    secret: bytes


def sample(boxes: tuple[Box, ...], sampling: Sampling, seed: int) -> list[CapturedPacket]:
    """What the observer captured, in order of time."""
    last_s = sampling.start_s + sampling.seconds
    clocks: dict[str, Clock] = {}
    kernels: dict[str, _Kernel] = {}
    for box in boxes:
        name = box.kernel or box.name
        rng = Random(f"{seed}/crystal/{box.crystal}")
        skew_ppm = rng.gauss(0.0, box.oscillator.skew_sd_ppm)
        if box.crystal not in clocks:
            skew_ppm = skew_ppm if box.skew_ppm is None else box.skew_ppm
            clocks[box.crystal] = Clock(box.oscillator, skew_ppm, 0.0, last_s, rng)
        own = Random(f"{seed}/kernel/{name}")
        kernels.setdefault(
            name,
            _Kernel(clocks[box.crystal], own.uniform(1800.0, 12 * 86_400.0), own.randbytes(16)),
        )
    packets: list[CapturedPacket] = []
    for box in boxes:
        for address in box.addresses:
            rng = Random(f"{seed}/{sampling.start_s}/{box.name}/{address}")
            packets += _conversation(box, address, kernels[box.kernel or box.name], sampling, rng)
    return sorted(packets)


def _conversation(
    box: Box, address: str, kernel: _Kernel, sampling: Sampling, rng: Random
) -> list[CapturedPacket]:
    """One address, connection after connection."""
    found: list[CapturedPacket] = []
    port, opened_s = 20_000 + rng.randrange(20_000), rng.uniform(0.0, sampling.every_s)
    while opened_s < sampling.seconds:
        ends_s = min(opened_s + sampling.keeps_s, sampling.seconds)
        found += _connection(box, address, kernel, sampling, rng, port, opened_s, ends_s)
        port, opened_s = port + 1, ends_s + 0.5 * sampling.every_s
    return found


def _connection(
    box: Box,
    address: str,
    kernel: _Kernel,
    sampling: Sampling,
    rng: Random,
    port: int,
    opened_s: float,
    ends_s: float,
) -> list[CapturedPacket]:
    there = ip_address(address)
    version, dst = there.version, int(there)
    src = _OBSERVER[version]
    offset = 0
    if box.regime == "connection":
        offset = keyed_hash(kernel.secret, port, dst % 2**62) & 0xFFFFFFFF
    elif box.regime == "pair":
        offset = keyed_hash(kernel.secret, dst % 2**62) & 0xFFFFFFFF
    mss = 1460 if version == 4 else 1440
    found: list[CapturedPacket] = []

    def exchange(at_s: float, flags: int, seq: int, ack: int, payload: bytes) -> None:
        """A segment of the observer's and the answer to it, as the observer sees them."""
        syn = flags & SYN
        out = Packet(TCP, src, port, dst, _PORT, 64, 0, True, payload, version=version)
        out.flags, out.seq, out.ack, out.window, out.mss, out.wscale = (
            flags,
            seq,
            ack,
            64240,
            mss,
            7,
        )
        out.tsval, out.options = int(at_s * 1000.0), LINUX_OPTIONS if syn else ("nop", "nop", "ts")
        there_s = at_s + sampling.delay_s / 2.0 + rng.expovariate(2.0 / sampling.jitter_s)
        back_s = there_s + sampling.delay_s / 2.0 + rng.expovariate(2.0 / sampling.jitter_s)
        counted_s = kernel.uptime_s + kernel.clock.counted_s(sampling.start_s + there_s)
        back = Packet(TCP, dst, _PORT, src, port, box.ttl - 8, 0, True, version=version)
        back.flags = SYN | ACK if syn else ACK
        back.seq, back.ack, back.window = (
            9000 if syn else ack,
            seq + (1 if syn else len(payload)),
            65160,
        )
        back.mss, back.wscale = mss, box.wscale
        back.tsval, back.tsecr = offset + int(counted_s * box.hz), out.tsval
        back.options = box.options if syn else ("nop", "nop", "ts")
        for when_s, packet, macs in ((at_s, out, _MACS), (back_s, back, _MACS[::-1])):
            data = frame(packet, *macs)
            time_ns = sampling.start_ns + round((sampling.start_s + when_s) * 1e9)
            found.append(CapturedPacket(time_ns, data, len(data)))

    exchange(opened_s, SYN, 100, 0, b"")
    at_s, seq = opened_s + sampling.every_s, 101
    while at_s < ends_s:
        exchange(at_s, ACK | PSH, seq, 9001, b".")
        seq += 1
        at_s += sampling.every_s * rng.uniform(0.8, 1.2)
    return found
