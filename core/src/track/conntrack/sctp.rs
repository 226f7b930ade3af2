//! SCTP (RFC 9260): associations by their chunks and verification tags, as Linux follows them.

use super::tcp::{Marks, Outcome};
use super::timeout::Timeout;
use super::verdict::{Finding, Reason};
use crate::decode::Packet;

/// Bytes of the common header: ports, verification tag, checksum.
const HEADER: usize = 12;
/// The T bit: the tag is the receiver's own, reflected.
const REFLECTED: u8 = 1;

/// Chunk types that matter here.
mod chunk {
    pub const DATA: u8 = 0;
    pub const INIT: u8 = 1;
    pub const INIT_ACK: u8 = 2;
    pub const HEARTBEAT: u8 = 4;
    pub const HEARTBEAT_ACK: u8 = 5;
    pub const ABORT: u8 = 6;
    pub const SHUTDOWN: u8 = 7;
    pub const SHUTDOWN_ACK: u8 = 8;
    pub const ERROR: u8 = 9;
    pub const COOKIE_ECHO: u8 = 10;
    pub const COOKIE_ACK: u8 = 11;
    pub const SHUTDOWN_COMPLETE: u8 = 14;
}

/// How far an association got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    None,
    Closed,
    CookieWait,
    CookieEchoed,
    Established,
    ShutdownSent,
    ShutdownReceived,
    ShutdownAckSent,
    HeartbeatSent,
}

/// An association as the observer knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Association {
    state: State,
    /// What packets of the opening end, and of the other, must carry; 0: not known.
    tags: [u32; 2],
    /// Which end sent an INIT while there was something to begin anew.
    opening: [bool; 2],
    /// The end whose heartbeat had a wrong tag; true: the called one.
    lost_heartbeat: Option<bool>,
}

/// One chunk.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    kind: u8,
    flags: u8,
    /// What is behind its header, as far as it was captured.
    value: &'a [u8],
}

impl Chunk<'_> {
    /// The tag that an INIT or INIT ACK chooses.
    fn chosen_tag(&self) -> Option<u32> {
        // Tag, window, numbers of streams, first sequence number.
        let fixed = self.value.first_chunk::<16>()?;
        Some(u32::from_be_bytes([fixed[0], fixed[1], fixed[2], fixed[3]]))
    }
}

/// The chunks of a packet; None: they cannot be together, or there are none.
fn chunks<'a>(packet: &Packet<'a>) -> Option<Vec<Chunk<'a>>> {
    let mut rest = packet.payload.get(HEADER..)?;
    let mut found: Vec<Chunk<'a>> = Vec::new();
    let mut alone = false;
    while let Some((&[kind, flags, high, low], value)) = rest.split_first_chunk::<4>() {
        use chunk::{COOKIE_ACK, COOKIE_ECHO, INIT, INIT_ACK, SHUTDOWN_COMPLETE};
        alone |= matches!(kind, INIT | INIT_ACK | SHUTDOWN_COMPLETE);
        let first_only = alone || matches!(kind, COOKIE_ACK | COOKIE_ECHO);
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length == 0 || (first_only && !found.is_empty()) {
            return None;
        }
        found.push(Chunk { kind, flags, value });
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    (!found.is_empty()).then_some(found)
}

fn tag_of(packet: &Packet<'_>) -> u32 {
    let tag = packet.payload.get(4..8).and_then(|tag| tag.try_into().ok());
    tag.map_or(0, u32::from_be_bytes)
}

/// Where a chunk leads; None: nowhere.
fn step(reply: bool, state: State, kind: u8) -> Option<State> {
    use State::*;
    let stays = match kind {
        chunk::INIT..=chunk::INIT_ACK
        | chunk::HEARTBEAT..=chunk::COOKIE_ACK
        | chunk::SHUTDOWN_COMPLETE => false,
        // DATA, SACK and whatever is new.
        _ => true,
    };
    if stays {
        return Some(state);
    }
    let moved = match (kind, state, reply) {
        (chunk::HEARTBEAT, HeartbeatSent, _) => HeartbeatSent,
        (chunk::HEARTBEAT_ACK, HeartbeatSent, true) => Established,
        (chunk::HEARTBEAT_ACK, HeartbeatSent, false) => HeartbeatSent,
        // The called end cannot begin, nor answer a heartbeat otherwise.
        (_, None | HeartbeatSent, true) => return Option::None,
        (chunk::ABORT, _, _) => Closed,
        (chunk::HEARTBEAT, None, false) => HeartbeatSent,
        (chunk::INIT, HeartbeatSent, false) => CookieWait,
        (chunk::INIT, ShutdownSent | ShutdownReceived, false) => Closed,
        (chunk::INIT_ACK, Closed, true) => CookieWait,
        (chunk::COOKIE_ECHO, CookieWait, _) => CookieEchoed,
        (chunk::COOKIE_ACK, CookieEchoed, _) => Established,
        (chunk::ERROR, CookieEchoed, true) => Closed,
        (chunk::SHUTDOWN, Established, false) => ShutdownSent,
        (chunk::SHUTDOWN, Established, true) => ShutdownReceived,
        (chunk::SHUTDOWN_ACK, ShutdownSent | ShutdownReceived, _) => ShutdownAckSent,
        (chunk::SHUTDOWN_ACK, None | HeartbeatSent, false) => ShutdownAckSent,
        (chunk::SHUTDOWN_COMPLETE, ShutdownAckSent, _) => Closed,
        (_, None | HeartbeatSent, false) => Closed,
        _ => state,
    };
    Some(moved)
}

