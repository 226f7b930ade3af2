"""Names, hosts and User-Agents read here against those tshark reads, on real captures.

tshark reads every packet, the extractors only the first bytes of each flow side. So all that is
read here must be known to tshark, and what tshark sees in the first message of a flow must be
read here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from payload_flows import read_flows

from wiretell.protocols import tls
from wiretell.signals import names, tls_hello, user_agent

CAPTURES = (
    "nat/phones_a.pcap",
    "nat/mixed_a.pcap",
    "nat/iot_a.pcap",
    "nat/single_a.pcap",
    "NAT-source/mercury__capture2.pcap",
    "NAT-source/IoT_Sentinel__WeMoLink_Setup-A-9-STA.pcap",
    "NAT-source/IoT_Sentinel__HueBridge_Setup-A-1-STA.pcap",
)
SNI = "tls.handshake.extensions_server_name"
JA3 = "tls.handshake.ja3_full"
VENDOR, HOST_NAME, FQDN = "dhcp.option.vendor_class_id", "dhcp.option.hostname", "dhcp.fqdn.name"
STREAM = ("tcp.stream", "udp.stream")
MARKS = ("udp.srcport", "udp.dstport", "http.request", "dns.flags.response", "dhcp.type")
FIELDS = (
    *STREAM,
    *MARKS,
    *("http.user_agent", "http.host", SNI, JA3, "dns.qry.name", "dns.a", "dns.aaaa"),
    *(VENDOR, HOST_NAME, FQDN, "dhcp.hw.mac_addr"),
)
# Newer versions of tshark spell them out.
_BOOLEANS = {"0": ("0", "False"), "1": ("1", "True")}


class Dissected:
    """What tshark reads in a capture: per packet, each field's values."""

    def __init__(self, tshark: str, capture: Path) -> None:
        command = [tshark, "-r", str(capture), "-T", "fields", "-E", "aggregator=\x1f"]
        for field in FIELDS:
            command += ["-e", field]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        self._packets = [
            dict(zip(FIELDS, line.split("\t"), strict=True)) for line in out.split("\n") if line
        ]

    def every(self, field: str, **marks: str) -> set[str]:
        """Each value of a field among the packets with these marks."""
        return {
            value for packet in self._with(marks) for value in packet[field].split("\x1f") if value
        }

    def first_of_flow(self, field: str, **marks: str) -> set[str]:
        """The value of a field in the first packet of each stream that has these marks."""
        first: dict[tuple[str, ...], str] = {}
        for packet in self._with(marks):
            stream = tuple(packet[name] for name in STREAM)
            first.setdefault(stream, packet[field].split("\x1f")[0])
        return set(first.values()) - {""}

    def _with(self, marks: dict[str, str]) -> Iterator[dict[str, str]]:
        wanted = {name.replace("__", "."): _BOOLEANS.get(v, (v,)) for name, v in marks.items()}
        for packet in self._packets:
            if all(packet[name] in values for name, values in wanted.items()):
                yield packet


@pytest.fixture(scope="module", params=CAPTURES)
def capture(request: pytest.FixtureRequest, captures: Path) -> Path:
    path = captures / request.param
    if not path.is_file():
        pytest.skip(f"no capture {request.param}")
    return path


@pytest.fixture(scope="module")
def flows(capture: Path) -> pl.DataFrame:
    return read_flows(capture)


@pytest.fixture(scope="module")
def theirs(capture: Path, require_program: Callable[[str], str]) -> Dissected:
    return Dissected(require_program("tshark"), capture)


def read(found: pl.DataFrame, quantity: str) -> set[str]:
    return set(found.filter(quantity=quantity)["text"].to_list())


def test_user_agents(flows: pl.DataFrame, theirs: Dissected) -> None:
    data = pl.col("orig_payload").fill_null(b"")
    gnutella = data.bin.starts_with(b"GNUTELLA")  # has header fields, too; not HTTP to tshark
    found = user_agent.extract(flows.filter((pl.col("proto") == 6) & ~gnutella))
    for quantity, field in (("user_agent", "http.user_agent"), ("http_host", "http.host")):
        assert read(found, quantity) <= theirs.every(field)
        assert theirs.first_of_flow(field, http__request="1", udp__stream="") <= read(
            found, quantity
        )


def test_server_names(flows: pl.DataFrame, theirs: Dissected) -> None:
    found = read(tls_hello.extract(flows), "sni")
    assert found == theirs.every(SNI)


def test_hello_lists(flows: pl.DataFrame, theirs: Dissected) -> None:
    """JA3 in full spells out version, ciphers, extensions and groups: the lists JA4 is made of."""
    ours = set()
    for data in flows["orig_payload"].drop_nulls():
        hello = tls.client_hello(data)
        if hello is not None and not hello.cut:
            lists = (hello.ciphers, hello.extensions, hello.groups)
            shown = ("-".join(str(v) for v in one if not tls.is_grease(v)) for one in lists)
            ours.add(",".join((str(hello.version), *shown)))
    assert ours == {text.rsplit(",", 1)[0] for text in theirs.every(JA3)}


def test_dns_names(flows: pl.DataFrame, theirs: Dissected) -> None:
    found = names.extract(flows)
    query = {"udp__dstport": "53", "dns__flags__response": "0"}
    asked = read(found, "dns_query")
    assert asked <= {name.lower() for name in theirs.every("dns.qry.name", **query)}
    first = theirs.first_of_flow("dns.qry.name", **query)
    assert {name.lower() for name in first - {"<Root>"}} <= asked
    addresses = theirs.every("dns.a", udp__srcport="53")
    addresses |= theirs.every("dns.aaaa", udp__srcport="53")
    assert {text.rsplit(" ", 1)[1] for text in read(found, "dns_answer")} <= addresses


def test_dhcp(flows: pl.DataFrame, theirs: Dissected) -> None:
    found = names.extract(flows.filter(pl.col("resp_p").is_in((67, 68))))
    assert read(found, "dhcp_vendor") <= theirs.every(VENDOR)
    assert read(found, "dhcp_hostname") <= theirs.every(HOST_NAME) | theirs.every(FQDN)
    assert theirs.first_of_flow("dhcp.hw.mac_addr", dhcp__type="1") <= read(found, "dhcp_mac")
