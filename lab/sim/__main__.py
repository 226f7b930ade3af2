"""``python -m lab.sim``: simulate a NAT line, write the capture and the truth."""

import argparse
from dataclasses import replace
from pathlib import Path

from lab.sim.draws import draw, rows
from lab.sim.presets import PRESETS
from lab.sim.scenario import MachineSpec, NatSpec, Scenario
from lab.sim.simulate import simulate
from lab.sim.stacks import stacks
from lab.sim.truth import write_truth
from lab.sim.write import write_pcapng


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.sim", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--machines", metavar="STACK,...", help=f"one of: {', '.join(stacks())}")
    what.add_argument("--preset", choices=sorted(PRESETS))
    what.add_argument("--row", choices=list(rows()), help="draw a scenario of this row by the seed")
    parser.add_argument("--seconds", type=float, help="length of the capture (default: 600)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nat", choices=("keep", "random"), help="what it does with ports")
    parser.add_argument("--pf", action="store_true", help="new timestamps and identifications")
    parser.add_argument("--pace", type=float, help="how busy users are (default: 1)")
    parser.add_argument("--snaplen", type=int, default=0, help="bytes kept of a frame; 0 = all")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.pcapng")
    return parser


def scenario_of(arguments: argparse.Namespace) -> Scenario:
    """The scenario that the command line asks for."""
    if arguments.preset:
        scenario = PRESETS[arguments.preset]
    elif arguments.row:
        scenario = draw(arguments.row, arguments.seed)
    else:
        names = arguments.machines.split(",")
        scenario = Scenario(tuple(MachineSpec(name.strip()) for name in names))
    nat: NatSpec = scenario.nat
    if arguments.nat:
        nat = replace(nat, ports=arguments.nat)
    if arguments.pf:
        nat = replace(nat, modulates_timestamps=True, randomizes_ip_id=True)
    return replace(
        scenario,
        nat=nat,
        seconds=arguments.seconds or scenario.seconds,
        pace=arguments.pace or scenario.pace,
        snaplen=arguments.snaplen,
        name=arguments.out.name.split(".")[0],
    )


def main(words: list[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.parse_args(words)
    try:
        capture = simulate(scenario_of(arguments), arguments.seed)
    except ValueError as error:
        parser.error(str(error))
    write_pcapng(arguments.out, capture.packets, arguments.snaplen)
    flows, devices = write_truth(arguments.out, capture.truth)
    print(f"{arguments.out}: {len(capture.packets)} packets, {len(capture.truth.flows)} flows")
    print(f"{flows}, {devices}: {len(capture.truth.devices)} machines")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
