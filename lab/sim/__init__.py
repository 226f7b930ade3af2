"""A seeded simulator of a NAT line: machines of known kinds behind one public address.

``simulate(scenario, seed)`` gives the packets seen outside the NAT and the truth: which machine
sent which flow. Everything follows from the scenario and the seed; nothing is read from the
clock, the environment or the network.
"""

from lab.sim.scenario import MachineSpec, NatSpec, PathSpec, Scenario, Slew, Suspension, Unseen
from lab.sim.simulate import Capture, simulate
from lab.sim.truth import write_truth
from lab.sim.write import write_pcapng

__all__ = [
    "Capture",
    "MachineSpec",
    "NatSpec",
    "PathSpec",
    "Scenario",
    "Slew",
    "Suspension",
    "Unseen",
    "simulate",
    "write_pcapng",
    "write_truth",
]
