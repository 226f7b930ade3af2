"""An honest end of a TCP connection: RFC 9293 with scaling, SACK and timestamps, no more.

It sends what the application wrote, keeps to the window, retransmits, acknowledges and answers
nonsense as RFC 5961 asks (challenge ACKs). Congestion is a fixed number of segments in flight.
Numbers are counted without wrapping; `segment.tcp_packet` wraps them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.oracle.segment import ACK, FIN, PSH, RST, SYN, URG, Segment

_M, _HALF = 0xFFFFFFFF, 1 << 31
_RTO_S, _LONGEST_RTO_S, _TRIES = 0.6, 8.0, 5
_DELAYED_ACK_S = 0.04
_DATA_STATES = ("established", "close_wait", "fin_wait_1", "closing", "last_ack")


@dataclass(frozen=True, slots=True)
class Habits:
    """How a machine does TCP."""

    mss: int = 1460
    wscale: int | None = 7
    sack: bool = True
    timestamps: bool = True
    buffer: int = 65_535
    """Bytes it would hold unread."""
    in_flight: int = 8
    """Segments sent before an acknowledgement is awaited."""
    probes_with_data: bool = False
    """Into a zero window it sends a byte, not an empty segment below the window."""
    delays_acks: bool = True


class Endpoint:
    """One end. What it sends is collected in `out`; `due` is when `tick` wants to be called."""

    def __init__(self, habits: Habits, isn: int, *, listens: bool = False) -> None:
        self.habits = habits
        self.state = "listen" if listens else "closed"
        self.listens = listens
        self.out: list[Segment] = []
        self.isn = isn
        self.buffer = habits.buffer
        self.reads = True
        self._begin(isn)

    def _begin(self, isn: int) -> None:
        self.isn = self.una = self.nxt = self.written = isn
        self.rcv_nxt = 0
        self.wnd = 0
        self.scale_in = self.scale_out = 0
        self.sack_ok = self.stamps_ok = False
        self.closing = False
        self.fin: int | None = None
        self.unread = 0
        self.held: list[tuple[int, int]] = []
        self.peer_fin: int | None = None
        self.tsecr = 0
        self.n_tries, self.n_duplicates, self.n_unacked = 0, 0, 0
        self.timer: float | None = None
        self.ack_at: float | None = None
        self.urgent_until = 0

    # --- the application --------------------------------------------------------------------

    def open(self, now: float, isn: int | None = None) -> None:
        self._begin(self.isn if isn is None else isn)
        self.state = "syn_sent"
        self.nxt = self.written = self.isn + 1
        self._send_syn(now)

    def write(self, n_bytes: int, now: float, *, urgent: bool = False) -> None:
        if self.state in ("closed", "listen", "time_wait") or self.closing:
            return
        self.written += n_bytes
        if urgent:
            self.urgent_until = self.written
        self._flush(now)

    def close(self, now: float) -> None:
        if self.state in ("syn_sent", "listen"):
            self._drop()
        else:
            self.closing = True
            self._flush(now)

    def abort(self, now: float) -> None:
        if self.state not in ("closed", "listen", "time_wait"):
            self._emit(RST | ACK, now, seq=self.nxt)
        self._drop()

    def forget(self) -> None:
        """It loses power: no segment says so."""
        self._drop()

    def stop_reading(self) -> None:
        self.reads = False

    def read(self, now: float) -> None:
        self.reads, self.unread = True, 0
        if self.state in _DATA_STATES or self.state == "fin_wait_2":
            self._emit(ACK, now)

    def shrink(self, n_bytes: int, now: float) -> None:
        """Takes back window that it offered (RFC 9293 3.8: should not, but some do)."""
        self.buffer = max(0, self.buffer - n_bytes)
        if self.state in _DATA_STATES:
            self._emit(ACK, now)

    def keep_alive(self, now: float, *, with_byte: bool = False) -> None:
        """RFC 9293 3.8.4: a segment just below the window."""
        if self.state in ("established", "close_wait"):
            self._emit(ACK, now, seq=self.nxt - 1, length=int(with_byte))

    # --- time -------------------------------------------------------------------------------

    @property
    def due(self) -> float | None:
        times = [at for at in (self.timer, self.ack_at) if at is not None]
        return min(times) if times else None

    def tick(self, now: float) -> None:
        if self.ack_at is not None and now >= self.ack_at:
            self._emit(ACK, now)
        if self.timer is None or now < self.timer:
            return
        if self.state == "time_wait" or self.n_tries >= _TRIES:
            self._drop()
            return
        self.n_tries += 1
        if self.state in ("syn_sent", "syn_recv"):
            self._send_syn(now)
        elif self.una == self.nxt:
            self._probe(now)
        else:
            self._retransmit(now)

    def _restart(self, now: float) -> None:
        self.timer = now + min(_LONGEST_RTO_S, _RTO_S * 2**self.n_tries)

    def _probe(self, now: float) -> None:
        if self.wnd == 0 and (self.written > self.nxt or (self.closing and self.fin is None)):
            if self.habits.probes_with_data and self.written > self.nxt:
                self._emit(ACK, now, length=1)
            else:
                self._emit(ACK, now, seq=self.nxt - 1)
            self._restart(now)
        else:
            self.timer = None

    def _retransmit(self, now: float) -> None:
        data_end = self.fin if self.fin is not None else self.nxt
        length = min(self.habits.mss, data_end - self.una)
        fin = FIN if self.fin is not None and self.una + length == self.fin else 0
        self._emit(ACK | fin, now, seq=self.una, length=length)
        self._restart(now)

    # --- sending ----------------------------------------------------------------------------

    def _window(self) -> int:
        space = max(0, self.buffer - self.unread)
        return min(65_535, space >> self.scale_out)

    def _emit(self, flags: int, now: float, *, seq: int | None = None, length: int = 0) -> None:
        seq = self.nxt if seq is None else seq
        urgent = max(0, min(65_535, self.urgent_until - seq)) if length else 0
        self.out.append(
            Segment(
                seq,
                self.rcv_nxt if flags & ACK else 0,
                flags | (URG if urgent else 0),
                0 if flags & RST else self._window(),
                length,
                stamps=(int(now * 1000), self.tsecr) if self.stamps_ok else None,
                sack=tuple(self.held[:3]) if self.sack_ok and flags & ACK else (),
                urgent=urgent,
            )
        )
        if flags & ACK:
            self.ack_at, self.n_unacked = None, 0

    def _send_syn(self, now: float) -> None:
        """SYN, or SYN/ACK with what the peer offered too."""
        answers = self.state == "syn_recv"
        habits = self.habits
        stamps = habits.timestamps and (self.stamps_ok or not answers)
        self.out.append(
            Segment(
                self.isn,
                self.rcv_nxt if answers else 0,
                SYN | ACK if answers else SYN,
                min(65_535, self.buffer),
                mss=habits.mss,
                wscale=habits.wscale if not answers or self.scale_known else None,
                sack_permitted=habits.sack and (self.sack_ok or not answers),
                stamps=(int(now * 1000), self.tsecr) if stamps else None,
            )
        )
        self._restart(now)

    def _flush(self, now: float) -> None:
        if self.state not in _DATA_STATES:
            return
        habits = self.habits
        while self.fin is None and self.written > self.nxt:
            room = min(self.una + self.wnd, self.una + habits.in_flight * habits.mss) - self.nxt
            length = min(habits.mss, self.written - self.nxt, room)
            if length <= 0:
                break
            last = length == self.written - self.nxt
            self._emit(ACK | (PSH if last else 0), now, length=length)
            self.nxt += length
        if self.closing and self.fin is None and self.written == self.nxt:
            self._emit(ACK | FIN, now)
            self.fin = self.nxt
            self.nxt += 1
            self.state = "fin_wait_1" if self.state == "established" else "last_ack"
        if self.timer is None and (self.una < self.nxt or self.written > self.nxt):
            self._restart(now)

    def _drop(self) -> None:
        self.state = "listen" if self.listens else "closed"
        self.timer = self.ack_at = None

    # --- receiving --------------------------------------------------------------------------

    def receive(self, segment: Segment, now: float, isn: int) -> None:
        """Takes a segment; `isn` is for the connection that a SYN may begin."""
        flags = segment.flags
        if self.state == "closed" or (self.state == "listen" and not flags & SYN):
            self._refuse(segment)
        elif self.state == "listen":
            if not flags & (RST | ACK):
                self._accept(segment, now, isn)
        elif self.state == "syn_sent":
            self._receive_in_syn_sent(segment, now)
        elif self.state == "time_wait" and flags & (SYN | ACK | RST) == SYN and self.listens:
            self._accept(segment, now, max(isn, self.nxt + 1))
        else:
            self._receive_synchronized(segment, now)

    def _refuse(self, segment: Segment) -> None:
        if segment.flags & RST:
            return
        if segment.flags & ACK:
            self.out.append(Segment(segment.ack, 0, RST))
        else:
            self.out.append(Segment(0, segment.end, RST | ACK))

    def _learn(self, segment: Segment) -> None:
        """What a SYN says of the other end."""
        self.rcv_nxt = segment.seq + 1
        habits = self.habits
        self.scale_known = segment.wscale is not None and habits.wscale is not None
        if segment.wscale is not None and habits.wscale is not None:
            self.scale_in, self.scale_out = min(14, segment.wscale), min(14, habits.wscale)
        self.sack_ok = habits.sack and segment.sack_permitted
        self.stamps_ok = habits.timestamps and segment.stamps is not None
        if segment.stamps:
            self.tsecr = segment.stamps[0]
        self.wnd = segment.window

    scale_known = False

    def _accept(self, segment: Segment, now: float, isn: int) -> None:
        self._begin(isn)
        self.state = "syn_recv"
        self.nxt = self.written = isn + 1
        self._learn(segment)
        self._send_syn(now)

    def _receive_in_syn_sent(self, segment: Segment, now: float) -> None:
        flags = segment.flags
        if flags & ACK and (segment.ack - self.nxt) & _M:
            self._refuse(segment)
        elif flags & RST:
            if flags & ACK:
                self._drop()
        elif flags & SYN:
            self._learn(segment)
            self.n_tries = 0
            if flags & ACK:
                self.una, self.state, self.timer = self.nxt, "established", None
                self._emit(ACK, now)
                self._flush(now)
            else:  # both opened at once
                self.state = "syn_recv"
                self._send_syn(now)

    def _unwrapped(self, number: int, near: int) -> int:
        return near + (number - near + _HALF & _M) - _HALF

    def _receive_synchronized(self, segment: Segment, now: float) -> None:
        seq = self._unwrapped(segment.seq, self.rcv_nxt)
        end = seq + segment.length + bool(segment.flags & FIN) + bool(segment.flags & SYN)
        space = max(0, self.buffer - self.unread)
        right = self.rcv_nxt + space
        acceptable = (
            self.rcv_nxt <= seq < right or self.rcv_nxt < end <= right or seq == self.rcv_nxt
        )
        if segment.flags & RST:
            if seq == self.rcv_nxt:
                self._drop()
            elif acceptable:
                self._emit(ACK, now)
            return
        if self.state == "syn_recv" and segment.flags & SYN and segment.flags & ACK:
            # The other half of a simultaneous open.
            self.state, self.una, self.timer, self.n_tries = "established", self.nxt, None, 0
            self._emit(ACK, now)
            self._flush(now)
            return
        if not acceptable or segment.flags & SYN:
            self._emit(ACK, now)
            return
        if not segment.flags & ACK:
            return
        if not self._take_ack(segment, now):
            return
        if segment.stamps and seq <= self.rcv_nxt:
            self.tsecr = segment.stamps[0]
        self._take_data(seq, segment, now)
        self._flush(now)

    def _take_ack(self, segment: Segment, now: float) -> bool:
        ack = self._unwrapped(segment.ack, self.una)
        if ack > self.nxt:
            self._emit(ACK, now)
            return False
        if self.state == "syn_recv":
            if ack != self.nxt:
                self._refuse(segment)
                return False
            self.state = "established"
        self.wnd = segment.window << self.scale_in
        if ack > self.una:
            self.una, self.n_tries, self.n_duplicates = ack, 0, 0
            self.timer = None
            if self.una < self.nxt:
                self._restart(now)
            if self.fin is not None and ack > self.fin:
                self._fin_acknowledged(now)
        elif ack == self.una < self.nxt and not segment.length and not segment.flags & FIN:
            self.n_duplicates += 1
            if self.n_duplicates == 3:
                self._retransmit(now)
        return True

    def _fin_acknowledged(self, now: float) -> None:
        if self.state == "fin_wait_1":
            self.state = "fin_wait_2"
        elif self.state == "closing":
            self._wait_out(now)
        elif self.state == "last_ack":
            self._drop()

    def _wait_out(self, now: float) -> None:
        self.state, self.timer, self.n_tries = "time_wait", now + 60.0, 0

    def _take_data(self, seq: int, segment: Segment, now: float) -> None:
        end = seq + segment.length
        if segment.flags & FIN:
            self.peer_fin = end
        if segment.length and end > self.rcv_nxt:
            if seq > self.rcv_nxt:
                self._hold(seq, end)
            else:
                self._deliver(end)
        fin_now = self.peer_fin is not None and self.rcv_nxt == self.peer_fin
        if fin_now:
            self.rcv_nxt += 1
            self.peer_fin = None
            self._peer_finished(now)
        if segment.length or segment.flags & FIN:
            self.n_unacked += 1
            waits = self.habits.delays_acks and self.n_unacked < 2
            if waits and not self.held and not fin_now and seq <= self.rcv_nxt:
                self.ack_at = now + _DELAYED_ACK_S
            else:
                self._emit(ACK, now)

    def _hold(self, seq: int, end: int) -> None:
        merged = [(seq, end)]
        for left, right in self.held:
            first, last = merged[0]
            if right < first or left > last:
                merged.append((left, right))
            else:
                merged[0] = (min(left, first), max(right, last))
        self.held = merged

    def _deliver(self, end: int) -> None:
        before = self.rcv_nxt
        self.rcv_nxt = end
        for left, right in sorted(self.held):
            if left <= self.rcv_nxt:
                self.rcv_nxt = max(self.rcv_nxt, right)
        self.held = [block for block in self.held if block[0] > self.rcv_nxt]
        if not self.reads:
            self.unread += self.rcv_nxt - before

    def _peer_finished(self, now: float) -> None:
        if self.state == "established":
            self.state = "close_wait"
        elif self.state == "fin_wait_1":
            self.state = "closing"
        elif self.state == "fin_wait_2":
            self._wait_out(now)


def without_scale(segment: Segment) -> Segment:
    """What a middlebox makes of a SYN whose options it does not like."""
    return replace(segment, wscale=None)
