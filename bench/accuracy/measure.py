"""An answer against the truth: one record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace
from math import nan

from bench.accuracy.answers import Answer, Material
from bench.accuracy.records import Record
from lab.score import Reliability, TrueFlow, coverage_by_lot, reliability, score_labels

_SURE = frozenset({"single", "separated"})
"""Verdicts that leave no doubt about the count."""


def measured(blank: Record, answer: Answer, of: Material) -> Record:
    """`blank` with the figures of this answer.

    A machine is judged by public address: seen at two, it is to be found at both.
    """
    flows = of.drawn.flows.flows
    owners = [(flow.address, flow.device) for flow in flows]
    labels = [
        None if name is None else (flow.address, name)
        for flow, name in zip(flows, answer.devices, strict=True)
    ]
    scores = score_labels(owners, labels)
    assigned = [place for place, name in enumerate(answer.devices) if name is not None]
    true = Counter(address for address, _ in set(owners))
    counts = [(true[address], answer.counts[address]) for address in of.addresses]
    return replace(
        blank,
        n_flows=scores.n_flows,
        n_assigned=len(assigned),
        n_true=sum(n for n, _ in counts),
        n_found=sum(count.n for _, count in counts),
        low=sum(count.low for _, count in counts),
        high=sum(count.high for _, count in counts),
        n_addresses=len(counts),
        n_covered=sum(count.low <= n <= count.high for n, count in counts),
        n_held_by_lot=sum(coverage_by_lot(count.probabilities, n) for n, count in counts),
        n_over_claims=sum(count.verdict in _SURE and count.n != n for n, count in counts),
        verdicts=", ".join(count.verdict for _, count in counts),
        ari=scores.ari,
        ari_assigned=(
            score_labels([owners[i] for i in assigned], [labels[i] for i in assigned]).ari
            if assigned
            else nan
        ),
        v_measure=scores.v_measure,
        bcubed_precision=scores.bcubed_precision,
        bcubed_recall=scores.bcubed_recall,
        bcubed_f1=scores.bcubed_f1,
        pair_precision=scores.pair_precision,
        pair_recall=scores.pair_recall,
        pair_f1=scores.pair_f1,
        n_rate=answer.rates.n,
        n_rate_right=answer.rates.n_right,
        n_regime=answer.regimes.n,
        n_regime_right=answer.regimes.n_right,
        pairs=answer.pairs,
        seconds=answer.seconds,
        members=_members(flows, labels, answer.confidences),
    )


def _members(
    flows: Sequence[TrueFlow],
    labels: Sequence[Hashable | None],
    confidences: Sequence[float],
) -> Reliability:
    """A flow is where it belongs if most flows of its device are the same machine's.

    Of a machine found twice, only the device with more of its flows is it.
    """
    shared = Counter(
        (label, flow.device) for label, flow in zip(labels, flows, strict=True) if label is not None
    )
    machine_of: dict[Hashable, str] = {}
    device_of: dict[str, Hashable] = {}
    for (label, machine), _ in sorted(shared.items(), key=lambda x: (-x[1], str(x[0]))):
        machine_of.setdefault(label, machine)
    for (label, machine), _ in sorted(shared.items(), key=lambda x: (-x[1], str(x[0]))):
        if machine_of[label] == machine:
            device_of.setdefault(machine, label)
    judged = [
        (sure, device_of.get(flow.device) == label)
        for label, flow, sure in zip(labels, flows, confidences, strict=True)
        if label is not None
    ]
    return reliability([sure for sure, _ in judged], [right for _, right in judged])
