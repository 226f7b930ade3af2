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
    link type has no program does not match. `payloads` adds a column `payload` to the packets:
    the captured bytes behind the last header read (Binary, null without IP). `checksums` adds
    the columns `model.packets.CHECKSUMS`, of the innermost IP packet.

    Raises `OSError` (cannot open), `wiretell.errors.CaptureError` (not a capture), `ValueError`
    (a filter is no valid program).
    """

    def __init__(
        self,
        paths: Sequence[str | PathLike[str]],
        *,
        filters: Mapping[int, bytes] | None = None,
        payloads: bool = False,
        checksums: bool = False,
    ) -> None: ...
    def packets(self, max_packets: int) -> ArrowBatch | None:
        """The next rows of `model.packets.PACKETS`, at most `max_packets`; None at the end.

        An interrupted call (Ctrl-C) loses no rows. Raises `ValueError` (`max_packets` is 0).
        """

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

@final
class PcapWriter:
    """Writes frames as they were captured into a pcap file with nanoseconds.

    The file is made at once, and whole after `finish`. Raises `OSError`.
    """

    def __init__(self, path: str | PathLike[str]) -> None: ...
    def consume(self, reader: Reader, max_packets: int) -> int:
        """Reads and writes up to `max_packets` frames, without the GIL; how many. 0: the end.

        Raises `OSError`; `ValueError` for a frame of another link type than the first, which
        the format cannot hold.
        """

    def finish(self) -> None:
        """Writes what is buffered; without frames the header alone. Raises `OSError`."""

    def counters(self) -> dict[str, int]:
        """`packets` written, `times_clamped` (before 1970 or beyond 2106: the nearest written)."""

@final
class Annotator:
    """Writes frames as they were captured into a pcapng file, with comments.

    `names` are pairs of an IP address and a name for it, kept in the file. Raises `OSError`,
    `ValueError` (no address).
    """

    def __init__(
        self, path: str | PathLike[str], application: str, names: Sequence[tuple[str, str]]
    ) -> None: ...
    def consume(
        self,
        reader: Reader,
        max_packets: int,
        numbers: bytes,
        codes: bytes,
        texts: Sequence[str],
    ) -> int:
        """Reads and writes up to `max_packets` frames, without the GIL; how many. 0: the end.

        `numbers` (uint64, little endian, ascending) are packets with a comment, `codes` (uint32)
        the places of their comments in `texts`. Raises `OSError`, `ValueError` (lengths differ).
        """

    def finish(self) -> None:
        """Writes what is buffered. Raises `OSError`."""

    def counters(self) -> dict[str, int]:
        """`packets` written, `times_clamped` (before 1970: 1970 was written)."""

@final
class Tracker:
    """Folds frames into flows, in one pass and bounded memory.

    Flows and samples do not depend on how the stream is cut into calls.

    - `max_flows`: flows alive at once; the one idle longest is evicted for a new one.
    - `max_payload_bytes`, `payload_budget_bytes`: first payload bytes kept per side, and in all
      flows alive together.
    - `samples_per_side`, `max_hull`: rows of SAMPLES, and hull vertices (at least 3), per side;
      with a `max_hull` of 0 there are no clocks: the columns `..._ts_...` are as of no timestamps.
    - `..._timeout_s`: idle packet time after which a flow ends: TCP, TCP without an answer to
      its SYN, UDP, ICMP, others. `tcp_linger_s`: how long a closed connection gathers stragglers.
    - `active_timeout_s`: a flow that has lived this long is handed out (`end_reason` "active") and
      counted anew as a flow of its own; 0: never.
    - `ct`: settings of a connection tracker beside the flows: words between commas, each a
      profile (`linux`, `pf-like`, `strict`; first), a switch (`liberal`, `loose=0`,
      `ignore-invalid-rst`, `strict`, `whole-segment`, `exact-rst`, `paws`, `checksum`,
      `helpers=0`) or
      `name=number` (`max-retrans`, `max-entries`, a timeout of `ct_settings`). None: no tracking.
    - `what_if`: other settings to judge the same packets by. `segments`: keep a row per packet.
      Both need `ct`. Flows are the same with and without.
    - `analysis`: fill the columns of `model.tables.STREAM_TOTALS`, else null. On with `segments`.
    - `threads`: how many may work at a time, at least 1; None: as many as there are cores. With
      two, one reads and decodes ahead of the other. The results are the same.

    Raises `ValueError` for limits and settings out of range.
    """

    def __init__(
        self,
        *,
        max_flows: int = 1_000_000,
        max_payload_bytes: int = 4096,
        payload_budget_bytes: int = 268_435_456,
        samples_per_side: int = 16,
        max_hull: int = 64,
        tcp_timeout_s: int = 3600,
        tcp_opening_timeout_s: int = 120,
        tcp_linger_s: int = 5,
        udp_brief_timeout_s: int = 30,
        udp_timeout_s: int = 60,
        icmp_timeout_s: int = 60,
        other_timeout_s: int = 60,
        active_timeout_s: int = 0,
        ct: str | None = None,
        what_if: str | None = None,
        segments: bool = False,
        analysis: bool = False,
        threads: int | None = None,
    ) -> None: ...
    def consume(self, reader: Reader, max_packets: int) -> int:
        """Reads and folds up to `max_packets` frames, without the GIL; how many. 0: the end."""

    def push(self, time_ns: int, link_type: int, data: bytes, wire_len: int | None = None) -> None:
        """Folds one frame; `wire_len` where it was longer on the wire than `data`."""

    def finish(self) -> None:
        """Ends all flows. Frames may follow and begin new ones."""

    def drain_flows(self, least: int = 1) -> ArrowBatch | None:
        """Flows ended since the last call, in order of their ends; None: fewer than `least` did.

        The columns of `model.tables.FLOWS`; `orig_tos`, `resp_tos` (UInt8, of the first packet);
        `orig_tcp_flags`, `resp_tcp_flags` (UInt16, of all segments together); `orig_payload`,
        `resp_payload` (Binary, null where none was captured) and `orig_payload_ns`,
        `resp_payload_ns` (time of its first byte). A TCP payload is contiguous from the SYN, or
        the first data seen; a UDP payload is the first datagrams, at most 4, each behind its kept
        length as 2 bytes, big-endian.
        """

    def drain_samples(self) -> ArrowBatch | None:
        """Rows of `model.tables.SAMPLES` of the flows drained since the last call."""

    def drain_segments(self) -> ArrowBatch | None:
        """Rows of `model.segments.SEGMENTS` since the last call, in the packets' order.

        Only with `segments`, where they are kept until asked for: ask after each `consume`.
        """

    def entries(self) -> ArrowBatch | None:
        """Rows of `model.segments.ENTRIES`: the connection tracker's table as it is now."""

    def counters(self) -> dict[str, int]:
        """What was met since the start.

        `packets` (frames folded), `not_ip`, `fragments` (later ones), `fragments_unmatched`,
        `no_transport` (header missing or malformed), `flows` (begun), `active_flows`,
        `evicted_flows`, `payload_bytes_dropped` (by the budget), `samples_thinned`,
        `hull_vertices_dropped` (both of ended flows), `time_absurd` (dates not believed),
        `time_backwards`. With `ct` also `ct_new`, `ct_established`, `ct_related`, `ct_invalid`,
        `ct_untracked` (packets), `ct_entries` (begun), `ct_active_entries`, `ct_expired`,
        `ct_early_dropped` (unassured, to make room), `ct_refused` (packets: no room),
        `ct_expected` (connections announced), `ct_fulfilled` (of them came), `ct_third_party`
        (announcements of an address that is not the sender's), `ct_expectations_dropped`.
        """

    def weirds(self) -> dict[str, int]:
        """Odd packets by their first oddity (see `weird_meanings`)."""