impl Association {
    /// An association whose first packet this is; the reason where it cannot be.
    pub fn begin(packet: &Packet<'_>) -> Result<Self, Reason> {
        let Some(chunks) = chunks(packet) else {
            return Err(Reason::SctpChunks);
        };
        let mut association = Self::default();
        let tag = tag_of(packet);
        for chunk in chunks {
            // Out of the blue (RFC 9260 section 8.4).
            let ends = matches!(
                chunk.kind,
                chunk::ABORT | chunk::SHUTDOWN_COMPLETE | chunk::COOKIE_ACK
            );
            if ends || step(false, State::None, chunk.kind) == Some(State::None) {
                return Err(Reason::NotOpening);
            }
            match chunk.kind {
                chunk::INIT => match chunk.chosen_tag() {
                    Some(chosen) if tag == 0 => association.tags[1] = chosen,
                    _ => return Err(Reason::SctpTag),
                },
                chunk::HEARTBEAT => association.tags[0] = tag,
                chunk::SHUTDOWN_ACK => association.tags[1] = tag,
                _ => {}
            }
        }
        Ok(association)
    }

    /// Judges a packet and moves the association with it. `is_first`: the packet began it.
    pub fn judge(
        &mut self,
        packet: &Packet<'_>,
        marks: Marks,
        is_first: bool,
        found: &mut Finding,
    ) -> Outcome {
        let mut refuse = |reason| {
            found.set(reason, None);
            Outcome::Refused(None)
        };
        let Some(chunks) = chunks(packet) else {
            return refuse(Reason::SctpChunks);
        };
        let tag = tag_of(packet);
        let (own, other) = (usize::from(marks.reply), usize::from(!marks.reply));
        // Those check their tags by themselves (RFC 9260 section 8.5.1).
        let checks_itself = |chunk: &Chunk<'_>| {
            matches!(
                chunk.kind,
                chunk::INIT
                    | chunk::SHUTDOWN_COMPLETE
                    | chunk::COOKIE_ECHO
                    | chunk::ABORT
                    | chunk::SHUTDOWN_ACK
                    | chunk::HEARTBEAT
                    | chunk::HEARTBEAT_ACK
            )
        };
        if tag != self.tags[own] && !chunks.iter().any(checks_itself) {
            return refuse(Reason::SctpTag);
        }
        let has_data = chunks.iter().any(|chunk| chunk.kind == chunk::DATA);
        let (mut unmoved, mut assure) = (false, false);
        let mut next = State::None;
        for chunk in chunks {
            let fits = match chunk.kind {
                chunk::INIT => tag == 0,
                chunk::ABORT | chunk::SHUTDOWN_COMPLETE => {
                    let reflected = chunk.flags & REFLECTED != 0;
                    tag == self.tags[if reflected { other } else { own }]
                }
                chunk::COOKIE_ECHO => tag == self.tags[own],
                chunk::COOKIE_ACK => {
                    self.opening = [false; 2];
                    true
                }
                chunk::HEARTBEAT | chunk::HEARTBEAT_ACK if self.tags[own] == 0 => {
                    self.tags[own] = tag;
                    true
                }
                chunk::HEARTBEAT | chunk::HEARTBEAT_ACK if tag == self.tags[own] => {
                    self.lost_heartbeat = None;
                    true
                }
                chunk::HEARTBEAT if !has_data && !unmoved => {
                    self.lost_heartbeat = Some(marks.reply);
                    unmoved = true;
                    continue;
                }
                chunk::HEARTBEAT_ACK
                    if !has_data && !unmoved && self.lost_heartbeat == Some(!marks.reply) =>
                {
                    // The other end began anew, with a tag of its choice.
                    self.lost_heartbeat = None;
                    self.tags[own] = tag;
                    self.tags[other] = 0;
                    true
                }
                chunk::HEARTBEAT | chunk::HEARTBEAT_ACK => false,
                _ => true,
            };
            if !fits {
                return refuse(Reason::SctpTag);
            }
            let was = self.state;
            next = match step(marks.reply, was, chunk.kind) {
                Some(next) => next,
                None => return refuse(Reason::WrongState),
            };
            match (chunk.kind, chunk.chosen_tag()) {
                (chunk::INIT | chunk::INIT_ACK, None) => return refuse(Reason::SctpCut),
                (chunk::INIT, Some(chosen)) => {
                    self.tags[other] = chosen;
                    self.opening[own] = is_first || was != State::Closed;
                    // Repeated INITs must not keep a dead entry alive.
                    unmoved |= (next, was, is_first) == (State::Closed, State::Closed, false);
                }
                (chunk::INIT_ACK, Some(chosen)) => {
                    // Only who sent an INIT may be told another tag than before.
                    let known = self.tags[other];
                    if !self.opening[other] && known != 0 && known != chosen {
                        return refuse(Reason::SctpTag);
                    }
                    self.tags[other] = chosen;
                }
                _ => {}
            }
            self.state = next;
            assure |= next == State::Established && was != next;
        }
        if unmoved {
            return Outcome::Unmoved;
        }
        let timeout = match next {
            State::None | State::Closed => Timeout::SctpClosed,
            State::CookieWait => Timeout::SctpCookieWait,
            State::CookieEchoed => Timeout::SctpCookieEchoed,
            State::Established => Timeout::SctpEstablished,
            State::ShutdownSent => Timeout::SctpShutdownSent,
            State::ShutdownReceived => Timeout::SctpShutdownRecd,
            State::ShutdownAckSent => Timeout::SctpShutdownAckSent,
            State::HeartbeatSent => Timeout::SctpHeartbeatSent,
        };
        Outcome::Kept { timeout, assure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(tag: u32, chunks: &[(u8, u8, &[u8])]) -> Packet<'static> {
        let mut payload = vec![0x10, 0, 0x20, 0];
        payload.extend(tag.to_be_bytes());
        payload.extend([0; 4]);
        for &(kind, flags, value) in chunks {
            payload.extend([kind, flags]);
            payload.extend((value.len() as u16 + 4).to_be_bytes());
            payload.extend(value);
            payload.resize(payload.len().next_multiple_of(4), 0);
        }
        Packet {
            payload_len: payload.len() as u32,
            payload: payload.leak(),
            ..Packet::default()
        }
    }

