//! What a segment does to its stream: sent again, out of order, a window full, an acknowledgement
//! of bytes that nobody saw.
//!
//! The marks are those of Wireshark's TCP analysis, by the rules of its User's Guide, 7.5
//! ("TCP Analysis"); where the guide is silent they were found by asking tshark. Each segment
//! is judged against what came before it, never again in hindsight. All numbers are serial
//! numbers (RFC 1982): they wrap around.

use super::flight::{Flight, beyond};
use super::gaps::Gaps;
use super::rtt::{RoundTrips, Sent, Timer};
use crate::decode::Tcp;
use crate::decode::flags::{ACK, FIN, RST, SYN};

/// A hole that is filled sooner than this was reordered, not sent again, where the round
/// trip of the handshake is not known.
const REORDERING_NS: i64 = 3_000_000;
/// A segment that follows duplicate acknowledgements this soon answers them.
const FAST_NS: i64 = 20_000_000;
/// Duplicate acknowledgements that ask for a segment again.
const ASKING: u32 = 2;
/// RFC 7323, 2.3.
const MAX_SCALE: u8 = 14;

/// One mark, a bit of [`Marks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Mark {
    /// Bytes that were sent before, or a SYN or FIN.
    Retransmission = 1,
    /// Of these: what duplicate acknowledgements asked for.
    FastRetransmission = 1 << 1,
    /// Of these: what was acknowledged already.
    SpuriousRetransmission = 1 << 2,
    /// Fills a hole so soon that it must have been under way.
    OutOfOrder = 1 << 3,
    /// Bytes before it are missing.
    LostSegment = 1 << 4,
    /// It acknowledges bytes that were not seen.
    AckLostSegment = 1 << 5,
    /// It acknowledges what the one before did, and nothing else.
    DuplicateAck = 1 << 6,
    /// Its sender takes nothing more.
    ZeroWindow = 1 << 7,
    /// One byte, sent to see whether a window opened.
    ZeroWindowProbe = 1 << 8,
    /// The answer: it did not.
    ZeroWindowProbeAck = 1 << 9,
    /// It says no more than that the window changed.
    WindowUpdate = 1 << 10,
    /// It fills the receiver's window.
    WindowFull = 1 << 11,
    /// Sent to see whether the other side is there.
    KeepAlive = 1 << 12,
    /// The answer: it is.
    KeepAliveAck = 1 << 13,
    /// A SYN on the ports of an earlier connection.
    ReusedPorts = 1 << 14,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 15] = [
        Self::Retransmission,
        Self::FastRetransmission,
        Self::SpuriousRetransmission,
        Self::OutOfOrder,
        Self::LostSegment,
        Self::AckLostSegment,
        Self::DuplicateAck,
        Self::ZeroWindow,
        Self::ZeroWindowProbe,
        Self::ZeroWindowProbeAck,
        Self::WindowUpdate,
        Self::WindowFull,
        Self::KeepAlive,
        Self::KeepAliveAck,
        Self::ReusedPorts,
    ];

    /// Its name, tshark's behind `tcp.analysis.`
    pub fn name(self) -> &'static str {
        match self {
            Self::Retransmission => "retransmission",
            Self::FastRetransmission => "fast_retransmission",
            Self::SpuriousRetransmission => "spurious_retransmission",
            Self::OutOfOrder => "out_of_order",
            Self::LostSegment => "lost_segment",
            Self::AckLostSegment => "ack_lost_segment",
            Self::DuplicateAck => "duplicate_ack",
            Self::ZeroWindow => "zero_window",
            Self::ZeroWindowProbe => "zero_window_probe",
            Self::ZeroWindowProbeAck => "zero_window_probe_ack",
            Self::WindowUpdate => "window_update",
            Self::WindowFull => "window_full",
            Self::KeepAlive => "keep_alive",
            Self::KeepAliveAck => "keep_alive_ack",
            Self::ReusedPorts => "reused_ports",
        }
    }
}

/// A set of marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u16);

impl Marks {
    /// Adds one.
    pub fn add(&mut self, mark: Mark) {
        self.0 |= mark as u16;
    }

