//! How far a TCP connection got, in Zeek's terms: each end's state, and their summary.

use crate::decode::flags::{ACK, FIN, RST, SYN};

/// What one end has been seen to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndState {
    /// Nothing.
    #[default]
    Inactive,
    /// Sent a SYN that is not answered.
    SynSent,
    /// Sent segments of a connection whose opening was not seen.
    Partial,
    /// Opened the connection.
    Established,
    /// Sent a FIN.
    Closed,
    /// Sent a RST.
    Reset,
    /// Sent a FIN, then a RST.
    ClosedThenReset,
}

use EndState::{Closed, ClosedThenReset, Established, Inactive, Partial, Reset, SynSent};

/// Both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnState {
    /// The originator, then the responder.
    pub ends: [EndState; 2],
}

impl ConnState {
    /// Takes a segment of `side` (0 originator, 1 responder) into account.
    #[inline]
    pub fn update(&mut self, side: usize, tcp_flags: u16, payload_len: u32) {
        let (own, peer) = (self.ends[side], self.ends[1 - side]);
        let has = |flag: u16| tcp_flags & flag != 0;
        // Nearly every segment: an open connection goes on.
        if !has(SYN | FIN | RST) && matches!(own, Established | Partial) {
            return;
        }
        let next = if has(RST) {
            match own {
                // Both had sent their FIN: a RST after that changes nothing.
                Closed if peer == Closed => Closed,
                Closed | ClosedThenReset => ClosedThenReset,
                _ => Reset,
            }
        } else if has(FIN) {
            match own {
                Reset | ClosedThenReset => own,
                _ => Closed,
            }
        } else if own == Inactive {
            self.opened(side, peer, tcp_flags, payload_len)
        } else if own == Partial && peer == Inactive && has(SYN) && !has(ACK) {
            SynSent
        } else {
            own
        };
        self.ends[side] = next;
        // FIN, RST one way and then FIN the other way is a normal end.
        if next == Closed && peer == ClosedThenReset {
            self.ends[1 - side] = Closed;
        }
    }

    /// The state of an end after its first segment, which is neither FIN nor RST.
    fn opened(
        &mut self,
        side: usize,
        peer: EndState,
        tcp_flags: u16,
        payload_len: u32,
    ) -> EndState {
        match (tcp_flags & SYN != 0, side) {
            (true, 0) => SynSent,
            (true, _) => {
                if peer == SynSent {
                    self.ends[0] = Established;
                }
                Established
            }
            // A bare acknowledgement before the SYN/ACK opens nothing yet.
            (false, 1) if payload_len == 0 && peer == SynSent => Inactive,
            // The SYN was missed, the SYN/ACK was not.
            (false, _) if tcp_flags & ACK != 0 && peer == Established => Established,
            (false, _) => Partial,
        }
    }

    /// A window of zero from `side` means that it is full: not with or after its own RST,
    /// and not once the peer has no more to send.
    pub fn zero_window_tells(&self, side: usize, tcp_flags: u16) -> bool {
        tcp_flags & RST == 0
            && self.ends[1 - side] != Closed
            && !matches!(self.ends[side], Reset | ClosedThenReset)
    }

    /// A SYN was sent and nothing came back.
    pub fn is_opening(&self) -> bool {
        self.ends == [SynSent, Inactive]
    }

    /// Nothing but stragglers can follow.
    pub fn is_over(&self) -> bool {
        let reset = |end: EndState| matches!(end, Reset | ClosedThenReset);
        self.ends == [Closed, Closed] || reset(self.ends[0]) || reset(self.ends[1])
    }

    /// Zeek's `conn_state`; `empty`: neither end sent payload.
    pub fn name(&self, empty: bool) -> &'static str {
        let unseen = |end: EndState| matches!(end, Inactive | Partial);
        let reset = |end: EndState| matches!(end, Reset | ClosedThenReset);
        let [orig, resp] = self.ends;
        match (orig, resp) {
            _ if reset(resp) => match orig {
                SynSent => "REJ",
                _ if reset(orig) && empty => "REJ",
                _ if unseen(orig) => "RSTRH",
                _ => "RSTR",
            },
            _ if reset(orig) => match unseen(resp) {
                true => "RSTOS0",
                false => "RSTO",
            },
            (Closed, Closed) => "SF",
            (Closed, _) if unseen(resp) => "SH",
            (Closed, _) => "S2",
            (_, Closed) if unseen(orig) => "SHR",
            (_, Closed) => "S3",
            (SynSent, Inactive) => "S0",
            (Established, Established) => "S1",
            _ => "OTH",
        }
    }
}

/// Zeek's `conn_state` of UDP: who spoke.
pub fn udp_state(orig_spoke: bool, resp_spoke: bool) -> &'static str {
    match (orig_spoke, resp_spoke) {
        (true, true) => "SF",
        (true, false) => "S0",
        (false, true) => "SHR",
        (false, false) => "OTH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `>S <SA >A ...` (flags; `D` payload) and names the outcome.
    fn play(script: &str) -> &'static str {
        let mut state = ConnState::default();
        let mut empty = true;
        for step in script.split(' ') {
            let (side, letters) = (usize::from(step.starts_with('<')), &step[1..]);
            let bits = letters.chars().fold(0, |bits, letter| match letter {
                'S' => bits | SYN,
                'F' => bits | FIN,
                'R' => bits | RST,
                _ => bits | ACK,
            });
            let payload_len = u32::from(letters.contains('D'));
            empty &= payload_len == 0;
            state.update(side, bits, payload_len);
        }
        state.name(empty)
    }

    #[test]
    fn every_state_of_zeek() {
        for (script, expected) in [
            (">S", "S0"),
            (">S >S", "S0"),
            (">S <SA", "S1"),
            (">S <SA >A >D <D", "S1"),
            (">S <SA >A >F <A <F >A", "SF"),
            (">S <RA", "REJ"),
            (">S <SA >A >F <A", "S2"),
            (">S <SA >A <F >A", "S3"),
            (">S <SA >R", "RSTO"),
            (">S <SA >A >D <R", "RSTR"),
            (">S >R", "RSTOS0"),
            ("<SA <R", "RSTRH"),
            (">S >F", "SH"),
            ("<SA <F", "SHR"),
            (">A <A", "OTH"),
            (">D", "OTH"),
            (">F <F", "SF"),
        ] {
            assert_eq!(play(script), expected, "{script}");
        }
    }

    #[test]
    fn a_reset_after_both_fins_is_a_normal_end() {
        assert_eq!(play(">S <SA >A >F <F >R"), "SF");
        assert_eq!(play(">S <SA >A >F >R <F"), "SF");
        assert_eq!(play(">S <SA >A >D >F >R"), "RSTO");
    }

    #[test]
    fn an_early_bare_acknowledgement_does_not_hide_the_handshake() {
        assert_eq!(play(">S <A <SA >A"), "S1");
    }
}