@final
class FlowCounter:
    """`Tracker` where only the totals of flows are wanted: the same flows, nothing kept of them.

    What a flow is, and when it ends, is the same tracker's word, with the same limits and
    timeouts. Raises `ValueError` for limits out of range.
    """

    def __init__(
        self,
        *,
        max_flows: int = 1_000_000,
        tcp_timeout_s: int = 3600,
        tcp_opening_timeout_s: int = 120,
        tcp_linger_s: int = 5,
        udp_brief_timeout_s: int = 30,
        udp_timeout_s: int = 60,
        icmp_timeout_s: int = 60,
        other_timeout_s: int = 60,
        active_timeout_s: int = 0,
        threads: int | None = None,
    ) -> None: ...
    def consume(self, reader: Reader, max_packets: int) -> int:
        """Reads and folds up to `max_packets` frames, without the GIL; how many. 0: the end."""

    def finish(self) -> None:
        """Ends all flows. Frames may follow and begin new ones."""

    def totals(self) -> dict[str, int]:
        """Whole after `finish`.

        `flows`, `one_sided_flows` (one side was not seen to send), of these `packets` and
        `bytes` (IP); `first_ns` and `last_ns`, missing where there were no flows.
        """

    def protocols(self) -> dict[int, int]:
        """Flows by IP protocol number."""

    def counters(self) -> dict[str, int]:
        """As of `Tracker`; what is not kept is never dropped, so these are 0."""

    def weirds(self) -> dict[str, int]:
        """As of `Tracker`."""

def weird_meanings() -> list[tuple[str, str]]:
    """Every name that the column `weird` can hold, and what it means."""

def ct_reasons() -> list[tuple[str, str]]:
    """Every name that `reason`, `note` and `what_if_reason` can hold, and what it means."""

def ct_settings() -> tuple[list[str], list[tuple[str, int]]]:
    """Names of the profiles; names of the timeouts with Linux's defaults in seconds."""

def tcp_transitions() -> list[tuple[str, str, str, str]]:
    """TCP's states as rows: direction (`orig`, `reply`), state, event, outcome.

    The outcome is a state, `pass` (let pass, nothing changes) or `refuse` (invalid).
    """