    /// Whether it is among them.
    pub fn has(self, mark: Mark) -> bool {
        self.0 & mark as u16 != 0
    }

    /// They, in the order of [`Mark::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(move |mark| self.has(*mark))
    }

    /// There are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What one segment was found to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Its marks.
    pub marks: Marks,
    /// The how manyeth duplicate of an acknowledgement it is; 0: none.
    pub duplicate_ack: u32,
    /// Bytes of this side neither acknowledged nor reported by SACK yet, this segment's
    /// included; None: it sends none, or how many were sent before is not known.
    pub bytes_in_flight: Option<u32>,
}

/// What one side of a connection did, in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Segments marked as retransmissions, fast and spurious ones included.
    pub n_retransmitted: u64,
    /// Segments out of order.
    pub n_out_of_order: u64,
    /// Segments that announced a window of zero.
    pub n_zero_windows: u64,
    /// Duplicate acknowledgements.
    pub n_duplicate_acks: u64,
    /// Bytes of this side that the other acknowledged and that were not captured.
    pub missing_bytes: u64,
    /// From data of the other side to this side's acknowledgement of it.
    pub round_trips: RoundTrips,
}

/// The segment as it is judged.
#[derive(Clone, Copy)]
struct Segment<'a> {
    tcp: &'a Tcp,
    time_ns: i64,
    /// Payload bytes.
    len: u32,
    /// Payload, and one for SYN or FIN: one also for both, as tshark reckons what no honest
    /// end sends.
    span: u32,
}

impl Segment<'_> {
    fn has(&self, flags: u16) -> bool {
        self.tcp.flags & flags != 0
    }

    fn end(&self) -> u32 {
        self.tcp.seq.wrapping_add(self.span)
    }

    /// It belongs to the stream: no reset, whose numbers may be anything.
    fn is_orderly(&self) -> bool {
        !self.has(RST)
    }

    /// Neither opens nor closes.
    fn is_plain(&self) -> bool {
        !self.has(SYN | FIN | RST)
    }
}

/// What is known of one side.
#[derive(Clone, Debug, Default)]
struct Half {
    /// Its SYN's sequence number, or the one before the first seen of it, or acknowledged.
    isn: Option<u32>,
    /// Sequence number that follows the highest seen, and when it was reached.
    next: Option<(u32, i64)>,
    /// The most that the other side can acknowledge by what was captured; None after it
    /// acknowledged more, until its stream can be followed again.
    acknowledgeable: Option<u32>,
    /// It was found again behind a missing segment.
    is_behind: bool,
    /// Its latest acknowledgement, and when it came.
    ack: Option<(u32, i64)>,
    window: u16,
    /// A SYN announced that window: it is in bytes (RFC 7323, 2.2).
    window_is_plain: bool,
    /// Scale of its SYN: None where no SYN was seen, Some(None) where it had none.
    scale: Option<Option<u8>>,
    n_duplicate_acks: u32,
    last_marks: Marks,
    flight: Flight,
    /// Of these, what the latest acknowledgement says has arrived.
    sacked_bytes: u32,
    /// A segment is missing, and nothing was acknowledged since.
    flight_is_unknown: bool,
    gaps: Gaps,
    timer: Timer,
    totals: Totals,
}

/// Both sides of one connection.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    halves: [Half; 2],
    syn_ns: Option<i64>,
    /// From the SYN to the first acknowledgement without one: that of the handshake, as a rule.
    handshake_ns: Option<i64>,
}

impl Analysis {
    /// What goes on where a flow is cut in two, or another one follows on the same ports: all
    /// but what was counted.
    pub fn rest(&self) -> Self {
        let mut rest = self.clone();
        for half in &mut rest.halves {
            half.totals = Totals::default();
            half.gaps.settle();
        }
        rest
    }

    /// Both sides' totals, in the order of `sides`.
    pub fn totals(&self) -> [Totals; 2] {
        [0, 1].map(|side| {
            let half = &self.halves[side];
            Totals {
                missing_bytes: half.gaps.missing_bytes(),
                ..half.totals
            }
        })
    }

