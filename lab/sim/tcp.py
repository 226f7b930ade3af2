"""One end of a TCP connection (RFC 9293): handshake, data, loss recovery, close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lab.sim.agreement import agree, offer
from lab.sim.packets import ACK, FIN, PSH, RST, SYN, TCP, Packet
from lab.sim.reassembly import Reassembly

if TYPE_CHECKING:
    from lab.sim.host import Host

_TS_ON_SEGMENT = ("nop", "nop", "ts")
_SACK_ON_SEGMENT = ("nop", "nop", "sack")
_FIRST_CWND = 10
_SYN_RTO_S = 1.0
_DATA_RTO_S = 0.4
_MAX_TRIES = 6
_DELAYED_ACK_S = 0.04
_RECEIVE_BUFFER_BYTES = 262_144


class Application(Protocol):
    """Who uses the connection."""

    def opened(self, end: End) -> None: ...
    def received(self, end: End, n_bytes: int) -> None: ...
    def peer_closed(self, end: End) -> None: ...
    def failed(self, end: End) -> None: ...


class End:
    """State of one end. Sequence numbers grow without wrapping; the wire takes them modulo 2^32."""

    def __init__(
        self, host: Host, port: int, peer: int, peer_port: int, application: Application
    ) -> None:
        self.host = host
        self.port = port
        self.peer = peer
        self.peer_port = peer_port
        self.done = False
        self._application = application
        self._offset = host.ts_offset(port, peer, peer_port)
        self._use = offer(host.stack)
        self._iss = host.rng.getrandbits(32)
        self._plan: object = None
        self._opened = False
        self._stream = bytearray()
        self._una = self._nxt = self._iss
        self._closing = False
        self._fin_seq: int | None = None
        self._peer_fin_seq: int | None = None
        self._cwnd = float(_FIRST_CWND)
        self._recover = self._iss
        self._n_duplicates = 0
        self._n_tries = 0
        self._timer = 0
        self._heard = Reassembly()
        self._n_unacked_segments = 0
        self._ack_due = False
        self._ts_recent = 0
        self._syn_flags = SYN
        self._peer_window_bytes = 0

    # -- what the application does

    def open(self, plan: object) -> None:
        """Send a SYN; ``plan`` rides on it to tell the server what it will say."""
        self._plan = plan
        self._send_syn()

    def send(self, payload: bytes) -> None:
        if not self._closing:
            self._stream += payload
            self._push()

    def close(self) -> None:
        self._closing = True
        self._push()

    def die(self) -> None:
        """The host is gone: not a packet more."""
        self.done = True
        self._timer += 1

    # -- sending

    def _emit(self, flags: int, seq: int, payload: bytes = b"") -> None:
        if self.done:
            return
        host = self.host
        syn = host.stack.syn
        # Linux answers SYNs before there is a socket to count on.
        socketless = flags & (SYN | ACK) == SYN | ACK and host.stack.ip_id.rule == "socket"
        number = 0 if socketless else host.ip_id(self.peer, id_of(self))
        p = Packet(
            TCP,
            host.ip,
            self.port,
            self.peer,
            self.peer_port,
            syn.ttl,
            number,
            syn.df,
            payload,
            flags,
            seq,
            self._heard.nxt if flags & ACK else 0,
            syn.window if flags & SYN else min(65535, self._window_bytes() >> self._use.wscale),
        )
        if self._use.timestamps:
            p.tsval = host.ticks() + self._offset
            p.tsecr = self._ts_recent
        if flags & SYN:
            p.options, p.mss, p.wscale = self._use.syn_options, syn.mss, syn.wscale
            p.plan = self._plan
        else:
            p.options = _TS_ON_SEGMENT if self._use.timestamps else ()
            if self._use.sack and not payload and (block := self._heard.block()):
                p.options += _SACK_ON_SEGMENT
                p.sack = block
        if flags & ACK:
            self._n_unacked_segments = 0
            self._ack_due = False
        host.transmit(p)

    def _window_bytes(self) -> int:
        return _RECEIVE_BUFFER_BYTES if self._use.wscale else self.host.stack.syn.window

    def _send_syn(self) -> None:
        self._nxt = self._iss + 1
        self._emit(self._syn_flags, self._iss)
        self._arm(_SYN_RTO_S)

    def _push(self) -> None:
        if not self._opened or self.done:
            return
        end_of_stream = self._iss + 1 + len(self._stream)
        congested = self._una + int(self._cwnd) * self._use.segment_bytes
        sendable = min(end_of_stream, self._una + self._peer_window_bytes)
        sent = False
        while self._nxt < sendable and self._nxt < congested:
            self._nxt += self._send_data(self._nxt, sendable)
            sent = True
        if self._closing and self._nxt == end_of_stream and self._fin_seq is None:
            self._fin_seq = end_of_stream
            self._nxt = end_of_stream + 1
            self._emit(FIN | ACK, end_of_stream)
            sent = True
        if sent:
            self._arm(_DATA_RTO_S)

    def _send_data(self, seq: int, end: int) -> int:
        at = seq - self._iss - 1
        payload = bytes(self._stream[at : at + min(self._use.segment_bytes, end - seq)])
        last = at + len(payload) == len(self._stream)
        self._emit(ACK | PSH if last else ACK, seq, payload)
        return len(payload)

    def _repeat_first(self) -> None:
        if self._una == self._iss:
            self._emit(self._syn_flags, self._iss)
        elif self._una == self._fin_seq:
            self._emit(FIN | ACK, self._una)
        elif self._una < self._nxt:
            self._send_data(self._una, self._fin_seq or self._nxt)

    def _arm(self, delay_s: float) -> None:
        self._timer += 1
        self.host.loop.after(delay_s * 2**self._n_tries, self._timeout, self._timer, delay_s)

    def _timeout(self, timer: int, delay_s: float) -> None:
        if timer != self._timer or self.done or self._una == self._nxt:
            return
        self._n_tries += 1
        if self._n_tries > _MAX_TRIES:
            self.done = True
            self.host.forget(self)
            self._application.failed(self)
            return
        self._cwnd = 2.0
        self._recover = self._nxt
        self._repeat_first()
        self._arm(delay_s)

    # -- receiving

    def receive(self, p: Packet) -> None:
        if self.done:
            if p.flags & FIN:  # our last ACK was lost
                self.done = False
                self._emit(ACK, self._nxt)
                self.done = True
            return
        if p.flags & RST:
            self.die()
            self.host.forget(self)
            self._application.failed(self)
            return
        if p.flags & SYN:
            self._receive_syn(p)
            return
        if p.tsval is not None and p.seq <= self._heard.nxt:
            self._ts_recent = p.tsval
        if p.flags & ACK:
            self._receive_ack(p)
        self._receive_data(p)
        self._finish_if_over()

    def _receive_syn(self, p: Packet) -> None:
        if self._heard.nxt:  # seen before
            if self._una == self._iss:
                self._repeat_first()
            else:
                self._emit(ACK, self._nxt)
            return
        answering = not p.flags & ACK
        self._heard.nxt = p.seq + 1
        self._use = agree(self.host.stack, p)
        self._ts_recent = p.tsval or 0
        self._peer_window_bytes = p.window
        if answering:
            self._syn_flags = SYN | ACK
            self._send_syn()
            return
        self._una = p.ack
        self._established()
        self._emit(ACK, self._nxt)
        self._application.opened(self)

    def _established(self) -> None:
        self._opened = True
        self._n_tries = 0
        self._timer += 1

    def _receive_ack(self, p: Packet) -> None:
        if p.ack > self._nxt:
            return
        self._peer_window_bytes = p.window << self._use.peer_wscale
        if p.ack > self._una:
            was_opening = not self._opened
            self._cwnd += (p.ack - self._una) / self._use.segment_bytes
            self._una = p.ack
            self._n_duplicates = self._n_tries = 0
            if was_opening:
                self._established()
                self._application.opened(self)
            elif self._una < self._recover:
                self._repeat_first()
            self._push()
            if self._una < self._nxt:
                self._arm(_DATA_RTO_S)
        elif self._una < self._nxt and not p.payload and not p.flags & FIN:
            self._n_duplicates += 1
            if self._n_duplicates == 3 and self._una >= self._recover:
                self._recover = self._nxt
                self._cwnd = max(2.0, self._cwnd / 2)
                self._repeat_first()

    def _receive_data(self, p: Packet) -> None:
        size = len(p.payload)
        if p.flags & FIN:
            self._peer_fin_seq = p.seq + size
        if not size and not p.flags & FIN:
            return
        early = p.seq > self._heard.nxt
        fresh = self._heard.add(p.seq, size)
        if early or (size and not fresh):  # before its turn, or a second time
            self._emit(ACK, self._nxt)
            return
        if self._peer_fin_seq == self._heard.nxt:
            self._heard.nxt += 1
            self._emit(ACK, self._nxt)
            if fresh > 0:
                self._application.received(self, fresh)
            self._application.peer_closed(self)
            return
        if p.flags & FIN:
            self._emit(ACK, self._nxt)
        if fresh > 0:
            self._acknowledge()
            self._application.received(self, fresh)

    def _acknowledge(self) -> None:
        self._n_unacked_segments += 1
        if self._n_unacked_segments >= 2:
            self._emit(ACK, self._nxt)
        elif not self._ack_due:
            self._ack_due = True
            self.host.loop.after(_DELAYED_ACK_S, self._acknowledge_late)

    def _acknowledge_late(self) -> None:
        if self._ack_due:
            self._emit(ACK, self._nxt)

    def _finish_if_over(self) -> None:
        fin_acked = self._fin_seq is not None and self._una > self._fin_seq
        peer_closed = self._peer_fin_seq is not None and self._heard.nxt > self._peer_fin_seq
        if fin_acked and peer_closed:
            self.done = True
            self._timer += 1
            self.host.forget(self)


def id_of(end: End) -> tuple[int, int, int, int]:
    """The socket that counts identifications: a later one on the same ports is another."""
    return end.port, end.peer, end.peer_port, end._iss
