"""Scans of the lab's simulator are found with their kind, and who is behind them is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scanned import NEIGHBOUR, PORTS, SCANNER, TARGET, scans_in, zombie

from lab.scans import draws, simulate
from lab.scans.simulate import Host
from wiretell.findings.scans.finding import Finding

SEEDS = (1, 2)


def only(found: tuple[Finding, ...]) -> Finding:
    assert len(found) == 1, [(each.kind, each.technique, each.sources) for each in found]
    return found[0]


@pytest.mark.parametrize("kind", simulate.FLAGS)
def test_a_raw_scan_has_its_kind_its_ports_and_its_scanner(kind: str, tmp_path: Path) -> None:
    found = only(scans_in(simulate.scan(1, kind, SCANNER, TARGET, PORTS), tmp_path).likely)
    assert (found.kind, found.technique) == ("port_scan", kind)
    assert (found.scanner, found.targets) == (SCANNER.address, (TARGET.address,))
    assert found.ports.n == len(PORTS) == found.n_probes
    if kind == "syn":
        assert found.ports.open == (22, 80, 443)
        assert set(found.ports.closed) == set(PORTS) - {22, 80, 443}
    elif kind in ("fin", "null", "xmas"):  # a listening port drops these
        assert found.ports.open_or_filtered == (22, 80, 443)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("place", ["target", "zombie", "scanner"])
def test_an_idle_scan_is_unmasked_wherever_it_is_seen(
    place: str, seed: int, tmp_path: Path
) -> None:
    ports = [21, 22, 23, 25, 53, 80, 110, 111, 135, 143, 443, 8080]
    seen = simulate.idle(seed, SCANNER, zombie(), TARGET, ports, place)
    found = only(scans_in(seen, tmp_path).likely)
    assert found.kind == "idle_scan"
    assert (found.zombie, found.targets) == ("192.0.2.9", (TARGET.address,))
    assert found.scanner == (None if place == "target" else SCANNER.address)
    if place != "scanner":  # there, no answer passes
        assert found.ports.open == (22, 80, 443)
    assert found.alternatives


def test_at_the_target_the_distance_of_the_scanner_is_told(tmp_path: Path) -> None:
    seen = simulate.idle(4, SCANNER, zombie(), TARGET, [*PORTS, *range(100, 140)], "target")
    found = only(scans_in(seen, tmp_path).likely)
    assert any("9 hops away" in note for note in found.notes)


@pytest.mark.parametrize("counter", ["zero", "drawn"])
def test_a_machine_without_a_counter_is_no_zombie(counter: str, tmp_path: Path) -> None:
    """Else every SYN scan by a Linux machine behind another route would be an idle scan."""
    seen = simulate.idle(1, SCANNER, zombie(counter), TARGET, PORTS, "target")
    assert [each.kind for each in scans_in(seen, tmp_path).likely] == ["port_scan"]


def test_a_scanner_that_counts_is_not_its_own_zombie(tmp_path: Path) -> None:
    counting = Host("203.0.113.78", 9, counter="global")
    found = only(scans_in(simulate.scan(1, "syn", counting, TARGET, PORTS), tmp_path).likely)
    assert (found.kind, found.scanner) == ("port_scan", counting.address)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_decoys_the_real_one_is_named(seed: int, tmp_path: Path) -> None:
    names = [Host("192.0.2.130"), NEIGHBOUR, SCANNER, Host("192.0.2.150")]
    seen = simulate.decoys(seed, "syn", SCANNER, names, TARGET, PORTS, alive=[NEIGHBOUR])
    found = only(scans_in(seen, tmp_path).likely)
    assert (found.kind, found.technique) == ("decoy_scan", "syn")
    assert set(found.sources) == {host.address for host in names}
    assert found.scanner == SCANNER.address
    assert found.candidates[0].address == SCANNER.address
    assert sum(each.probability for each in found.candidates) <= 1


def test_decoys_that_nothing_sets_apart_are_left_undecided(tmp_path: Path) -> None:
    """A FIN scan is answered by nobody: no address shows itself."""
    names = [Host("192.0.2.130"), SCANNER, Host("192.0.2.150")]
    seen = simulate.decoys(1, "fin", SCANNER, names, TARGET, PORTS)
    found = only(scans_in(seen, tmp_path).likely)
    assert found.kind == "decoy_scan"
    assert found.scanner is None
    assert len({round(each.probability, 9) for each in found.candidates}) == 1


def test_two_scanners_at_one_time_are_two(tmp_path: Path) -> None:
    scans = [simulate.scan(n, "syn", host, TARGET, PORTS)
             for n, host in enumerate((SCANNER, NEIGHBOUR))]  # fmt: skip
    found = scans_in(sorted(packet for scan in scans for packet in scan), tmp_path).likely
    assert {(each.kind, each.scanner) for each in found} == {
        ("port_scan", SCANNER.address),
        ("port_scan", NEIGHBOUR.address),
    }


def test_backscatter_is_a_victim_and_no_scan(tmp_path: Path) -> None:
    victim = Host("198.51.100.20", 8)
    found = only(scans_in(simulate.backscatter(1, victim, 80), tmp_path).likely)
    assert (found.kind, found.sources, found.scanner) == ("backscatter", (victim.address,), None)


@pytest.mark.parametrize("seed", SEEDS)
def test_ordinary_traffic_holds_no_scan(seed: int, tmp_path: Path) -> None:
    found = {
        name: [each.kind for each in scans_in(packets, tmp_path).likely]
        for name, packets in simulate.innocents(seed)
    }
    assert len(found) == 8
    assert not any(found.values()), found


def _network_scan() -> list[simulate.CapturedPacket]:
    hosts = [Host(f"198.51.100.{n}", open_ports=frozenset({22})) for n in range(30, 40)]
    scans = [simulate.scan(7, "syn", SCANNER, host, [21, 22, 23, 25, 80, 443]) for host in hosts]
    return sorted(packet for scan in scans for packet in scan)


def test_a_network_scanned_port_by_port_is_told_once(tmp_path: Path) -> None:
    found = only(scans_in(_network_scan(), tmp_path).likely)
    assert (found.kind, found.n_targets, found.n_probes) == ("port_scan", 10, 60)
    assert found.ports.open == (22,)
    assert "198.51.100.30 has 1 open" in found.notes[0]


@pytest.mark.parametrize("make", [_network_scan])
def test_every_finding_has_reasons_that_add_up(
    make: Callable[[], list[simulate.CapturedPacket]], tmp_path: Path
) -> None:
    for each in scans_in(make(), tmp_path).findings:
        assert each.alternatives
        bits = sum(reason.bits for reason in each.reasons)
        assert each.probability == pytest.approx(1 / (1 + 2.0**-bits))


@pytest.mark.parametrize("sort", draws.SORTS)
def test_with_everything_drawn_nobody_is_named_wrongly(sort: str) -> None:
    """How often the right one is named: docs/scans.md."""
    counted = draws.outcomes(sort, 2)
    assert counted.total() == 2
    assert not counted[draws.WRONG]


def test_a_forged_probe_from_a_server_port_is_still_a_scan(tmp_path: Path) -> None:
    """A SYN is nobody's answer, whatever port it comes from, and however high it goes."""
    seen = simulate.idle(3, SCANNER, zombie(), TARGET, range(5000, 5010), "scanner", zombie_port=80)
    found = only(scans_in(seen, tmp_path).likely)
    assert (found.kind, found.scanner, found.ports.n) == ("idle_scan", SCANNER.address, 10)
