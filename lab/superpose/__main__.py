"""``python -m lab.superpose``: place machines of captures behind one address, with the truth.

CAPTURE is FILE, if it holds one machine, or FILE@HOST with the machine's MAC or IPv4 address.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.sim.write import write_capture
from lab.superpose.hosts import HostFacts, pool
from lab.superpose.superpose import PUBLIC_IP, Source, chosen, superpose
from lab.superpose.truth import write_truth

_POOL_COLUMNS = ("capture", "host", "ips", "family", "syns", "syns_with_ts", "seconds", "n_sent",
                 "n_got", "ttls", "signature", "user_agents")  # fmt: skip


def seconds(word: str) -> float:
    """A length of time. Raises `ValueError`, of which argparse makes a message."""
    length = float(word)
    if not 0.0 <= length < math.inf:
        raise ValueError(word)
    return length


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.superpose", description=__doc__)
    parser.add_argument("captures", nargs="*", metavar="CAPTURE")
    parser.add_argument("--pool", type=Path, metavar="FOLDER", help="machines of these captures")
    parser.add_argument("--draw", type=int, metavar="N", help="take so many of the pool, by seed")
    parser.add_argument("--min-syns", type=int, default=15, help="usable in a pool (default: 15)")
    parser.add_argument("--family", default="", metavar="NAME,...", help="windows, apple, linux...")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ports", choices=("keep", "exclusive", "random"), default="keep")
    parser.add_argument("--spread", type=seconds, default=60.0, help="seconds (default: 60)")
    parser.add_argument("--seconds", type=seconds, help="length of the capture (default: all)")
    parser.add_argument("--keep-times", action="store_true", help="move nothing in time")
    parser.add_argument("--public-ip", default=PUBLIC_IP)
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="FILE.pcap or FILE.pcapng")
    return parser


def _print_pool(hosts: Sequence[HostFacts]) -> None:
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(_POOL_COLUMNS)
    for x in hosts:
        cells = {
            **vars(x),
            "ips": " | ".join(x.ips),
            "seconds": f"{x.seconds:.1f}",
            "ttls": " ".join(map(str, x.ttls)),
            "user_agents": " | ".join(x.user_agents),
        }
        table.writerow([cells[name] for name in _POOL_COLUMNS])


def main(words: list[str] | None = None) -> int:
    """List a pool, or write a superposition and its truth."""
    parser = _parser()
    arguments = parser.parse_args(words)
    hosts: list[HostFacts] = []
    if arguments.draw is not None and arguments.draw < 1:
        parser.error("--draw takes one machine or more")
    if arguments.pool:
        if not arguments.pool.is_dir():
            parser.error(f"{arguments.pool}: not a folder")
        hosts, unread = pool(arguments.pool, arguments.min_syns)
        for path in unread:
            print(f"{path}: not a capture", file=sys.stderr)
        families = frozenset(filter(None, arguments.family.split(",")))
        hosts = [x for x in hosts if not families or x.family in families]
        if arguments.draw is None:
            _print_pool(hosts)
            return 0
    if arguments.out is None:
        parser.error("-o FILE is needed")
    try:
        sources = [Source.of(word) for word in arguments.captures]
        sources += chosen(hosts, arguments.draw or 0, arguments.seed)
        if not sources:
            parser.error("no captures")
        made = superpose(
            sources,
            arguments.seed,
            ports=arguments.ports,
            spread_s=arguments.spread,
            seconds=arguments.seconds,
            keep_times=arguments.keep_times,
            public_ip=arguments.public_ip,
        )
        if not made.packets:
            parser.error("no packet is left; --seconds ends before the first machine begins")
        write_capture(arguments.out, made.packets)
        flows, devices = write_truth(arguments.out, made)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(f"{arguments.out}: {len(made.packets)} packets, {len(made.flows)} flows")
    print(f"{flows}, {devices}: {len(made.devices)} machines")
    for reason, n in sorted(made.dropped.items()):
        print(f"not passed: {n} {reason}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
