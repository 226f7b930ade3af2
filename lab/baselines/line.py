"""What a method is given of one public address, and what it answers.

A `Baseline` is a pure function from a `Line` to a `Counted`. `line_of` makes the line of an address
from a report and its packets, so that all methods and wiretell judge the same flows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike

import polars as pl

import wiretell
from wiretell.model.packets import PACKETS
from wiretell.model.report import Report
from wiretell.model.tables import OBSERVATIONS

TCP, UDP = 6, 17

_ENDS = ("proto", "port", "peer", "peer_port")


@dataclass(frozen=True)
class Line:
    """Everything seen of one public address as a client.

    `flows`: rows of `FLOWS` that the address opened, by first packet. `packets`: rows of `PACKETS`
    that it sent, in order of the capture, with the `flow_id` of the flow they are of, whoever
    opened it (null: of none). `observations`: rows of `OBSERVATIONS` about those flows.
    """

    address: str
    flows: pl.DataFrame
    packets: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={**PACKETS.schema, "flow_id": pl.UInt64})
    )
    observations: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=OBSERVATIONS.schema)
    )


@dataclass(frozen=True)
class Counted:
    """How many machines a method finds behind an address, and which flows are whose.

    `machine` maps a flow_id to the number of a machine, from 0; a flow that is not in it is not
    assigned. `count` is what the method says, and can differ from how many machines have flows.
    """

    count: int
    machine: Mapping[int, int]


Baseline = Callable[[Line], Counted]


def read_packets(path: str | PathLike[str], *, filter: str | None = None) -> pl.DataFrame:
    """The packets of a capture that a tcpdump expression lets through, as one table (`PACKETS`)."""
    batches = list(wiretell.read(path, filter=filter))
    return pl.concat(batches) if batches else pl.DataFrame(schema=PACKETS.schema)


def line_of(report: Report, packets: pl.DataFrame, address: str) -> Line:
    """What `report` and `packets`, both of one capture, say of `address`."""
    flows = report.flows.filter(pl.col("orig_h") == address).sort("first_ns", "flow_id")
    sent = packets.filter((pl.col("src") == address) & pl.col("proto").is_in([TCP, UDP]))
    about = report.observations.filter(
        (pl.col("side") == 0) & pl.col("flow_id").is_in(flows["flow_id"].implode())
    )
    return Line(address, flows, _with_flow(sent, report.flows, address), about)


def _with_flow(sent: pl.DataFrame, flows: pl.DataFrame, address: str) -> pl.DataFrame:
    """Each packet belongs to the flow of its ends that began last before it."""
    starts = pl.concat(
        flows.filter(pl.col(f"{near}_h") == address).select(
            "flow_id",
            "proto",
            pl.col(f"{near}_p").alias("port"),
            pl.col(f"{far}_h").alias("peer"),
            pl.col(f"{far}_p").alias("peer_port"),
            pl.col("first_packet").alias("number"),
        )
        for near, far in (("orig", "resp"), ("resp", "orig"))
    ).sort("number")
    keyed = sent.with_columns(port="sport", peer="dst", peer_port="dport").sort("number")
    return keyed.join_asof(
        starts, on="number", by=list(_ENDS), strategy="backward", check_sortedness=False
    ).drop("port", "peer", "peer_port")


def by_majority(flow_ids: list[int | None], machines: list[int | None]) -> dict[int, int]:
    """The machine that most packets of a flow were given to; the lower number of equals.

    Both lists are per packet; None is no flow, and no machine.
    """
    votes = (
        pl.DataFrame(
            {"flow": flow_ids, "machine": machines}, {"flow": pl.UInt64, "machine": pl.Int64}
        )
        .drop_nulls()
        .group_by("flow", "machine")
        .len()
        .sort(["flow", "len", "machine"], descending=[False, True, False])
        .unique("flow", keep="first", maintain_order=True)
    )
    return dict(zip(votes["flow"].to_list(), votes["machine"].to_list(), strict=True))
