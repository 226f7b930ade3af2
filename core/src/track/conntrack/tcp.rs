//! One segment against its connection: state, windows, RSTs, timeouts.

use super::config::CtConfig;
use super::tcp_state::{Event, State, Step, step};
use super::tcp_window::{End, Fit, Last, Segment, Windows, before};
use super::timeout::Timeout;
use super::verdict::{Bound, Finding, Reason};
use crate::decode::Packet;
use crate::decode::flags::{ACK, FIN, RST, SYN, URG};

/// A TCP connection as the observer knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Connection {
    pub state: State,
    windows: Windows,
    /// What the last SYN offered that was passed over.
    passed_syn: Offer,
    /// That SYN came in LAST_ACK: an ACK may challenge it.
    awaits_challenge: bool,
    /// Both ends sent a SYN.
    simultaneous: bool,
}

/// What a SYN offers.
#[derive(Clone, Copy, Debug, Default)]
struct Offer {
    scale: u8,
    offers_scale: bool,
    sack_ok: bool,
}

/// What else decides: the entry's own marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// The called end sent the segment.
    pub reply: bool,
    /// Packets went both ways.
    pub seen_reply: bool,
    /// The entry is not dropped early.
    pub assured: bool,
    /// Its remaining time, ns.
    pub left_ns: i64,
}

/// What becomes of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The segment is in order; the entry lives on for so long.
    Kept { timeout: Timeout, assure: bool },
    /// The segment is let pass, the entry stays as it was.
    Unmoved,
    /// The segment is let pass, the entry is over.
    Ended,
    /// The segment is invalid; the entry's time is shortened to this, if anything.
    Refused(Option<Timeout>),
    /// The entry is over; the segment begins another.
    Reopened,
}

/// The flags that may be together, of FIN, SYN, RST, ACK and URG.
const COMBINATIONS: [u16; 9] = [
    SYN,
    SYN | URG,
    SYN | ACK,
    RST,
    RST | ACK,
    FIN | ACK,
    FIN | ACK | URG,
    ACK,
    ACK | URG,
];

/// The same as a set: one bit per combination.
const ALLOWED: u64 = {
    let (mut set, mut at) = (0, 0);
    while at < COMBINATIONS.len() {
        set |= 1 << COMBINATIONS[at];
        at += 1;
    }
    set
};

/// The header's own faults.
#[inline]
pub(super) fn header_fault(packet: &Packet<'_>, header_len: u8, tcp_flags: u16) -> Option<Reason> {
    let ip_header = match packet.ip_version {
        6 => 40 + u32::from(packet.ip_options_len),
        _ => 20 + u32::from(packet.ip_options_len),
    };
    if header_len < 20 || packet.ip_len < ip_header + u32::from(header_len) {
        return Some(Reason::TcpTruncated);
    }
    let judged = tcp_flags & (FIN | SYN | RST | ACK | URG);
    (ALLOWED >> judged & 1 == 0).then_some(Reason::TcpFlags)
}

impl Connection {
    /// A connection whose first segment this is; the reason where it cannot be.
    pub fn begin(segment: &Segment<'_>, config: &CtConfig) -> Result<Self, Reason> {
        let mut connection = Self::default();
        let ends = &mut connection.windows.ends;
        match step(false, State::None, segment.event) {
            Step::To(State::SynSent) => {
                ends[0] = End::begin(segment, 0);
                ends[0].negotiate(segment);
            }
            Step::To(_) if config.loose => {
                ends[0] = End::begin(segment, u32::from(segment.window).max(1));
                for end in ends {
                    end.sack_ok = true;
                    end.on_trust = true;
                }
            }
            Step::To(_) => return Err(Reason::NotPickedUp),
            _ => return Err(Reason::NotOpening),
        }
        Ok(connection)
    }