    fn init(tag: u32) -> Vec<u8> {
        [&tag.to_be_bytes()[..], &[0; 12]].concat()
    }

    fn marks(reply: bool) -> Marks {
        Marks {
            reply,
            seen_reply: true,
            assured: false,
            left_ns: 0,
        }
    }

    #[test]
    fn an_association_from_init_to_shutdown() {
        let first = packet(0, &[(chunk::INIT, 0, &init(7))]);
        let mut association = Association::begin(&first).expect("an INIT");
        association.judge(&first, marks(false), true, &mut Finding::default());
        let conversation = [
            (true, 7, chunk::INIT_ACK, init(9), State::CookieWait),
            (false, 9, chunk::COOKIE_ECHO, vec![1], State::CookieEchoed),
            (true, 7, chunk::COOKIE_ACK, vec![], State::Established),
            (false, 9, chunk::DATA, vec![2; 20], State::Established),
            (false, 9, chunk::SHUTDOWN, vec![0; 4], State::ShutdownSent),
            (true, 7, chunk::SHUTDOWN_ACK, vec![], State::ShutdownAckSent),
            (false, 9, chunk::SHUTDOWN_COMPLETE, vec![], State::Closed),
        ];
        for (reply, tag, kind, value, state) in conversation {
            let packet = packet(tag, &[(kind, 0, &value)]);
            let mut found = Finding::default();
            let outcome = association.judge(&packet, marks(reply), false, &mut found);
            assert!(matches!(outcome, Outcome::Kept { .. }), "{kind} {found:?}");
            assert_eq!(association.state, state);
        }
    }

    #[test]
    fn tags_and_chunks_must_fit() {
        let first = packet(0, &[(chunk::INIT, 0, &init(7))]);
        let mut association = Association::begin(&first).expect("an INIT");
        association.judge(&first, marks(false), true, &mut Finding::default());
        let mut reason = |packet| {
            let mut found = Finding::default();
            association.judge(&packet, marks(true), false, &mut found);
            found.reason
        };
        assert_eq!(reason(packet(8, &[(chunk::DATA, 0, &[])])), Reason::SctpTag);
        assert_eq!(
            reason(packet(8, &[(chunk::ABORT, 0, &[])])),
            Reason::SctpTag
        );
        let two = [(chunk::DATA, 0, &[][..]), (chunk::INIT, 0, &[])];
        assert_eq!(reason(packet(7, &two)), Reason::SctpChunks);
        assert_eq!(reason(packet(7, &[])), Reason::SctpChunks);
        for kind in [chunk::DATA, chunk::ABORT, chunk::COOKIE_ACK] {
            let begun = Association::begin(&packet(0, &[(kind, 0, &[])]));
            assert_eq!(begun.err(), Some(Reason::NotOpening));
        }
        let tagged = Association::begin(&packet(1, &[(chunk::INIT, 0, &init(7))]));
        assert_eq!(tagged.err(), Some(Reason::SctpTag));
    }
}
