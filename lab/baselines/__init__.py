"""Published methods of counting machines behind an address: what wiretell must beat.

Each is a `Baseline`: one address's `Line` in, `Counted` out. `BASELINES` names them all; p0f is one
of them only where its database is installed.

    report = wiretell.analyze(path)
    line = line_of(report, read_packets(path), "203.0.113.7")
    answers = {name: method(line) for name, method in BASELINES.items()}
"""

from lab.baselines.bellovin import bellovin
from lab.baselines.greedy_ports import greedy_ip_ids, greedy_ports
from lab.baselines.line import Baseline, Counted, Line, line_of, read_packets
from lab.baselines.p0f_nat import p0f_nat
from lab.baselines.p0f_signatures import DATABASE
from lab.baselines.ts_lines import ts_lines
from lab.baselines.ua_ttl import ua_ttl

BASELINES: dict[str, Baseline] = {
    "ports 16/300": greedy_ports(max_step=16, max_silence_s=300),
    "ports 200/3600": greedy_ports(max_step=200, max_silence_s=3600),
    "IP IDs": greedy_ip_ids(),
    "Bellovin": bellovin,
    "timestamp lines": ts_lines,
    "User-Agent, TTL": ua_ttl,
    **({"p0f": p0f_nat} if DATABASE.is_file() else {}),
}

__all__ = ["BASELINES", "Baseline", "Counted", "Line", "line_of", "read_packets"]