    /// Judges a segment that `side` (0 or 1) sent, and learns from it.
    pub fn push(&mut self, side: usize, tcp: &Tcp, payload_len: u32, time_ns: i64) -> Finding {
        let segment = Segment {
            tcp,
            time_ns,
            len: payload_len,
            span: payload_len.wrapping_add(u32::from(tcp.flags & (SYN | FIN) != 0)),
        };
        let mut finding = Finding::default();
        if segment.has(SYN) {
            self.open(side, &segment, &mut finding.marks);
        }
        self.follow_handshake(&segment);
        let threshold_ns = self.handshake_ns.unwrap_or(REORDERING_NS);
        let [first, second] = &mut self.halves;
        let (own, peer) = if side == 0 {
            (first, second)
        } else {
            (second, first)
        };
        let marks = &mut finding.marks;

        judge(own, peer, &segment, threshold_ns, marks);
        if marks.has(Mark::DuplicateAck) {
            own.n_duplicate_acks = own.n_duplicate_acks.saturating_add(1);
            finding.duplicate_ack = own.n_duplicate_acks;
        }
        own.time(&segment, *marks);
        own.learn(&segment, *marks);
        if segment.has(ACK) {
            peer.acknowledged(tcp, *marks);
            if segment.is_orderly() {
                let tsecr = tcp.options.timestamps.map(|(_, tsecr)| tsecr);
                let rtt_ns = peer.timer.acknowledged(tcp.ack, tsecr, time_ns);
                own.totals.round_trips.push(rtt_ns);
            }
        }
        finding.bytes_in_flight = own.send(&segment, *marks);
        own.count(*marks);
        finding
    }

    /// A SYN begins the stream of its side; another number begins another connection.
    fn open(&mut self, side: usize, segment: &Segment<'_>, marks: &mut Marks) {
        let known = self.halves[side].isn;
        let is_another = known.is_some_and(|isn| isn != segment.tcp.seq);
        let opens = !segment.has(ACK);
        if is_another {
            marks.add(Mark::ReusedPorts);
        }
        if is_another && opens {
            let totals = self.totals();
            *self = Self::default();
            for (half, totals) in self.halves.iter_mut().zip(totals) {
                half.gaps.carry(totals.missing_bytes);
                half.totals = totals;
            }
        }
        let half = &mut self.halves[side];
        half.scale = Some(segment.tcp.options.wscale.map(|scale| scale.min(MAX_SCALE)));
        if opens {
            self.syn_ns = Some(segment.time_ns);
        }
    }

    fn follow_handshake(&mut self, segment: &Segment<'_>) {
        if let Some(syn_ns) = self.syn_ns
            && segment.has(ACK)
            && !segment.has(SYN)
            && self.handshake_ns.is_none()
        {
            self.handshake_ns = Some(segment.time_ns.saturating_sub(syn_ns));
        }
    }
}

/// Marks a segment by what both sides did before.
fn judge(own: &Half, peer: &Half, segment: &Segment<'_>, threshold_ns: i64, marks: &mut Marks) {
    let tcp = segment.tcp;
    let next = own.next.map(|(next, _)| next);
    let ahead = next.map(|next| beyond(tcp.seq, next));
    let repeats_ack = own.ack.is_some_and(|(ack, _)| ack == tcp.ack);
    let is_bare = segment.len == 0 && segment.is_plain() && ahead == Some(0);

    if tcp.window == 0 && segment.is_plain() {
        marks.add(Mark::ZeroWindow);
    }
    if segment.len == 1 && ahead == Some(0) && peer.ack.is_some() && peer.window == 0 {
        marks.add(Mark::ZeroWindowProbe);
    } else {
        if ahead.is_some_and(|ahead| ahead > 0) && !segment.has(RST) {
            marks.add(Mark::LostSegment);
        }
        if segment.len <= 1 && ahead == Some(-1) && segment.is_plain() {
            marks.add(Mark::KeepAlive);
        }
        if segment.len > 0 && segment.is_plain() && fills_window(own, peer, segment) {
            marks.add(Mark::WindowFull);
        }
        if is_bare && repeats_ack {
            judge_bare(own, peer, tcp, marks);
        }
    }
    if segment.has(ACK)
        && let Some(most) = peer.acknowledgeable
        && beyond(tcp.ack, most) > 0
    {
        marks.add(Mark::AckLostSegment);
    }
    let says_something = segment.len > 0 || segment.has(SYN | FIN);
    if !says_something || marks.has(Mark::KeepAlive) {
        return;
    }
    if segment.len > 0
        && peer
            .ack
            .is_some_and(|(ack, _)| beyond(segment.end(), ack) <= 0)
    {
        marks.add(Mark::SpuriousRetransmission);
        marks.add(Mark::Retransmission);
    } else if ahead.is_some_and(|ahead| ahead < 0) {
        judge_repeated(own, peer, segment, threshold_ns, marks);
    }
}

