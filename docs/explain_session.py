"""The example of docs/explain.md: `.venv/bin/python docs/explain_session.py`, after `make test`.

Writes docs/images/greeting.svg and docs/images/rejected.svg, and puts what the commands print
between the marks of docs/explain.md. Captures are those of the tests and of this script; the same
bytes every time. A test holds the document to the commands.
"""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path

from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "explain.md"
IMAGES = ROOT / "docs" / "images"
GREETING = ROOT / "tests" / "cases" / "ftp_greeting" / "capture.pcap"
_MARKED = re.compile(
    r"(<!-- session: (.+?) -->\n```console\n).*?(\n?```)$", re.DOTALL | re.MULTILINE
)


def rejected() -> bytes:
    """A capture of a connection whose SYN/ACK lost its window scale on the way to the observer.

    The server's later windows are 4000 units of 128 bytes; who has not seen the scale takes them
    for 4000 bytes, and what goes beyond for INVALID. Then a RST with a guessed number comes.
    """
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from cases.ftp_greeting import make  # noqa: PLC0415

    syn, ack, psh, rst = make.SYN, make.ACK, make.PSH, 4
    p, size = make.Packet, 8960
    packets = (
        p(0, "client", syn, 0, 0, 64_240, 0, 0, mss=size),
        p(20_000, "server", syn | ack, 0, 1, 8192, 10, 0, mss=size, wscale=None),
        p(20_100, "client", ack, 1, 1, 502, 20, 10),
        p(21_000, "client", psh | ack, 1, 1, 502, 21, 10, b"a" * 8000),
        p(41_000, "server", ack, 1, 8001, 4000, 31, 21),
        p(41_100, "client", ack, 8001, 1, 502, 41, 31, b"b" * size),
        p(41_200, "client", psh | ack, 16_961, 1, 502, 41, 31, b"c" * size),
        p(61_300, "server", ack, 1, 25_921, 4000, 51, 41),
        p(75_000, "server", rst, 700_000_000, 0, 0, 55, 41, ttl=113),
        p(80_000, "server", psh | ack, 1, 25_921, 4000, 70, 41, b"d" * 45),
        p(80_100, "client", ack, 25_921, 46, 502, 80, 70),
    )
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, make.ETHERNET)]
    for number, packet in enumerate(packets, start=1):
        frame = make.frame(number, packet)
        head = struct.pack("<IIII", make.START_S, packet.at_us, len(frame), len(frame))
        parts += [head, frame]
    return b"".join(parts)


def run(words: str, folder: Path) -> str:
    """What `wiretell explain` with these words prints; captures are found by their names."""
    from wiretell.cli.explain import command  # noqa: PLC0415

    (folder / "rejected.pcap").write_bytes(rejected())
    known = {"greeting.pcap": GREETING, "rejected.pcap": folder / "rejected.pcap"}
    arguments = [str(known.get(word, word)) for word in words.split()[2:]]
    return CliRunner().invoke(command, arguments, catch_exceptions=False).stdout


def renewed(text: str, folder: Path) -> str:
    """The document with what its commands print today."""

    def shown(match: re.Match[str]) -> str:
        words = match[2]
        lines = run(words, folder).rstrip().splitlines()
        return f"{match[1]}$ {words}\n" + "\n".join(lines) + "\n```"

    return _MARKED.sub(shown, text)


def main() -> int:
    """Renews the document and its drawings."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    with TemporaryDirectory() as name:
        folder = Path(name)
        text = renewed(DOCUMENT.read_text(encoding="utf-8"), folder)
        for image in ("greeting", "rejected"):
            run(f"wiretell explain {image}.pcap 0 -q --svg {IMAGES / f'{image}.svg'}", folder)
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
