"""Scenarios by name."""

from lab.sim.scenario import MachineSpec, NatSpec, PathSpec, Scenario, Suspension


def _machines(names: str) -> tuple[MachineSpec, ...]:
    return tuple(MachineSpec(name) for name in names.split())


def _idle(names: str) -> tuple[MachineSpec, ...]:
    return tuple(MachineSpec(name, habit="idle") for name in names.split())


_MODERN = "win10 win11 macos-new ios-new android-13 linux-6.1 linux-6.18"

PRESETS: dict[str, Scenario] = {
    # Five to eight machines of all ages, as in a small office.
    "office": Scenario(_machines("win10 win7 macos-new android-13 linux-6.1 linux-4.9 printer")),
    # Only kinds that are sold today.
    "modern": Scenario(_machines(_MODERN)),
    "modern-20": Scenario(
        _machines(f"{_MODERN} {_MODERN} win11 win10 macos-new ios-new")
        + _idle("android-13 linux-6.1")
    ),
    # One clock line or one counter per machine: where the old methods work.
    "legacy": Scenario(_machines("winxp win7 linux-2.6 linux-4.9 macos-old android-5 freebsd-9")),
    # One machine with an offset per connection: must not be split.
    "single-random-offsets": Scenario(_machines("linux-6.18")),
    "single-apple": Scenario(_machines("macos-new")),
    "single-windows": Scenario(_machines("win10")),
    # No timestamps at all: only identifications and ports tell.
    "counters-only": Scenario(_machines("winxp win7 win7 win10 win11 printer")),
    # Nothing but clocks tell: alike kernels, ports drawn at random.
    "clocks-only": Scenario(
        tuple(MachineSpec("linux-4.9", skew_ppm=x) for x in (60.0, -25.0, 0.0, 12.0)),
        nat=NatSpec(ports="random", randomizes_ip_id=True),
    ),
    # A clock line ends and another begins, and yet it is the same machine.
    "reboot": Scenario(
        (
            MachineSpec("linux-4.9", reboots_at_s=(280.0,)),
            MachineSpec("win7", reboots_at_s=(200.0,)),
            MachineSpec("macos-old"),
        )
    ),
    # What the tutorial of the explorer walks through: counters, clocks, a reboot, a swarm.
    "walkthrough": Scenario(
        (
            MachineSpec("win7", first_port=49_600),
            MachineSpec("win10", first_port=57_000),
            MachineSpec("linux-4.9", skew_ppm=48.0, reboots_at_s=(300.0,)),
            MachineSpec("macos-old", skew_ppm=-31.0, habit="torrent"),
        )
    ),
    "suspend": Scenario(
        (
            MachineSpec("macos-old", suspensions=(Suspension(200.0, 120.0),)),
            MachineSpec("linux-4.9", suspensions=(Suspension(350.0, 60.0),)),
        )
    ),
    # Alike machines, one after the other: not one that rebooted.
    "relay": Scenario(
        (
            MachineSpec("linux-4.9", leaves_at_s=280.0, uptime_s=400_000.0),
            MachineSpec("linux-4.9", starts_at_s=300.0, uptime_s=90_000.0),
        )
    ),
    # Routers that hide more.
    "random-ports": Scenario(_machines(_MODERN), nat=NatSpec(ports="random")),
    "pf": Scenario(
        _machines(_MODERN),
        nat=NatSpec(ports="random", modulates_timestamps=True, randomizes_ip_id=True),
    ),
    "cgn": Scenario(
        _machines("win10 macos-new android-13 win11 ios-new linux-6.1 android-10 win7"),
        nat=NatSpec(ports="random", public_ips=("203.0.113.7", "203.0.113.8")),
    ),
    # Small devices with few, short flows.
    "appliances": Scenario(_machines("lwip lwip printer camera plc android-9")),
    # Three of a kind, whose ports begin close together.
    "alike": Scenario(_machines("win10 win10 win10 macos-new macos-new")),
    "lossy": Scenario(
        _machines("win10 macos-new android-13 linux-4.9"),
        path=PathSpec(inner_jitter_s=0.02, loss=0.03, reordering=0.02),
    ),
}
