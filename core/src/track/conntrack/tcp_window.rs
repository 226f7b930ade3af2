//! Whether a segment fits the windows that both ends announced.
//!
//! After Guido van Rooij, "Real stateful TCP packet filtering in IP Filter" (SANE 2000): the
//! observer keeps for each end how far it sent, how far it may send and how large a window it
//! ever offered, and from these the four bounds of a segment:
//!
//! 1. it begins at most at what its sender may send (`limit`);
//! 2. it ends at least one window of the receiver before what its sender sent (`end`);
//! 3. it acknowledges at most what the other end sent;
//! 4. it acknowledges at least that less a window, or 66,000 bytes.
//!
//! Segments need only touch the window, so 1 looks at their beginning and 2 at their end
//! (RFC 9293 section 3.10.7.4). The acknowledgement is the highest SACK edge where the
//! connection has SACK (RFC 2018). All numbers are compared modulo 2^32.

use super::config::CtConfig;
use super::tcp_state::{Event, State};
use super::verdict::{Bound, Finding, Reason};
use crate::decode::flags::{ACK, RST, SYN};
use crate::decode::{Tcp, TcpOptions};

/// Greatest window scale (RFC 7323 section 2.3).
const MAX_SCALE: u8 = 14;
/// Least distance that an acknowledgement may lag behind, bytes: a window without scale, and
/// a little.
const LEAST_ACK_LAG: u32 = 66_000;
/// A timestamp this old says nothing any more (RFC 7323 section 5.5): 24 days.
const TIMESTAMP_VALID_S: u32 = 24 * 86_400;

/// `a` lies before `b` on the circle of sequence numbers.
#[inline]
pub(super) const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// A segment's numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    /// Number of its packet.
    pub packet: u64,
    pub now_ns: i64,
    pub event: Event,
    pub flags: u16,
    pub seq: u32,
    /// Sequence number that follows: SYN, data and FIN counted.
    pub end: u32,
    pub ack: u32,
    /// Unscaled.
    pub window: u16,
    /// It has an option area, be it padding.
    pub has_options: bool,
    pub options: &'a TcpOptions,
}

impl<'a> Segment<'a> {
    /// The numbers of a decoded segment.
    #[inline]
    pub fn new(packet: u64, now_ns: i64, tcp: &'a Tcp, payload_len: u32) -> Self {
        let event = Event::of(tcp.flags);
        let controls =
            u32::from(tcp.flags & SYN != 0) + u32::from(tcp.flags & crate::decode::flags::FIN != 0);
        Self {
            packet,
            now_ns,
            event,
            flags: tcp.flags,
            seq: tcp.seq,
            end: tcp.seq.wrapping_add(payload_len).wrapping_add(controls),
            ack: tcp.ack,
            window: tcp.window,
            has_options: tcp.header_len > 20,
            options: &tcp.options,
        }
    }

    #[inline]
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// The highest byte it acknowledges, selectively or not.
    #[inline]
    fn sack(&self) -> u32 {
        let blocks = &self.options.sack[..usize::from(self.options.n_sack)];
        blocks.iter().fold(self.ack, |highest, &(_, right)| {
            if before(highest, right) {
                right
            } else {
                highest
            }
        })
    }
}

/// One end as the observer knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    /// Sequence number behind the last byte it sent.
    pub end: u32,
    /// Sequence number up to which the other end lets it send.
    pub limit: u32,
    /// Greatest window it ever offered, bytes; 0: nothing was seen of it.
    pub max_window: u32,
    /// Greatest acknowledgement it sent; only with `has_acked`.
    pub max_ack: u32,
    /// Shift of its windows.
    pub scale: u8,
    /// Its SYN offered window scaling.
    pub offers_scale: bool,
    /// It understands selective acknowledgements, or may.
    pub sack_ok: bool,
    /// It sent an acknowledgement.
    pub has_acked: bool,
    /// It sent bytes that were not acknowledged yet.
    pub awaits_ack: bool,
    /// It closed first.
    pub closed_first: bool,
    /// The connection was picked up under way: its windows are not enforced.
    pub on_trust: bool,
    /// Packets that set `end`, `limit` and `max_window`: the low half of their numbers, 0
    /// where it is not known.
    pub end_by: u32,
    pub limit_by: u32,
    pub max_window_by: u32,
    /// Its last timestamp and the second after it came, 0 before the first (PAWS).
    pub tsval: u32,
    pub tsval_s: u32,
}