/// A segment that carries nothing but an acknowledgement known already.
fn judge_bare(own: &Half, peer: &Half, tcp: &Tcp, marks: &mut Marks) {
    if tcp.window == 0 {
        if own.window == 0 && peer.last_marks.has(Mark::ZeroWindowProbe) {
            marks.add(Mark::ZeroWindowProbeAck);
        }
    } else if tcp.window != own.window {
        marks.add(Mark::WindowUpdate);
    } else if peer.last_marks.has(Mark::KeepAlive) {
        marks.add(Mark::KeepAliveAck);
    } else {
        marks.add(Mark::DuplicateAck);
    }
}

/// Bytes, a SYN or a FIN below what was reached before.
fn judge_repeated(
    own: &Half,
    peer: &Half,
    segment: &Segment<'_>,
    threshold_ns: i64,
    marks: &mut Marks,
) {
    let Some((next, reached_ns)) = own.next else {
        return;
    };
    let seq = segment.tcp.seq;
    // The byte of a probe that was not taken is sent again with more.
    if segment.len > 1 && beyond(seq, next) == -1 {
        return;
    }
    let since = |then_ns: i64| segment.time_ns.saturating_sub(then_ns);
    if let Some((ack, ack_ns)) = peer.ack
        && peer.n_duplicate_acks >= ASKING
        && seq == ack
        && (0..FAST_NS).contains(&since(ack_ns))
    {
        marks.add(Mark::FastRetransmission);
        marks.add(Mark::Retransmission);
    } else if (0..threshold_ns).contains(&since(reached_ns)) && segment.end() != next {
        marks.add(Mark::OutOfOrder);
    } else {
        marks.add(Mark::Retransmission);
    }
}

/// The segment reaches the edge of the window that the other side announced.
fn fills_window(own: &Half, peer: &Half, segment: &Segment<'_>) -> bool {
    let Some((ack, _)) = peer.ack else {
        return false;
    };
    // Scales count where both sides offered one.
    let shift = match (own.scale, peer.scale) {
        _ if peer.window_is_plain => 0,
        (Some(None), _) => 0,
        (_, Some(scale)) => scale.unwrap_or(0),
        (_, None) => return false,
    };
    let edge = ack.wrapping_add(u32::from(peer.window) << shift);
    segment.end() == edge
}

impl Half {
    /// Starts the clock of data and FIN; a SYN's round trip is the handshake's.
    fn time(&mut self, segment: &Segment<'_>, marks: Marks) {
        let is_probe = marks.has(Mark::ZeroWindowProbe) || marks.has(Mark::KeepAlive);
        if segment.span == 0 || segment.has(SYN | RST) || is_probe {
            return;
        }
        let (seq, end) = (segment.tcp.seq, segment.end());
        let sent = Sent {
            seq,
            end,
            time_ns: segment.time_ns,
            tsval: segment.tcp.options.timestamps.map(|(tsval, _)| tsval),
        };
        match self.next {
            Some((next, _)) if seq != next => {
                let reached = if beyond(end, next) > 0 { end } else { next };
                self.timer.disturbed(sent, reached);
            }
            _ => self.timer.sent(sent),
        }
    }

