"""Which addresses are shown, in which order: those that open the most flows first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from wiretell.exporter import Options
from wiretell.model.report import Report

Row = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """One address and its machines, as rows of the report's tables."""

    address: Row
    devices: list[Row]

    @property
    def is_single_server(self) -> bool:
        """One machine that only serves: summed up unless all are asked for."""
        return self.address["role"] == "server" and (self.address["n_devices"] or 0) <= 1


def ordered_addresses(report: Report, options: Options) -> pl.DataFrame:
    """The addresses chosen by `options`, in order, with the column `n_opened`.

    `n_opened` counts the judged flows that the address opened. Equal ones go by judged flow
    sides, then by text.
    """
    addresses = in_order(report.addresses, n_opened(report.members.lazy()).collect())
    if options.addresses:
        wanted = list(dict.fromkeys(options.addresses))
        place = pl.col("address").replace_strict(wanted, range(len(wanted)), default=None)
        addresses = addresses.filter(pl.col("address").is_in(wanted)).sort(place)
    return addresses if options.top is None else addresses.head(options.top)


def n_opened(members: pl.LazyFrame) -> pl.LazyFrame:
    """address, n_opened: the judged flows that each address opened."""
    return (
        members.filter(pl.col("side") == 0)
        .group_by("address")
        .agg(pl.len().cast(pl.UInt64).alias("n_opened"))
    )


def in_order(addresses: pl.DataFrame, opened: pl.DataFrame) -> pl.DataFrame:
    """Rows of ADDRESSES in their order, with the column `n_opened`."""
    return (
        addresses.join(opened, on="address", how="left")
        .with_columns(pl.col("n_opened").fill_null(0))
        .sort(
            "n_opened",
            "n_flows",
            "address",
            descending=[True, True, False],
            nulls_last=True,
        )
    )


def sections(report: Report, options: Options) -> Iterator[Section]:
    """The chosen addresses, each with its machines in order of their numbers."""
    addresses = ordered_addresses(report, options)
    devices: dict[str, list[Row]] = {}
    chosen = report.devices.filter(pl.col("address").is_in(addresses["address"].to_list()))
    for device in chosen.iter_rows(named=True):
        devices.setdefault(device["address"], []).append(device)
    for address in addresses.iter_rows(named=True):
        own = devices.get(address["address"], [])
        own.sort(key=lambda device: (device_number(device["device"]), device["device"]))
        yield Section(address, own)


def device_number(device: str) -> int:
    """The number of a machine in its id (`address#number`); 0 where there is none."""
    number = device.rpartition("#")[2]
    return int(number) if number.isascii() and number.isdigit() else 0
