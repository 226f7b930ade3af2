"""Every header field of every packet equals tshark's, on real captures and on our own.

tshark runs once per file with all protocols off but those that the core decodes: no
reassembly, no heuristics, nothing above the transport. It lists a field once per layer
that has it, so `frame.protocols` tells which entry belongs to the innermost IP packet
(headers quoted by an ICMP error are not layers of the packet itself).

Where the two differ on purpose:

* Custom blocks of pcapng are frames to tshark (without an encapsulation) and none to us.
* A header that the capture cut short is read by tshark up to the cut, by us not at all
  (ports aside): rows with a `*_cut` weird are compared only where we have a value.
* An IP packet that claims more bytes than its frame had: tshark ends it with the frame, we
  count what the header says (`ip_beyond_frame`).
* Behind an authentication header, `proto` is with us what follows it.
"""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest
from decode_frames import CAPTURES as OWN_CAPTURES

from wiretell import _core
from wiretell.model.packets import PACKETS

PROTOCOLS = (
    "frame", "eth", "ethertype", "vlan", "ieee8021ad", "llc", "mpls", "pppoes", "ppp", "chdlc",
    "sll", "null", "raw", "wlan", "wlan_radio", "radiotap", "ip", "ipv6", "ipv6.hopopts",
    "ipv6.dstopts", "ipv6.routing", "ipv6.fraghdr", "ah", "mipv6", "hip", "shim6", "gre",
    "vxlan", "tcp", "tcp.options.mss", "tcp.options.wscale", "tcp.options.timestamp",
    "tcp.options.sack_perm", "tcp.options.sack", "udp", "icmp", "icmpv6",
)  # fmt: skip

PREFERENCES = (
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
)

# Our column -> tshark's field, by the layer that has it.
IPV4 = {
    "src": "ip.src",
    "dst": "ip.dst",
    "proto": "ip.proto",
    "ttl": "ip.ttl",
    "tos": "ip.dsfield",
    "ipid": "ip.id",
    "ip_len": "ip.len",
    "df": "ip.flags.df",
    "more_fragments": "ip.flags.mf",
    "frag_offset": "ip.frag_offset",
}
IPV6 = {
    "src": "ipv6.src",
    "dst": "ipv6.dst",
    "ttl": "ipv6.hlim",
    "tos": "ipv6.tclass",
    "flow_label": "ipv6.flow",
    "ip_len": "ipv6.plen",
}
TCP = {
    "sport": "tcp.srcport",
    "dport": "tcp.dstport",
    "seq": "tcp.seq_raw",
    "ack": "tcp.ack_raw",
    "flags": "tcp.flags",
    "window": "tcp.window_size_value",
    "urgent": "tcp.urgent_pointer",
    "payload_len": "tcp.len",
}
TCP_OPTIONS = {
    "mss": "tcp.options.mss_val",
    "wscale": "tcp.options.wscale.shift",
    "tsval": "tcp.options.timestamp.tsval",
    "tsecr": "tcp.options.timestamp.tsecr",
}
UDP = {"sport": "udp.srcport", "dport": "udp.dstport", "payload_len": "udp.length"}
ICMP = {
    "icmp_type": "icmp.type",
    "icmp_code": "icmp.code",
    "icmp_id": "icmp.ident",
    "icmp_seq": "icmp.seq",
    "icmp_originate": "icmp.originate_timestamp",
    "icmp_receive": "icmp.receive_timestamp",
    "icmp_transmit": "icmp.transmit_timestamp",
}
ICMPV6 = {
    "icmp_type": "icmpv6.type",
    "icmp_code": "icmpv6.code",
    "icmp_id": "icmpv6.echo.identifier",
    "icmp_seq": "icmpv6.echo.sequence_number",
}
LAYERS: Mapping[str, Mapping[str, str]] = {
    "ip": IPV4,
    "ipv6": IPV6,
    "tcp": TCP | TCP_OPTIONS,
    "udp": UDP,
    "icmp": ICMP,
    "icmpv6": ICMPV6,
}
COLUMNS = list(dict.fromkeys(column for layer in LAYERS.values() for column in layer))
SACK_EDGES = ("tcp.options.sack_le", "tcp.options.sack_re")