    fn learn(&mut self, segment: &Segment<'_>, marks: Marks) {
        let (tcp, end) = (segment.tcp, segment.end());
        let begins = u32::from(!segment.has(SYN));
        self.isn.get_or_insert(tcp.seq.wrapping_sub(begins));
        if !marks.has(Mark::ZeroWindowProbe) {
            self.follow_acknowledgeable(segment, marks);
        }
        if !segment.has(RST) {
            let has_both = segment.has(SYN) && segment.has(FIN);
            self.gaps
                .seen(tcp.seq, end.wrapping_add(u32::from(has_both)));
        }
        let reaches = self.next.is_none_or(|(next, _)| beyond(end, next) > 0);
        if reaches && !marks.has(Mark::ZeroWindowProbe) {
            self.next = Some((end, segment.time_ns));
        }
        if segment.has(ACK) {
            if self.ack.is_none_or(|(ack, _)| ack != tcp.ack) {
                self.n_duplicate_acks = 0;
            }
            self.ack = Some((tcp.ack, segment.time_ns));
        }
        self.window = tcp.window;
        self.window_is_plain = segment.has(SYN);
        self.last_marks = marks;
    }

    /// A segment that goes on where the captured stream ends, or fills its first hole, lets
    /// all be acknowledged that was captured.
    fn follow_acknowledgeable(&mut self, segment: &Segment<'_>, marks: Marks) {
        let (seq, end) = (segment.tcp.seq, segment.end());
        let most = match self.next {
            Some((next, _)) if beyond(next, end) > 0 => next,
            _ => end,
        };
        match (self.acknowledgeable, self.next) {
            (Some(reached), _) if reached == seq => self.acknowledgeable = Some(most),
            (Some(_), _) => return,
            (None, Some((next, _))) if marks.has(Mark::LostSegment) => {
                self.acknowledgeable = Some(next);
                self.is_behind = true;
                return;
            }
            (None, Some((next, _))) if beyond(end, next) <= 0 => return,
            (None, _) => self.acknowledgeable = Some(end),
        }
        self.is_behind = false;
    }

    /// The other side acknowledged so far.
    fn acknowledged(&mut self, tcp: &Tcp, marks: Marks) {
        let ack = tcp.ack;
        self.isn.get_or_insert(ack.wrapping_sub(1));
        if marks.has(Mark::AckLostSegment) {
            let next = self.next.map(|(next, _)| next);
            self.acknowledgeable = next.filter(|next| !self.is_behind && beyond(ack, *next) <= 0);
        }
        self.flight.acknowledged(ack);
        self.flight_is_unknown = false;
        let blocks = &tcp.options.sack[..usize::from(tcp.options.n_sack)];
        // Blocks below the acknowledgement report duplicates (RFC 2883).
        let above = blocks.iter().filter(|block| beyond(block.0, ack) > 0);
        self.sacked_bytes = above.fold(0, |sum: u32, block| {
            sum.saturating_add(beyond(block.1, block.0).max(0).unsigned_abs())
        });
        self.gaps.acknowledged(ack);
    }

    /// Bytes in flight with this segment; its own SYN and FIN count from the next one on.
    fn send(&mut self, segment: &Segment<'_>, marks: Marks) -> Option<u32> {
        let seq = segment.tcp.seq;
        self.flight.sent(seq, seq.wrapping_add(segment.len));
        self.flight_is_unknown |= marks.has(Mark::LostSegment);
        let bytes = self.flight.span().saturating_sub(self.sacked_bytes);
        self.flight.sent(seq, segment.end());
        (segment.len > 0 && !self.flight_is_unknown).then_some(bytes)
    }

    fn count(&mut self, marks: Marks) {
        self.totals.n_retransmitted += u64::from(marks.has(Mark::Retransmission));
        self.totals.n_out_of_order += u64::from(marks.has(Mark::OutOfOrder));
        self.totals.n_zero_windows += u64::from(marks.has(Mark::ZeroWindow));
        self.totals.n_duplicate_acks += u64::from(marks.has(Mark::DuplicateAck));
    }
}

#[cfg(test)]
mod tests;