impl End {
    /// What a first segment tells of its sender. `room`: bytes it may send beyond.
    pub fn begin(segment: &Segment<'_>, room: u32) -> Self {
        Self {
            end: segment.end,
            limit: segment.end.wrapping_add(room),
            max_window: u32::from(segment.window).max(1),
            end_by: segment.packet as u32,
            limit_by: segment.packet as u32,
            max_window_by: segment.packet as u32,
            ..Self::default()
        }
    }

    /// Forgets the numbers; trust and timestamps stay.
    pub fn forget(&mut self) {
        *self = Self {
            on_trust: self.on_trust,
            tsval: self.tsval,
            tsval_s: self.tsval_s,
            ..Self::default()
        };
    }

    /// Takes over what a SYN offers; without an option area what was known stays.
    pub fn negotiate(&mut self, segment: &Segment<'_>) {
        if !segment.has_options {
            return;
        }
        let options = segment.options;
        self.scale = options.wscale.unwrap_or(0).min(MAX_SCALE);
        self.offers_scale = options.wscale.is_some();
        self.sack_ok = options.sack_ok;
        self.has_acked = false;
        self.awaits_ack = false;
        self.closed_first = false;
    }

    /// How far an acknowledgement by this end may lag behind.
    #[inline]
    fn ack_lag(&self) -> u32 {
        self.max_window.max(LEAST_ACK_LAG)
    }
}

/// A repeated ACK, as the retransmission timer sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Last {
    pub event: Event,
    pub reply: bool,
    pub seq: u32,
    pub ack: u32,
    pub end: u32,
    pub window: u16,
    /// How often the same ACK came again.
    pub n_repeats: u8,
}

/// How a segment lies to the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Inside; the windows moved with it.
    In,
    /// Outside, but windows are not enforced: they did not move.
    Tolerated,
    /// Outside in a harmless way: let it pass, change nothing.
    Passed,
    /// Outside.
    Out,
}

/// Both ends and the last segments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Windows {
    /// The end that opened, the other.
    pub ends: [End; 2],
    pub last: Last,
}

