"""The figures of docs/science/clocks.md: `.venv/bin/python docs/clock_figures.py`.

Draws seeded data of the simulator and of the skew bench as SVG into `docs/images/`. Takes about a
minute; not run by the tests.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

import numpy as np
from figure import Figure, ticks

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.skew import cell  # noqa: E402
from lab.sim.scenario import MachineSpec, Scenario  # noqa: E402
from lab.sim.simulate import simulate  # noqa: E402
from lab.sim.write import write_pcapng  # noqa: E402
from wiretell.pipeline import measure_clocks  # noqa: E402
from wiretell.plots.palette import COLORS  # noqa: E402
from wiretell.stats.line import bound_from_above, upper_hull  # noqa: E402
from wiretell.stats.robust_slope import robust_slopes  # noqa: E402
from wiretell.stats.wander import cloud_of, rates_in_windows, smooth_curve  # noqa: E402


def hull() -> None:
    """One clock: readings, upper hull, the program's line, least squares."""
    rng = np.random.default_rng(1)
    sent = np.sort(rng.uniform(0.0, 300.0, 400))
    seen = sent + rng.exponential(0.01 + 0.00004 * sent, 400)
    order = np.argsort(seen)
    x, v = seen[order], np.floor(1000.0 * (1.0 + 50e-6) * sent)[order]
    x, v = x - x[0], v - v[0]
    program = bound_from_above(cloud_of(x, v))
    assert program is not None
    late = v - 1000.0 * x - program.intercept
    squares = np.polyfit(x, late, 1)
    hx, hv = upper_hull(x, late)
    figure = Figure(
        "One clock of +50 ppm through a way that fills up: only the least late readings know",
        "seconds", "ms ahead of the observer", (0, 300), (-60, 20),
        ticks(0, 300, 50), ticks(-60, 20, 20),
    )  # fmt: skip
    figure.dots(list(zip(x, late, strict=True)), COLORS[0])
    figure.line(list(zip(hx, hv, strict=True)), COLORS[2], width=1.2)
    figure.dots(list(zip(hx, hv, strict=True)), COLORS[2], 3.2, 1.0)
    ends = [(t, (program.slope - 1000.0) * t) for t in (0.0, 300.0)]
    figure.line(ends, COLORS[3])
    figure.words(*ends[1], f"hull {(program.slope / 1000 - 1) * 1e6:+.0f} ppm", COLORS[3])
    ends = [(t, float(np.polyval(squares, t))) for t in (0.0, 300.0)]
    figure.line(ends, COLORS[1], dashed=True)
    figure.words(*ends[1], f"squares {squares[0] * 1e3:+.0f} ppm", COLORS[1])
    figure.write("clock-hull")


def machines() -> None:
    """Machines of the simulator behind one address, as `wiretell clocks` reads them."""
    specs = (("linux-4.9", 42.0), ("linux-5.10", -18.0), ("linux-6.18", 8.0), ("android-9", -47.0))
    scenario = Scenario(
        tuple(MachineSpec(stack, skew_ppm=skew, habit="steady") for stack, skew in specs),
        seconds=900.0,
    )
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "line.pcapng"
        write_pcapng(capture, simulate(scenario, 5).packets, scenario.snaplen)
        found = measure_clocks(capture, addresses=scenario.nat.public_ips)
    figure = Figure(
        "Four machines behind one address: set to +42, -18, +8 and -47 ppm",
        "seconds", "ms ahead of the observer", (0, 900), (-50, 45),
        ticks(0, 900, 150), ticks(-40, 40, 20),
    )  # fmt: skip
    start = found.points["time_ns"].min()
    known = [row for row in found.clocks.to_dicts() if row["best_ppm"] is not None]
    for row, color in zip(known, COLORS, strict=False):
        own = found.points.filter(found.points["clock"] == row["clock"])
        xs = ((own["time_ns"] - start) / 1e9).to_list()
        figure.dots(list(zip(xs, own["offset_ms"].to_list(), strict=True)), color)
        ppm = row["best_ppm"]
        figure.line([(xs[0], 0.0), (max(xs), ppm * 1e-3 * (max(xs) - min(xs)))], color)
        said = f"{ppm:+.1f} ±{row['best_se_ppm']:.1f} ppm"
        figure.words(900, min(max(ppm * 0.9, -48), 43), said, color)
    figure.write("clock-machines")


def errors() -> None:
    """Standard deviation of a skew against time watched, by method."""
    spans = [(60.0, 600), (300.0, 600), (600.0, 1200), (3600.0, 3600), (86_400.0, 4320)]
    figure = Figure(
        "How long for how sure: standard deviation of a skew, jitter 10 ms",
        "watched", "ppm", (45, 110_000), (0.001, 150),
        [(60, "1 min"), (300, "5 min"), (600, "10 min"), (3600, "1 h"), (86_400, "1 day")],
        [(10.0**n, f"{10.0**n:g}") for n in range(-3, 3)], scale=math.log10,
    )  # fmt: skip
    for color, hz in ((COLORS[0], 1000.0), (COLORS[3], 10.0)):
        cells = [cell(hz, 10.0, ("", span, n), [0.0, 0.0], 120, 1) for span, n in spans]
        for dashed, sds in (
            (False, [each.program_ppm for each in cells]),
            (True, [each.squares_ppm for each in cells]),
        ):
            drawn = [(span, sd) for (span, _), sd in zip(spans, sds, strict=True)]
            figure.line(drawn, color, dashed=dashed)
            figure.dots(drawn, color, 3.0, 1.0)
            shift = 9.0 if hz == 10.0 and dashed else -3.0
            name = "squares" if dashed else "hull"
            figure.words(86_400, drawn[-1][1], f"{name}, {hz:g} Hz", color, shift)
    figure.write("clock-errors")


def wander() -> None:
    """A crystal that warms up and cools down: its offset, the spline, and the truth."""
    rng = np.random.default_rng(2)
    hours = 12.0
    x = np.sort(rng.uniform(0.0, 3600.0 * hours, 5000))
    turn = 2.0 * np.pi / (3600.0 * hours)
    true = 0.5e-6 * (1.0 - np.cos(turn * x)) / turn
    y = 20e-6 * x + true - rng.exponential(0.002, 5000) - rng.uniform(0.0, 0.001, 5000)
    unit = np.zeros(5000, dtype=np.int64)
    slope, _ = robust_slopes(x, y, unit, np.zeros(1, dtype=np.int64))
    residual = y - slope[0] * x
    at = np.linspace(x[0], x[-1], 80)
    curve = smooth_curve(x, residual, unit, at)
    windows = rates_in_windows(x, y, unit, hull_hz=None)
    assert windows is not None
    top = float(np.quantile(residual, 0.99))
    figure = Figure(
        "A rate that swings by ±0.5 ppm: readings against their line, and the wander curve",
        "hours", "ms", (0, hours), (-18, 8), ticks(0, hours, 2), ticks(-15, 5, 5),
    )  # fmt: skip
    figure.dots(list(zip(x / 3600.0, (residual - top) * 1e3, strict=True))[::5], COLORS[0])
    lift = float(np.median(np.sort(residual - np.interp(x, at, curve))[-200:])) - top
    figure.line(list(zip(at / 3600.0, (curve + lift) * 1e3, strict=True)), COLORS[3])
    figure.words(hours, float((curve + lift)[-1] * 1e3), "wander curve", COLORS[3])
    figure.write("clock-wander")


def main() -> int:
    """Draws all."""
    for draw in (hull, machines, errors, wander):
        draw()
        print(f"drew {draw.__name__}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