    /// Judges a segment and moves the connection with it. What there is to say of it goes
    /// into `found`, which is fresh.
    #[inline]
    pub fn judge(
        &mut self,
        segment: &Segment<'_>,
        marks: Marks,
        config: &CtConfig,
        found: &mut Finding,
    ) -> Outcome {
        let was = self.state;
        let mut skip_windows = false;
        let mut next = match step(marks.reply, was, segment.event) {
            Step::Refuse => {
                found.set(Reason::WrongState, None);
                return Outcome::Refused(None);
            }
            Step::Pass => match self.pass(segment, marks, config, found) {
                Some(outcome) => return outcome,
                None => {
                    found.set(Reason::InStep, None);
                    State::SynRecv
                }
            },
            Step::To(State::SynSent) if matches!(was, State::TimeWait | State::Close) => {
                if self.may_reopen(marks) {
                    return Outcome::Reopened;
                }
                match self.pass(segment, marks, config, found) {
                    Some(outcome) => return outcome,
                    None => State::SynSent,
                }
            }
            Step::To(next) => next,
        };
        match next {
            State::TimeWait if self.is_challenge(segment, marks) => {
                self.awaits_challenge = false;
                found.set(Reason::ChallengeAck, None);
                return Outcome::Unmoved;
            }
            State::SynSent2 => self.simultaneous = true,
            State::SynRecv if marks.reply && segment.event == Event::Ack && self.simultaneous => {
                next = State::Established;
            }
            State::Close if segment.event == Event::Rst => {
                match self.judge_rst(segment, marks, config) {
                    Rst::Believed => skip_windows = true,
                    Rst::InWindow => {}
                    Rst::NotExact(edge) if config.exact_rst || config.strict => {
                        found.set(Reason::RstNotExact, Some(edge));
                        return Outcome::Refused(None);
                    }
                    Rst::NotExact(edge) => {
                        next = was;
                        found.set(Reason::RstNotExact, Some(edge));
                    }
                    Rst::Old(edge) => {
                        found.set(Reason::RstBeforeAck, Some(edge));
                        return Outcome::Refused(None);
                    }
                }
            }
            _ => {}
        }
        if !skip_windows {
            match self.windows.fit(marks.reply, was, segment, config, found) {
                Fit::In | Fit::Tolerated => {}
                Fit::Passed => return Outcome::Unmoved,
                Fit::Out => {
                    return Outcome::Refused(self.answered_in_kind(segment, marks, config));
                }
            }
        }
        self.windows.last.event = segment.event;
        self.windows.last.reply = marks.reply;
        self.state = next;
        if was != next && next == State::FinWait {
            self.windows.ends[usize::from(marks.reply)].closed_first = true;
        }
        self.outcome(was, segment, marks, config)
    }

    /// A segment that the state has no use for, but that may show the tracker to be wrong:
    /// let it pass and remember it. None: it brings the tracker in step again.
    #[cold]
    fn pass(
        &mut self,
        segment: &Segment<'_>,
        marks: Marks,
        config: &CtConfig,
        found: &mut Finding,
    ) -> Option<Outcome> {
        let last = &mut self.windows.last;
        if segment.event == Event::SynAck
            && last.event == Event::Syn
            && last.reply != marks.reply
            && segment.ack == last.end
        {
            // It answers a SYN that was passed over: both ends are in step, we were not.
            let opener = &mut self.windows.ends[usize::from(last.reply)];
            let offer = self.passed_syn;
            *opener = End {
                end: last.end,
                limit: last.end,
                max_window: u32::from(last.window).max(1),
                scale: offer.scale,
                offers_scale: offer.offers_scale,
                sack_ok: offer.sack_ok,
                max_ack: opener.max_ack,
                tsval: opener.tsval,
                tsval_s: opener.tsval_s,
                ..End::default()
            };
            self.awaits_challenge = false;
            self.windows.ends[usize::from(marks.reply)].forget();
            return None;
        }
        let was = self.state;
        let n_repeats = last.n_repeats;
        *last = Last {
            event: segment.event,
            reply: marks.reply,
            seq: segment.seq,
            ack: last.ack,
            end: segment.end,
            window: segment.window,
            n_repeats,
        };
        let reason = match segment.event {
            Event::Syn => Reason::SynInWindow,
            Event::SynAck => Reason::SynAckAgain,
            _ => Reason::AckBeforeSynAck,
        };
        if segment.event == Event::Syn && !marks.reply {
            let mut end = End::default();
            end.negotiate(segment);
            self.passed_syn = Offer {
                scale: end.scale,
                offers_scale: end.offers_scale,
                sack_ok: end.sack_ok,
            };
            self.awaits_challenge = was == State::LastAck;
            self.simultaneous = false;
        }
        if was == State::SynSent && segment.event == Event::Ack && marks.reply {
            last.ack = segment.ack;
        }
        found.set(reason, None);
        Some(if config.strict {
            Outcome::Refused(None)
        } else {
            Outcome::Unmoved
        })
    }

    /// Closed in order, or reset by who calls again.
    fn may_reopen(&self, marks: Marks) -> bool {
        let Windows { ends, last } = &self.windows;
        ends.iter().any(|end| end.closed_first)
            || (last.reply == marks.reply && last.event == Event::Rst)
    }

    /// An ACK after a SYN in LAST_ACK says "this connection is open", not "goodbye" (RFC 5961
    /// section 4).
    fn is_challenge(&self, segment: &Segment<'_>, marks: Marks) -> bool {
        let last = &self.windows.last;
        self.state == State::LastAck
            && segment.event == Event::Ack
            && last.reply != marks.reply
            && last.event == Event::Syn
            && self.awaits_challenge
    }

