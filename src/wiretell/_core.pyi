"""The Rust core: loops over packets. Tables cross the border as Arrow batches."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import final

@final
class ArrowBatch:
    """Rows of a table (Arrow PyCapsule interface): `polars.DataFrame(batch)` copies nothing."""

    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(
        self, requested_schema: object | None = None
    ) -> tuple[object, object]: ...

@final
class Reader:
    """Captures (pcap, pcapng, compressed or not) as one stream of frames in time order.

    `"-"` is standard input. `filters` maps a LINKTYPE_ number to a classic BPF program, 8 bytes
    per instruction (`struct` format `<HBBI`: code, jt, jf, k); with filters given, a frame whose
    link type has no program does not match.

    Raises `OSError` (cannot open), `wiretell.errors.CaptureError` (not a capture), `ValueError`
    (a filter is no valid program).
    """

    def __init__(
        self,
        paths: Sequence[str | PathLike[str]],
        *,
        filters: Mapping[int, bytes] | None = None,
    ) -> None: ...
    def packets(self, max_packets: int) -> ArrowBatch | None:
        """The next rows of `model.packets.PACKETS`, at most `max_packets`; None at the end."""

    def position(self) -> tuple[int, int | None]:
        """Bytes read so far and in all (None where unknown), before inflation."""

    def counters(self) -> dict[str, int]:
        """What was read so far.

        `frames` (filtered ones included), `filtered_out`, `captured_bytes`, `wire_bytes`,
        `time_backwards` (steps back in time), `damaged` (other damaged places).
        """

    def files(self) -> list[dict[str, object]]:
        """What each file says about itself, in the order given.

        Keys `path`, `format` (`"pcap"`, `"pcapng"`), `compression`, `link_types`, `n_packets`,
        `interfaces` (a list of `index`, `name`, `description`, `link_type`, `snaplen`, `tsresol`,
        `received`, `dropped`), `comments`, `hardware`, `os`, `application`.
        """

    def damage(self) -> list[dict[str, object]]:
        """Damaged places met so far.

        Keys `file`, `packet` (number of the last good frame before it), `offset`, `kind`,
        `message`. Bounded; `counters()` counts all of them.
        """

def weird_meanings() -> list[tuple[str, str]]:
    """Every name that the column `weird` can hold, and what it means."""