UDP_HEADER_BYTES = 8
IPV6_HEADER_BYTES = 40
FRAGMENT_UNIT_BYTES = 8
AUTHENTICATION_HEADER = 51


def shared_captures() -> list[Path]:
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("WIRETELL_CAPTURES", root.parent / "shared" / "captures"))
    endings = {".pcap", ".pcapng", ".cap", ".dmp"}
    return sorted(path for path in folder.rglob("*") if path.suffix in endings)


@pytest.fixture(scope="module")
def tshark_settings(
    tmp_path_factory: pytest.TempPathFactory, require_program: Callable[[str], str]
) -> Path:
    """A settings folder in which every protocol but ours is off."""
    require_program("tshark")
    folder = tmp_path_factory.mktemp("wireshark")
    listing = subprocess.run(["tshark", "-G", "protocols"], capture_output=True, check=True)
    names = [line.split("\t")[2] for line in listing.stdout.decode().splitlines()]
    off = "".join(f"{name}\n" for name in names if name not in PROTOCOLS)
    (folder / "disabled_protos").write_text(off)
    return folder


def run_tshark(path: Path, settings: Path) -> pl.DataFrame:
    """One row per frame; every field as text, its occurrences joined by commas."""
    fields = [field for layer in LAYERS.values() for field in layer.values()]
    command = ["tshark", "-n", "-r", str(path)]
    for preference in PREFERENCES:
        command += ["-o", preference]
    command += ["-T", "fields", "-E", "header=y", "-E", "separator=/t", "-E", "occurrence=a"]
    for field in ("frame.encap_type", "frame.protocols", *fields, *SACK_EDGES):
        command += ["-e", field]
    environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(settings), "LC_ALL": "C.UTF-8"}
    # tshark's exit code is not zero for a capture that is cut, as some here are.
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    table = pl.read_csv(
        io.BytesIO(done.stdout), separator="\t", quote_char=None, infer_schema=False
    )
    return table.filter(pl.col("frame.encap_type").is_not_null())


def number(text: pl.Expr) -> pl.Expr:
    """A decimal or 0x number."""
    hexadecimal = text.str.strip_prefix("0x").str.to_integer(base=16, strict=False)
    decimal = text.str.to_integer(base=10, strict=False)
    return pl.when(text.str.starts_with("0x")).then(hexadecimal).otherwise(decimal)


def innermost(theirs: pl.DataFrame) -> pl.DataFrame:
    """tshark's rows in our columns: those of the innermost IP packet and its transport."""
    stack = (":" + pl.col("frame.protocols").fill_null("")).str.replace(
        r"^(.*?:icmp(?:v6)?)(?::.*)?$", "${1}"
    )
    inside_ip = stack.str.extract(r"^.*:(?:ip|ipv6)((?::.*)?)$", 1)
    theirs = theirs.with_columns(
        network=stack.str.extract(r"^.*:(ip|ipv6)(?::.*)?$", 1),
        transport=inside_ip.str.extract(r":(tcp|udp|icmpv6|icmp)(?::|$)", 1),
        **{f"n_{layer}": stack.str.split(":").list.count_matches(layer) for layer in LAYERS},
    )
    columns: dict[str, pl.Expr] = {}
    for column in COLUMNS:
        choice = pl.lit(None, pl.String)
        for layer, fields in LAYERS.items():
            if column not in fields:
                continue
            present = (pl.col("network") == layer) | (pl.col("transport") == layer)
            # An option may come twice in one header, and the last one counts.
            at = -1 if column in TCP_OPTIONS else pl.col(f"n_{layer}").cast(pl.Int64) - 1
            occurrence = pl.col(fields[column]).str.split(",").list.get(at, null_on_oob=True)
            choice = pl.when(present).then(occurrence).otherwise(choice)
        columns[column] = choice if column in ("src", "dst") else number(choice)
    edges = [pl.col(edge).str.split(",").list.eval(number(pl.element())) for edge in SACK_EDGES]
    sack_left, sack_right = edges
    is_tcp = pl.col("transport") == "tcp"
    return theirs.select(
        "network",
        "transport",
        **columns,
        sack_left=pl.when(is_tcp).then(sack_left),
        sack_right=pl.when(is_tcp).then(sack_right),
    )