    /// How far a RST is to be believed (RFC 5961 section 3).
    #[cold]
    fn judge_rst(&self, segment: &Segment<'_>, marks: Marks, config: &CtConfig) -> Rst {
        let Windows { ends, last } = &self.windows;
        let (sender, receiver) = (
            &ends[usize::from(marks.reply)],
            &ends[usize::from(!marks.reply)],
        );
        // The ports may be in use again already: what we know is of the past.
        if self.state.is_closing() {
            return Rst::Believed;
        }
        let established = self.state == State::Established && marks.assured;
        let mut exact = true;
        if receiver.has_acked && last.event != Event::Syn {
            // Likely the answer to a SYN that was passed over.
            if segment.seq == 0 && !established {
                return Rst::InWindow;
            }
            let expected = receiver.max_ack;
            if before(segment.seq, expected) && !config.ignore_invalid_rst {
                return Rst::Old(Bound {
                    number: expected.wrapping_sub(1),
                    excess: i64::from(expected.wrapping_sub(segment.seq)),
                    packet: 0,
                });
            }
            if !established || segment.seq == expected {
                return Rst::InWindow;
            }
            // It follows at once on data of the same end.
            if last.event == Event::Ack && last.reply == marks.reply && segment.seq == last.end {
                return Rst::InWindow;
            }
            exact = false;
        }
        // It answers a SYN or an ACK that was passed over.
        let from_the_other = last.reply != marks.reply;
        let answers_passed = (marks.seen_reply && last.event == Event::Syn && from_the_other)
            || (!marks.assured && last.event == Event::Ack);
        if answers_passed && segment.ack == last.end {
            return Rst::Believed;
        }
        // It answers the challenge that a SYN met.
        if self.state == State::SynSent
            && last.event == Event::Ack
            && last.reply
            && segment.seq == last.ack
        {
            return Rst::Believed;
        }
        // Bytes may be under way to their acknowledgement: what the sender sent counts as well.
        let off_by = segment.seq.wrapping_sub(sender.end) as i32;
        let allowed = if config.strict { 0 } else { 1 };
        if exact || (config.exact_rst && off_by.unsigned_abs() <= allowed) {
            Rst::InWindow
        } else {
            Rst::NotExact(Bound {
                number: receiver.max_ack,
                excess: i64::from(segment.seq.wrapping_sub(receiver.max_ack) as i32),
                packet: 0,
            })
        }
    }

    /// A FIN or RST out of the window, answered by another: the ends are further than we
    /// are. The timeout to shorten the entry to.
    fn answered_in_kind(
        &mut self,
        segment: &Segment<'_>,
        marks: Marks,
        config: &CtConfig,
    ) -> Option<Timeout> {
        const LEAST_NS: i64 = 120 * 1_000_000_000;
        let last = &mut self.windows.last;
        let ends = |event| matches!(event, Event::Fin | Event::Rst);
        if !marks.assured || !ends(segment.event) {
            return None;
        }
        if last.reply != marks.reply && ends(last.event) {
            let timeout = config.timeouts.ns(Timeout::Unanswered);
            return (marks.left_ns >= LEAST_NS && marks.left_ns > timeout)
                .then_some(Timeout::Unanswered);
        }
        last.event = segment.event;
        last.reply = marks.reply;
        None
    }

    /// What becomes of the entry after a segment in order.
    fn outcome(
        &self,
        was: State,
        segment: &Segment<'_>,
        marks: Marks,
        config: &CtConfig,
    ) -> Outcome {
        let Windows { ends, last } = &self.windows;
        let of_state = match self.state {
            // Never kept in this state.
            State::None => Timeout::Close,
            State::SynSent => Timeout::SynSent,
            State::SynRecv => Timeout::SynRecv,
            State::Established => Timeout::Established,
            State::FinWait => Timeout::FinWait,
            State::CloseWait => Timeout::CloseWait,
            State::LastAck => Timeout::LastAck,
            State::TimeWait => Timeout::TimeWait,
            State::Close => Timeout::Close,
            State::SynSent2 => Timeout::SynSent2,
        };
        let seconds = |timeout| config.timeouts.seconds(timeout);
        let exceeds = |timeout| seconds(of_state) > seconds(timeout);
        let mut timeout = if last.n_repeats >= config.max_repeats && exceeds(Timeout::Repeated) {
            Timeout::Repeated
        } else if segment.event == Event::Rst {
            Timeout::Close
        } else if ends.iter().any(|end| end.awaits_ack) && exceeds(Timeout::Unanswered) {
            Timeout::Unanswered
        } else if last.window == 0 && exceeds(Timeout::Repeated) {
            Timeout::Repeated
        } else {
            of_state
        };
        if !marks.seen_reply {
            if segment.event == Event::Rst {
                return Outcome::Ended;
            }
            // Repeated SYNs must not keep a dead entry alive.
            if segment.event == Event::Syn && was == State::SynSent {
                return Outcome::Unmoved;
            }
            if self.state == State::Established && seconds(timeout) > seconds(Timeout::Unanswered) {
                timeout = Timeout::Unanswered;
            }
            return Outcome::Kept {
                timeout,
                assure: false,
            };
        }
        Outcome::Kept {
            timeout,
            assure: self.state == State::Established
                && matches!(was, State::SynRecv | State::Established),
        }
    }
}

/// How far a RST is to be believed.
enum Rst {
    /// Whatever its number.
    Believed,
    /// If it is in the window.
    InWindow,
    /// In the window, perhaps, but not exact: its receiver would challenge it.
    NotExact(Bound),
    /// It is older than an acknowledgement.
    Old(Bound),
}