impl Windows {
    /// Judges a segment of a connection in `state`, says in `found` what is wrong, and moves the windows if it is inside.
    pub fn fit(
        &mut self,
        reply: bool,
        state: State,
        segment: &Segment<'_>,
        config: &CtConfig,
        found: &mut Finding,
    ) -> Fit {
        let [orig, resp] = &mut self.ends;
        let (sender, receiver) = if reply { (resp, orig) } else { (orig, resp) };
        let mut ack = segment.ack;
        let mut sack = if receiver.sack_ok {
            segment.sack()
        } else {
            ack
        };
        let (mut seq, mut end) = (segment.seq, segment.end);
        let mut window = u32::from(segment.window);
        let syn = segment.has(SYN);

        if sender.max_window == 0 {
            if syn {
                open(sender, receiver, reply, segment);
                if !segment.has(ACK) {
                    return Fit::In;
                }
            } else {
                pick_up(sender, receiver, sack, segment);
            }
        } else if syn && before(sender.end, end) && matches!(state, State::SynSent | State::SynRecv)
        {
            // The end began anew, with a number of its choice.
            open(sender, receiver, reply, segment);
            if reply && !segment.has(ACK) {
                return Fit::In;
            }
        }

        // What acknowledges nothing cannot acknowledge wrongly.
        if !segment.has(ACK) || (segment.has(RST) && ack == 0) {
            ack = receiver.end;
            sack = receiver.end;
        }
        // A RST that answers a SYN has no number of its own (RFC 9293 section 3.10.7.1).
        if segment.has(RST) && seq == 0 && state == State::SynSent {
            (seq, end) = (sender.end, sender.end);
        }

        if config.paws
            && let Some(bound) = timestamp_old(sender, segment)
        {
            found.set(Reason::TimestampOld, Some(bound));
            return Fit::Out;
        }
        if let Some((gravity, reason, bound)) =
            past_a_bound(sender, receiver, (seq, end, sack), segment.packet, config)
        {
            if gravity == Gravity::Overrun {
                // If the receiver takes the bytes, its acknowledgement must fit later.
                sender.end = end;
                sender.end_by = segment.packet as u32;
                sender.awaits_ack = true;
            }
            found.set(reason, Some(bound));
            return if config.liberal || sender.on_trust {
                Fit::Tolerated
            } else if gravity == Gravity::Out || config.strict {
                Fit::Out
            } else {
                Fit::Passed
            };
        }

        if !syn {
            window <<= sender.scale;
        }
        let offered = window.wrapping_add(sack.wrapping_sub(ack));
        if sender.max_window < offered {
            sender.max_window = offered;
            sender.max_window_by = segment.packet as u32;
        }
        if before(sender.end, end) {
            sender.end = end;
            sender.end_by = segment.packet as u32;
            sender.awaits_ack = true;
        }
        if segment.has(ACK) && (!sender.has_acked || before(sender.max_ack, ack)) {
            sender.max_ack = ack;
            sender.has_acked = true;
        }
        if receiver.max_window != 0 && before(sender.limit, end) {
            let beyond = end.wrapping_sub(sender.limit);
            receiver.max_window = receiver.max_window.wrapping_add(beyond);
            receiver.max_window_by = segment.packet as u32;
        }
        let limit = sack.wrapping_add(window);
        if !before(limit, receiver.limit) {
            // A probe of one byte may go into a closed window.
            let limit = limit.wrapping_add((window == 0).into());
            if limit != receiver.limit {
                receiver.limit = limit;
                receiver.limit_by = segment.packet as u32;
            }
        }
        if ack == receiver.end {
            receiver.awaits_ack = false;
        }
        if config.paws
            && let Some((tsval, _)) = segment.options.timestamps
        {
            sender.tsval = tsval;
            sender.tsval_s = second(segment.now_ns).wrapping_add(1).max(1);
        }
        if segment.event == Event::Ack {
            self.last.count(reply, seq, ack, end, segment.window);
        }
        Fit::In
    }
}

impl Last {
    /// Counts an ACK that is the same as the one before.
    #[inline]
    fn count(&mut self, reply: bool, seq: u32, ack: u32, end: u32, window: u16) {
        let again = (self.reply, self.seq, self.ack, self.end, self.window)
            == (reply, seq, ack, end, window);
        self.n_repeats = if again {
            self.n_repeats.saturating_add(1)
        } else {
            0
        };
        (self.reply, self.seq, self.ack) = (reply, seq, ack);
        (self.end, self.window) = (end, window);
    }
}

/// A SYN or SYN/ACK: its sender begins.
fn open(sender: &mut End, receiver: &mut End, reply: bool, segment: &Segment<'_>) {
    sender.end = segment.end;
    sender.limit = segment.end;
    sender.max_window = u32::from(segment.window).max(1);
    sender.end_by = segment.packet as u32;
    sender.limit_by = segment.packet as u32;
    sender.max_window_by = segment.packet as u32;
    sender.negotiate(segment);
    // Both ends must offer scaling, or neither scales (RFC 7323 section 2.2).
    if reply && !(sender.offers_scale && receiver.offers_scale) {
        sender.scale = 0;
        receiver.scale = 0;
    }
}

/// The first segment of an end whose SYN was not seen.
fn pick_up(sender: &mut End, receiver: &mut End, sack: u32, segment: &Segment<'_>) {
    sender.end = segment.end;
    sender.max_window = (u32::from(segment.window) << sender.scale).max(1);
    sender.limit = segment.end.wrapping_add(sender.max_window);
    sender.end_by = segment.packet as u32;
    sender.limit_by = segment.packet as u32;
    sender.max_window_by = segment.packet as u32;
    if receiver.max_window == 0 {
        // Nothing was seen of the other end: what is acknowledged must do.
        receiver.end = sack;
        receiver.limit = sack;
        receiver.end_by = segment.packet as u32;
        receiver.limit_by = segment.packet as u32;
    } else if sack == receiver.end.wrapping_add(1) {
        // The answer to a keep-alive, which repeats the byte before.
        receiver.end = sack;
        receiver.end_by = segment.packet as u32;
    }
}

