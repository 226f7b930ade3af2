"""Connections that announce others: FTP, IRC DCC, TFTP and SIP, and what follows or does not.

Each dialogue is told in full, so that a protocol module can read it; then the announced connection
comes, comes twice, comes from elsewhere, comes to another port, or comes too late.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from lab.oracle.datagrams import TCP, UDP, Ends
from lab.oracle.segment import ACK, PSH, SYN, Segment, reverse, tcp_packet, udp_packet

Timed = tuple[float, bytes]
_SPACE = 1 << 32


class Talk:
    """A TCP connection as a list of packets: every line is acknowledged at once."""

    def __init__(self, rng: random.Random, ends: Ends, out: list[Timed], now: float) -> None:
        self.ends = (ends, reverse(ends))
        self.out, self.now = out, now
        self.nxt = [rng.randrange(_SPACE), rng.randrange(_SPACE)]
        self._send(0, SYN)
        self._send(1, SYN | ACK)
        self._send(0, ACK)

    def _send(self, side: int, flags: int, payload: bytes = b"") -> None:
        ack = self.nxt[1 - side] if flags & ACK else 0
        segment = Segment(self.nxt[side], ack, flags, 64_240, len(payload),
                          mss=1460 if flags & SYN else None, payload=payload)  # fmt: skip
        self.out.append((self.now, tcp_packet(self.ends[side], segment)))
        self.nxt[side] = segment.end
        self.now += 0.01

    def say(self, side: int, line: str) -> None:
        self._send(side, ACK | PSH, line.encode("ascii"))
        self._send(1 - side, ACK)


def _dotted(address: bytes) -> str:
    if len(address) == 4:
        return ".".join(map(str, address))
    return ":".join(address[at : at + 2].hex() for at in range(0, 16, 2))


def _commas(address: bytes, port: int) -> str:
    return ",".join(map(str, (*address, port >> 8, port & 255)))


def _opening(rng: random.Random, ends: Ends, now: float) -> list[Timed]:
    """The first packets of what was announced, or of what is like it."""
    if ends.proto == UDP:
        return [(now, udp_packet(ends, b"data")), (now + 0.01, udp_packet(reverse(ends), b"more"))]
    out: list[Timed] = []
    Talk(rng, ends, out, now).say(rng.randrange(2), "data\r\n")
    return out


def _follow(rng: random.Random, announced: Ends, now: float) -> list[Timed]:
    """What comes after an announcement."""
    out: list[Timed] = []
    other_port = replace(announced, dport=(announced.dport + 1) & 0xFFFF)
    stranger = replace(announced, src=announced.src[:-1] + bytes([announced.src[-1] ^ 3]))
    again = replace(announced, sport=announced.sport + 7)
    what = rng.choice(("it", "it", "it, again", "other port", "stranger", "late", "nothing"))
    if what == "late":
        now += 700.0
    for word, ends in (("other port", other_port), ("stranger", stranger)):
        if what == word:
            out += _opening(rng, ends, now)
            now += 0.2
    if what != "nothing":
        out += _opening(rng, announced, now)
    if what == "it, again":
        out += _opening(rng, again, now + 0.3)
    return out


def ftp(rng: random.Random, client: bytes, server: bytes, now: float) -> list[Timed]:
    """RFC 959 and RFC 2428: the client listens (PORT, EPRT) or the server does (PASV, EPSV)."""
    out: list[Timed] = []
    talk = Talk(rng, Ends(client, server, TCP, rng.randrange(1024, 65_536), 21), out, now)
    talk.say(1, "220 ready\r\n")
    for line in ("USER anonymous", "331 password", "PASS guest", "230 in"):
        talk.say(int(line[0] in "23"), f"{line}\r\n")
    for _ in range(rng.randint(1, 3)):
        port = rng.randrange(1024, 65_000)
        v4 = len(client) == 4
        if rng.random() < 0.5:
            words = f"EPRT |{1 if v4 else 2}|{_dotted(client)}|{port}|"
            if v4 and rng.random() < 0.5:
                words = f"PORT {_commas(client, port)}"
            talk.say(0, f"{words}\r\n")
            talk.say(1, "200 done\r\n")
            announced = Ends(server, client, TCP, 20, port)
        else:
            extended = not v4 or rng.random() < 0.5
            talk.say(0, "EPSV\r\n" if extended else "PASV\r\n")
            answer = f"229 Entering Extended Passive Mode (|||{port}|)"
            if not extended:
                answer = f"227 Entering Passive Mode ({_commas(server, port)})."
            talk.say(1, f"{answer}\r\n")
            announced = Ends(client, server, TCP, rng.randrange(1024, 65_000), port)
        talk.say(0, "LIST\r\n")
        out += _follow(rng, announced, talk.now + 0.1)
        talk.now = max(talk.now, out[-1][0]) + 0.5
    return out


def irc(rng: random.Random, client: bytes, server: bytes, now: float) -> list[Timed]:
    """DCC: the client offers a file, and somebody comes to fetch it."""
    out: list[Timed] = []
    talk = Talk(rng, Ends(client, server, TCP, rng.randrange(1024, 65_536), 6667), out, now)
    talk.say(0, "NICK a\r\n")
    port = rng.randrange(1024, 65_000)
    address = int.from_bytes(client, "big")
    talk.say(0, f"PRIVMSG b :\x01DCC SEND file.txt {address} {port} 4096\x01\r\n")
    far = bytes((203, 0, 113, rng.randrange(1, 250)))
    return out + _follow(rng, Ends(far, client, TCP, rng.randrange(1024, 65_000), port), talk.now)


def tftp(rng: random.Random, client: bytes, server: bytes, now: float) -> list[Timed]:
    """RFC 1350: the answer comes from a port of its own."""
    sport = rng.randrange(1024, 65_000)
    request = rng.choice((b"\0\1", b"\0\2")) + b"file\0octet\0"
    out = [(now, udp_packet(Ends(client, server, UDP, sport, 69), request))]
    return out + _follow(
        rng, Ends(server, client, UDP, rng.randrange(1024, 65_000), sport), now + 0.1
    )


def _sdp(address: bytes, port: int) -> str:
    return (f"v=0\r\no=a 1 1 IN IP4 {_dotted(address)}\r\ns=-\r\nc=IN IP4 {_dotted(address)}\r\n"
            f"t=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")  # fmt: skip


def _sip(first: str, client: bytes, server: bytes, body: str) -> bytes:
    heads = [
        first,
        f"Via: SIP/2.0/UDP {_dotted(client)}:5060;branch=z9hG4bK776",
        f"From: <sip:a@{_dotted(client)}>;tag=1",
        f"To: <sip:b@{_dotted(server)}>",
        "Call-ID: 7@a",
        "CSeq: 1 INVITE",
        f"Contact: <sip:a@{_dotted(client)}:5060>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(heads) + "\r\n\r\n" + body).encode("ascii")


def sip(rng: random.Random, client: bytes, server: bytes, now: float) -> list[Timed]:
    """RFC 3261 and RFC 4566: both ends say where they want to hear the other."""
    ends = Ends(client, server, UDP, 5060, 5060)
    near, far = (2 * rng.randrange(5000, 20_000) for _ in range(2))
    invite = _sip(f"INVITE sip:b@{_dotted(server)} SIP/2.0", client, server, _sdp(client, near))
    answer = _sip("SIP/2.0 200 OK", client, server, _sdp(server, far))
    out = [(now, udp_packet(ends, invite)), (now + 0.1, udp_packet(reverse(ends), answer))]
    shift = rng.randrange(2)  # RTP, or RTCP on the port above
    if rng.random() < 0.5:
        announced = Ends(server, client, UDP, far + shift, near + shift)
    else:
        announced = Ends(client, server, UDP, near + shift, far + shift)
    return out + _follow(rng, announced, now + 0.2)


DIALOGUES: dict[str, Callable[[random.Random, bytes, bytes, float], list[Timed]]] = {
    "ftp": ftp,
    "irc": irc,
    "tftp": tftp,
    "sip": sip,
}


def announced(rng: random.Random, pairs: list[Ends], n_packets: int) -> list[Timed]:
    """Dialogues one after the other, each between ends of its own."""
    out: list[Timed] = []
    now = 0.0
    for number, pair in enumerate(pairs * 20):
        client = pair.src[:-1] + bytes([10 + number % 240])
        name = rng.choice(("ftp", "ftp", "irc", "tftp", "sip") if len(client) == 4 else ("ftp",))
        out += DIALOGUES[name](rng, client, pair.dst, now)
        now = out[-1][0] + 1.0
        if len(out) >= n_packets:
            break
    return sorted(out, key=lambda timed: timed[0])
