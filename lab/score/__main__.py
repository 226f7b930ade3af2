"""``python -m lab.score TRUTH PREDICTION``: print the scores."""

import argparse
import json
import math
import os
import sys
from dataclasses import asdict
from pathlib import Path

import lab.score
from lab.score.flows import protocol
from lab.score.prediction import score


def main(words: list[str] | None = None) -> int:
    """Print the scores, one a line or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m lab.score", description=lab.score.__doc__)
    parser.add_argument("truth", type=Path)
    parser.add_argument("prediction", type=Path)
    parser.add_argument("--proto", default="tcp,udp,icmp", help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(words)
    protocols = frozenset(protocol(x) for x in arguments.proto.split(","))
    try:
        scores = asdict(score(arguments.truth, arguments.prediction, protocols))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if arguments.json:
        print(json.dumps(scores))
        return 0
    for name, value in scores.items():
        shown = f"{value:.4f}" if isinstance(value, float) and math.isfinite(value) else value
        print(f"{name:17s} {shown}")
    return 0


def run() -> int:
    """`main`, quiet where the reader of its output has gone away (as `head` does)."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    raise SystemExit(run())