def in_our_words(theirs: pl.DataFrame) -> pl.DataFrame:
    """Lengths: ours are of the packet (IPv6) and of the payload (UDP), offsets in bytes."""
    is_udp, is_ipv6 = pl.col("transport") == "udp", pl.col("network") == "ipv6"
    payload_len, ip_len = pl.col("payload_len"), pl.col("ip_len")
    return theirs.with_columns(
        payload_len=pl.when(is_udp).then(payload_len - UDP_HEADER_BYTES).otherwise(payload_len),
        ip_len=pl.when(is_ipv6).then(ip_len + IPV6_HEADER_BYTES).otherwise(ip_len),
        frag_offset=pl.col("frag_offset") * FRAGMENT_UNIT_BYTES,
    )


def run_core(path: Path) -> pl.DataFrame:
    reader = _core.Reader([path])
    batches = [PACKETS.empty()]
    while (batch := reader.packets(100_000)) is not None:
        batches.append(pl.DataFrame(batch))
    return pl.concat(batches)


def in_their_words(ours: pl.DataFrame) -> pl.DataFrame:
    """Ours without what tshark has no single field for."""
    sack = pl.col("sack")
    only_ipv4 = [
        pl.when(pl.col("ip_version") == 4).then(pl.col(column))
        for column in ("proto", "ipid", "more_fragments", "frag_offset")
    ]
    return ours.with_columns(
        *only_ipv4,
        payload_len=pl.when(pl.col("sport").is_not_null()).then(pl.col("payload_len")),
        sack_left=sack.list.gather_every(2),
        sack_right=sack.list.gather_every(2, offset=1),
    )


def comparable(ours: pl.DataFrame, theirs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both in the same columns and types."""
    names = [*COLUMNS, "sack_left", "sack_right"]
    types = {"src": pl.String, "dst": pl.String} | {
        side: pl.List(pl.Int64) for side in ("sack_left", "sack_right")
    }
    casts = [pl.col(name).cast(types.get(name, pl.Int64)) for name in names]
    # A message without identifier has 0 with us and none with tshark.
    identifiers = pl.col("icmp_id", "icmp_seq").fill_null(0)
    ours = in_their_words(ours).select(casts).with_columns(identifiers)
    theirs = in_our_words(innermost(theirs)).select(casts).with_columns(identifiers)
    return ours, theirs


def assert_equal(path: Path, settings: Path) -> None:
    packets = run_core(path)
    ours, theirs = comparable(packets, run_tshark(path, settings))
    assert len(ours) == len(theirs)
    weird = packets["weird"].fill_null("")
    is_cut, is_beyond = weird.str.ends_with("_cut"), weird == "ip_beyond_frame"
    for column in ours.columns:
        excused = is_cut & ours[column].is_null()
        if column in ("payload_len", "ip_len"):
            excused |= is_beyond
        if column == "proto":
            excused |= theirs[column].eq_missing(AUTHENTICATION_HEADER)
        differs = ours[column].ne_missing(theirs[column]) & ~excused
        rows = pl.DataFrame(
            {"ours": ours[column], "theirs": theirs[column], "number": packets["number"]}
        )
        assert not differs.any(), f"{path.name}, {column}:\n{rows.filter(differs)}"


@pytest.mark.parametrize("name", sorted(OWN_CAPTURES))
def test_own_captures(name: str, tmp_path: Path, tshark_settings: Path) -> None:
    path = tmp_path / f"{name}.pcap"
    path.write_bytes(OWN_CAPTURES[name])
    packets = run_core(path)
    assert packets["src"].null_count() == 0, "every packet of ours holds IP"
    assert packets["weird"].null_count() == len(packets)
    assert_equal(path, tshark_settings)


@pytest.mark.skipif(not shared_captures(), reason="the shared captures are not there")
@pytest.mark.parametrize("path", shared_captures(), ids=lambda path: path.name)
def test_real_captures(path: Path, tshark_settings: Path) -> None:
    assert_equal(path, tshark_settings)
