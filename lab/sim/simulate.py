"""Wires machines, NAT, tap and servers together, and lets time pass."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from lab.sim.address import mac_text, number, text
from lab.sim.clock import Clock
from lab.sim.host import Host
from lab.sim.loop import Loop
from lab.sim.nat import Nat
from lab.sim.packets import Packet, frame
from lab.sim.path import Hop
from lab.sim.scenario import MachineSpec, Scenario
from lab.sim.servers import Server, ServerPool
from lab.sim.stacks import Stack, for_machine, stack
from lab.sim.traffic import User
from lab.sim.truth import DeviceTruth, Truth
from lab.sim.write import CapturedPacket

_ROUTER_MAC = bytes.fromhex("020000000001")
_PROVIDER_MAC = bytes.fromhex("020000000002")
_FIRST_INNER_IP = number("10.0.0.11")
_UPTIME_S = (1800.0, 12 * 86_400.0)
_OFF_S = 25.0
"""How long a reboot takes."""
_MOST_USER_AGENTS = 2


@dataclass(frozen=True)
class Capture:
    """What the tap saw, in order, and what was really so."""

    packets: list[CapturedPacket]
    truth: Truth


@dataclass(frozen=True)
class _Machine:
    index: int
    spec: MachineSpec
    host: Host
    user: User
    mac: bytes
    user_agents: tuple[str, ...]


class _Line:
    """The line between the machines and the world, with the tap just outside the NAT."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._seed = seed
        self.loop = Loop()
        self.nat = Nat(scenario.nat, self._rng("nat"))
        self.packets: list[CapturedPacket] = []
        self._pool = ServerPool(
            self.loop, scenario.n_servers, scenario.seconds, self._rng("servers")
        )
        self._servers: dict[int, tuple[Server, Hop, Hop]] = {}
        for server in self._pool.all():
            self._place(server)
        self._inner: dict[int, tuple[Hop, Hop]] = {}
        self.machines = [self._machine(i, spec) for i, spec in enumerate(scenario.machines)]

    def _rng(self, *of: object) -> Random:
        """A stream of its own for every part, so that one part's draws never move another's."""
        return Random("/".join(str(x) for x in (self._seed, *of)))

    # -- the far side

    def _place(self, server: Server) -> None:
        path = self._scenario.path

        def hop(way: str) -> Hop:
            return Hop(
                self.loop,
                self._rng("server", server.host.name, way),
                delay_s=server.delay_s,
                jitter_s=path.outer_jitter_s,
                loss=path.loss,
                reordering=path.reordering,
            )

        back = hop("back")
        self._servers[server.host.ip] = server, hop("there"), back
        server.host.transmit = self._sender(back, server.n_hops)

    def _sender(self, back: Hop, n_hops: int) -> Callable[[Packet], None]:
        def transmit(p: Packet) -> None:
            p.ttl -= n_hops
            back.send(p, self._from_outside)

        return transmit

    def _from_outside(self, p: Packet) -> None:
        self._capture(p, _PROVIDER_MAC, _ROUTER_MAC)
        machine = self.nat.inbound(p, self.loop.now_s, self._time_ns())
        if machine is not None:
            self._inner[machine][1].send(p, self.machines[machine].host.receive)

    # -- the near side

    def _machine(self, index: int, spec: MachineSpec) -> _Machine:
        scenario, what = self._scenario, for_machine(stack(spec.stack), spec)
        rng = self._rng("machine", index)
        clock = _clock(spec, what, scenario.seconds, rng)
        hz = spec.hz if spec.hz is not None else rng.choice(what.timestamps.hz)
        host = Host(
            self.loop,
            f"dev{index + 1:02d}",
            what,
            _FIRST_INNER_IP + index,
            hz=hz,
            clock=clock,
            rng=rng,
        )
        n_agents = min(_MOST_USER_AGENTS, len(what.user_agents))
        agents = spec.user_agents or tuple(rng.sample(what.user_agents, n_agents))
        habit = spec.habit or what.habit
        user = User(
            self.loop,
            host,
            self._pool,
            habit=habit,
            user_agents=agents,
            pace=scenario.pace * spec.pace,
            rng=rng,
        )
        path = scenario.path

        def hop(way: str) -> Hop:
            return Hop(
                self.loop,
                self._rng("machine", index, way),
                delay_s=path.inner_delay_s,
                jitter_s=path.inner_jitter_s,
                loss=path.loss,
                reordering=path.reordering,
            )

        up, down = hop("up"), hop("down")
        self._inner[index] = up, down
        host.transmit = lambda p: up.send(p, lambda q: self._from_inside(q, index))
        mac = b"\x02\x10" + rng.randbytes(4)
        return _Machine(index, spec, host, user, mac, agents)

    def _from_inside(self, p: Packet, machine: int) -> None:
        p.ttl -= self._scenario.machines[machine].n_inner_hops
        self.nat.outbound(p, machine, self.loop.now_s, self._time_ns())
        self._capture(p, _ROUTER_MAC, _PROVIDER_MAC)
        placed = self._servers.get(p.dst)
        if placed is not None:
            server, there, _ = placed
            there.send(p, server.host.receive)

    # -- the tap

    def _time_ns(self) -> int:
        return self._scenario.start_ns + self.loop.now_ns

    def _capture(self, p: Packet, src_mac: bytes, dst_mac: bytes) -> None:
        data = frame(p, src_mac, dst_mac)
        kept = data[: self._scenario.snaplen] if self._scenario.snaplen else data
        self.packets.append(CapturedPacket(self._time_ns(), kept, len(data)))

    # -- the course of things

    def run(self) -> None:
        for machine in self.machines:
            spec, host, user = machine.spec, machine.host, machine.user
            self.loop.after(spec.starts_at_s, user.begin)
            for at_s in spec.reboots_at_s:
                self.loop.after(at_s, host.reboot, _OFF_S)
                self.loop.after(at_s + _OFF_S + 1.0, user.begin)
            if spec.leaves_at_s is not None:
                self.loop.after(spec.leaves_at_s, host.leave)
            for nap in spec.suspensions:
                self.loop.after(nap.at_s, host.suspend, nap.for_s)
                self.loop.after(nap.at_s + nap.for_s + 1.0, user.begin)
        self.loop.run_until(round(self._scenario.seconds * 1e9))

    def device(self, machine: _Machine) -> DeviceTruth:
        spec, what = machine.spec, machine.host.stack
        public = self._scenario.nat.public_ips
        return DeviceTruth(
            device_id=machine.host.name,
            stack=what.name,
            os=what.os,
            habit=spec.habit or what.habit,
            mac=mac_text(machine.mac),
            ip=text(machine.host.ip),
            nat_ip=public[machine.index % len(public)],
            set_skew_ppm=round(machine.host.clock.skew_ppm, 3),
            hz=None if what.timestamps.regime == "absent" else machine.host.hz,
            ts_regime=what.timestamps.regime,
            ip_id_rule=what.ip_id.rule,
            tcp_port_rule=what.tcp_ports.rule,
            ntp=what.clock.disciplined,
            boots=1 + len(spec.reboots_at_s),
            suspensions=len(spec.suspensions),
            initial_ttl=what.syn.ttl,
            user_agents=machine.user_agents,
            flows=sum(flow.machine == machine.index for flow in self.nat.flows),
        )


def _clock(spec: MachineSpec, what: Stack, last_s: float, rng: Random) -> Clock:
    skew_ppm, uptime_s = rng.gauss(0.0, what.clock.skew_sd_ppm), rng.uniform(*_UPTIME_S)
    return Clock(
        what.clock,
        skew_ppm if spec.skew_ppm is None else spec.skew_ppm,
        uptime_s if spec.uptime_s is None else spec.uptime_s,
        last_s,
        rng,
        spec.slews,
    )


def simulate(scenario: Scenario, seed: int) -> Capture:
    """Simulate ``scenario``; the same seed gives the same bytes.

    Raises ``ValueError`` if a machine names a stack that does not exist.
    """
    line = _Line(scenario, seed)
    line.run()
    flows = sorted(line.nat.flows, key=lambda flow: flow.first_ns)
    devices = tuple(line.device(machine) for machine in line.machines)
    return Capture(line.packets, Truth(f"{scenario.name}.pcapng", devices, tuple(flows)))
