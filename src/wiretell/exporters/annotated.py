"""The capture again as pcapng: each packet's comment says whose it is and what the tracker says.

Wireshark shows the comments, finds them (`frame.comment contains "machine 192.0.2.7#2;"`) and
colours by them. Addresses get names: what the one machine behind them looks like, or how many
there are.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from wiretell.exporters.escape import shortened, visible
from wiretell.model.report import Report
from wiretell.plots.palette import COLORS

MAX_LOOKS = 60


def commenter(report: Report) -> Callable[[pl.DataFrame], pl.Series]:
    """What makes the comment of each row of SEGMENTS of the captures that the report is of."""
    owners = _owners(report)
    key = ["flow_id", "side"]
    return lambda rows: _comments(rows.join(owners, on=key, how="left", maintain_order="left"))


def address_names(report: Report) -> list[tuple[str, str]]:
    """A name for each address: `6-machines`, or what its one machine looks like.

    Letters, digits, dots and hyphens, as names of hosts are.
    """
    looks = report.devices.group_by("address", maintain_order=True).agg(
        pl.col("looks_like").first(), pl.len().alias("n")
    )
    found = report.addresses.join(looks, on="address", how="left", maintain_order="left")
    made: list[tuple[str, str]] = []
    for address, n, looks_like in found.select("address", "n_devices", "looks_like").iter_rows():
        words = f"{n} machines" if (n or 0) > 1 else (looks_like or "")
        name = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in words).split())
        if name:
            made.append((address, name[:MAX_LOOKS]))
    return made


def colour_filters(report: Report) -> str:
    """A file for Wireshark's coloring rules: a colour for each machine of addresses with several.

    Wireshark's format: `@name@filter@[background][foreground]`, 16 bits a colour.
    """
    lines = []
    several = report.addresses.filter(pl.col("n_devices") > 1)["address"]
    shown = report.devices.filter(pl.col("address").is_in(several.implode()))
    for place, device in enumerate(shown["device"].to_list()):
        red, green, blue = (
            int(COLORS[place % len(COLORS)][at : at + 2], 16) * 257 for at in (1, 3, 5)
        )
        wanted = f'frame.comment contains "machine {device};"'
        lines.append(f"@machine {device}@{wanted}@[{red},{green},{blue}][0,0,0]\n")
    return "".join(lines)


def visible_looks(report: Report, nothing: str) -> pl.DataFrame:
    """device, looks: what each machine looks like, as visible text; `nothing` where unknown."""
    texts = [visible(text or nothing) for text in report.devices["looks_like"].to_list()]
    return report.devices.select(
        "device", pl.Series("looks", [shortened(text, MAX_LOOKS) for text in texts], pl.String)
    )


def _owners(report: Report) -> pl.DataFrame:
    """flow_id, side, device, looks (visible text): every side that the report judged."""
    looks = visible_looks(report, "unknown")
    return report.members.select("flow_id", "side", "device").join(looks, on="device", how="left")


def _comments(rows: pl.DataFrame) -> pl.Series:
    """What is said of each packet."""
    machine = pl.when(pl.col("device").is_not_null()).then(
        pl.format("machine {}; {}", "device", "looks")
    )
    verdict = (
        pl.when(pl.col("reason").is_not_null())
        .then(pl.format("; INVALID: {}", "reason"))
        .otherwise(pl.format("; {}", "ct_state"))
    )
    noted = (
        pl.when(pl.col("note").is_not_null()).then(pl.format("; {}", "note")).otherwise(pl.lit(""))
    )
    text = pl.concat_str(machine.otherwise(pl.lit("machine unknown")), verdict, noted)
    return rows.select(text.alias("text"))["text"]
