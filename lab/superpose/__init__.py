"""Superposition: captures of single machines placed behind one public address, with the truth.

Real packets of real machines, rewritten as a masquerading router rewrites them, so that it is known
of every flow whose it is. What it cannot make true: the machines were never behind one router at
one time, and clocks of remote servers do not fit together between inputs. Judge only clients.
"""

from lab.superpose.frames import Frame, FrameError, read_frames
from lab.superpose.hosts import HostFacts, Selector, hosts_of, pool
from lab.superpose.superpose import Source, Superposition, superpose
from lab.superpose.truth import write_truth

__all__ = [
    "Frame",
    "FrameError",
    "HostFacts",
    "Selector",
    "Source",
    "Superposition",
    "hosts_of",
    "pool",
    "read_frames",
    "superpose",
    "write_truth",
]