/// How bad it is to be past a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gravity {
    /// Only the last bytes are, by less than a window.
    Overrun,
    /// Old, and harmless.
    Old,
    /// Out.
    Out,
}

/// The first bound that a segment is past.
#[inline]
fn past_a_bound(
    sender: &End,
    receiver: &End,
    (seq, end, sack): (u32, u32, u32),
    packet: u64,
    config: &CtConfig,
) -> Option<(Gravity, Reason, Bound)> {
    let highest_ack = receiver.end.wrapping_add(1);
    let lowest_ack = receiver.end.wrapping_sub(sender.ack_lag());
    let lowest_end = sender.end.wrapping_sub(receiver.max_window);
    let in_receive_window = receiver.max_window == 0 || !before(end, lowest_end);
    let first_over = sender.limit.wrapping_add(1);
    if !before(seq, first_over) {
        let overrun = end.wrapping_sub(sender.limit).wrapping_add(1);
        let only_the_end = receiver.max_window != 0
            && in_receive_window
            && !before(sack, lowest_ack)
            && before(sack, highest_ack)
            && overrun <= receiver.max_window;
        let bound = Bound {
            number: first_over,
            excess: i64::from(seq.wrapping_sub(sender.limit)),
            packet: whole_number(packet, sender.limit_by),
        };
        return Some(if only_the_end {
            (Gravity::Overrun, Reason::WindowOverrun, bound)
        } else {
            (Gravity::Out, Reason::SeqOver, bound)
        });
    }
    if config.whole_segment && before(sender.limit, end) {
        let bound = Bound {
            number: first_over,
            excess: i64::from(end.wrapping_sub(sender.limit)),
            packet: whole_number(packet, sender.limit_by),
        };
        return Some((Gravity::Out, Reason::WindowOverrun, bound));
    }
    if !before(sack, highest_ack) {
        let bound = Bound {
            number: highest_ack,
            excess: i64::from(sack.wrapping_sub(receiver.end)),
            packet: whole_number(packet, receiver.end_by),
        };
        return Some((Gravity::Out, Reason::AckOver, bound));
    }
    if !in_receive_window {
        let bound = Bound {
            number: lowest_end.wrapping_sub(1),
            excess: i64::from(lowest_end.wrapping_sub(end)),
            packet: whole_number(packet, sender.end_by)
                .max(whole_number(packet, receiver.max_window_by)),
        };
        return Some((Gravity::Old, Reason::SeqUnder, bound));
    }
    if before(sack, lowest_ack) {
        let bound = Bound {
            number: lowest_ack.wrapping_sub(1),
            excess: i64::from(lowest_ack.wrapping_sub(sack)),
            packet: whole_number(packet, receiver.end_by),
        };
        return Some((Gravity::Old, Reason::AckUnder, bound));
    }
    None
}

/// The number of an earlier packet from its low half; 0 where it is not known.
fn whole_number(packet: u64, low: u32) -> u64 {
    match low {
        0 => 0,
        low => packet.saturating_sub((packet as u32).wrapping_sub(low).into()),
    }
}

/// PAWS (RFC 7323 section 5.3): a timestamp before the last one is of an old duplicate.
fn timestamp_old(sender: &End, segment: &Segment<'_>) -> Option<Bound> {
    let (tsval, _) = segment.options.timestamps?;
    let age_s = second(segment.now_ns).wrapping_sub(sender.tsval_s);
    // The second is kept one ahead.
    let fresh = sender.tsval_s != 0 && age_s.wrapping_add(1) < TIMESTAMP_VALID_S;
    (fresh && before(tsval, sender.tsval) && !segment.has(RST)).then(|| Bound {
        number: sender.tsval,
        excess: i64::from(sender.tsval.wrapping_sub(tsval)),
        packet: 0,
    })
}

fn second(now_ns: i64) -> u32 {
    (now_ns / 1_000_000_000) as u32
}
