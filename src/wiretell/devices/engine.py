"""Flows and observations -> devices: every address judged on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from wiretell.devices.assign import Evidence
from wiretell.devices.explain import Row, Rows, explain
from wiretell.devices.judge import judge
from wiretell.devices.sides import number, services, sides_of
from wiretell.model.tables import ADDRESSES, DEVICES, EVIDENCE, MEMBERS, OBSERVATIONS
from wiretell.signal import Clock, Scores, Signal

TCP = 6


@dataclass(frozen=True)
class Findings:
    """The tables that the engine fills; `failed` is signal name -> message."""

    observations: pl.DataFrame
    evidence: pl.DataFrame
    addresses: pl.DataFrame
    devices: pl.DataFrame
    members: pl.DataFrame
    failed: Mapping[str, str]


def find_devices(
    flows: pl.DataFrame, observations: pl.DataFrame, signals: Sequence[Signal]
) -> Findings:
    """Which machines are behind each address that sent anything.

    `flows` as FLOWS, `observations` as OBSERVATIONS (from the signals' `extract`). A signal that
    fails is left out for that address and named in `failed`.
    """
    said = observations.partition_by("address", as_dict=True)
    nothing = OBSERVATIONS.empty()
    judged: list[Rows] = []
    measured: list[Row] = []
    failed: dict[str, str] = {}
    for (address,), group in sides_of(flows).group_by("address", maintain_order=True):
        own = said.get((address,), nothing)
        rows, facts = _judge_address(str(address), number(group), own, signals, failed)
        judged.append(rows)
        measured += facts
    judged.sort(key=_importance)
    return Findings(
        pl.concat([observations, OBSERVATIONS.frame(measured)]),
        EVIDENCE.frame([row for rows in judged for row in rows.evidence]),
        ADDRESSES.frame([rows.address for rows in judged]),
        DEVICES.frame([row for rows in judged for row in rows.devices]),
        MEMBERS.frame([row for rows in judged for row in rows.members]),
        failed,
    )


def _importance(rows: Rows) -> tuple[bool, int, int, str]:
    """Addresses that open flows first, those with most machines and flows first among them."""
    address = rows.address
    n_devices, n_flows = address["n_devices"], address["n_flows"]
    assert isinstance(n_devices, int) and isinstance(n_flows, int)
    return (address["role"] == "server", -n_flows, -n_devices, str(address["address"]))


def _judge_address(
    address: str,
    sides: pl.DataFrame,
    observations: pl.DataFrame,
    signals: Sequence[Signal],
    failed: dict[str, str],
) -> tuple[Rows, list[Row]]:
    scores: dict[str, Scores] = {}
    for signal in signals:
        if signal.score is None:
            continue
        try:
            scores[signal.name] = signal.score(sides, observations)
        except Exception as error:
            failed[signal.name] = f"{type(error).__name__}: {error}"
    evidence = Evidence(
        n_sides=sides.height,
        peers=sides["peer"].to_list(),
        services=services(sides),
        starts=sides["start_s"].to_list(),
        ends=sides["end_s"].to_list(),
        links=[link for s in scores.values() for link in s.links],
        labels=[label for s in scores.values() for label in s.labels],
        clocks=[clock for s in scores.values() for clock in s.clocks],
        rules={rule.kind: rule for s in scores.values() for rule in s.rules},
    )
    connections = frozenset(sides.filter(pl.col("proto") == TCP)["number"].to_list())
    judgement = judge(evidence, connections)
    regimes = {name: s.regimes for name, s in scores.items()}
    rows = explain(address, sides, observations, evidence, regimes, judgement)
    return rows, _clock_facts(address, sides, evidence.clocks)


def _clock_facts(address: str, sides: pl.DataFrame, clocks: Sequence[Clock]) -> list[Row]:
    """Observations of every clock line whose rate is known."""
    facts: list[Row] = []
    keys = sides.select("flow_id", "side", "start_ns").rows()
    for clock in clocks:
        if not clock.nominal_hz or clock.error_ppm >= 1e4:
            continue
        flow_id, side, start_ns = keys[clock.sides[0]]
        base: Row = {
            "signal": "tcp_timestamp",
            "address": address,
            "flow_id": flow_id,
            "side": side,
            "time_ns": start_ns,
        }
        error_hz = clock.hz * clock.error_ppm * 1e-6
        facts.append(base | {"quantity": "hz", "value": clock.hz, "unit": "Hz", "error": error_hz})
        skew = {
            "quantity": "skew_ppm",
            "value": clock.skew_ppm,
            "unit": "ppm",
            "error": clock.error_ppm,
        }
        facts.append(base | skew)
        facts.append(base | {"quantity": "offset_scope", "text": clock.scope})
    return facts
