"""IPv4 and IPv6 addresses of one machine: siblings, by clock, handwriting and use at one moment.

Published orders of decision (Beverly and Berger 2015, Scheitle 2017, Schulz 2017) lean on equal
raw timestamps, which kernels since 4.10 do not show; what is left there is rate, wander and
options. Here all of it is weighed, and where it says nothing the answer is "no information".
"""

from __future__ import annotations

from dataclasses import replace

from wiretell.findings.match.across import Matching, match
from wiretell.findings.match.together import together_arguments
from wiretell.model.profiles import ProfileSet
from wiretell.stats.drift import DriftModel

FAMILY = ("mss", "window", "initial ttl", "ip ids")
"""Kinds of labels that differ between the families of one machine: headers are 20 bytes longer,
windows are multiples of the MSS, hop limits are often set apart from TTLs, and IPv6 has no
identification but in fragments."""


def siblings(of_set: ProfileSet, drift: DriftModel | None = None) -> Matching:
    """For each machine with an IPv6 address the machine with an IPv4 address that it is.

    Several IPv6 addresses may be of one machine, so the assignment is not one to one. Raises
    ValueError where there are too many pairs.
    """
    six = tuple(p for p in of_set.profiles if ":" in p.address)
    four = tuple(p for p in of_set.profiles if ":" not in p.address)
    return match(
        replace(of_set, profiles=six, others=four),
        replace(of_set, profiles=four, others=six),
        drift,
        ignored=FAMILY,
        same_capture=True,
        one_to_one=False,
        more=together_arguments,
    )
