//! What happened on a connection in order, in Zeek's letters: upper case the
//! originator, lower case the responder, each letter once per side.

use crate::decode::flags::{ACK, FIN, RST, SYN};

/// `^`: the roles were swapped, since the responder was seen first.
const SWAPPED: u8 = b'^';

/// The letters so far. At most ten per side and the mark of a swap, so it is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    letters: [u8; 24],
    n: u8,
    seen: [u16; 2],
}

impl History {
    /// The letters as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.letters[..self.n.into()]).unwrap_or("")
    }

    /// Notes a TCP segment: `s h a d f r`, `i` for FIN with RST, `q` for SYN with either.
    #[inline]
    pub fn segment(&mut self, side: usize, tcp_flags: u16, payload_len: u32) {
        let letter = match tcp_flags & (SYN | FIN | RST) {
            0 if payload_len > 0 => b'd',
            0 if tcp_flags & ACK != 0 => b'a',
            0 => return,
            SYN if tcp_flags & ACK != 0 => b'h',
            SYN => b's',
            FIN => b'f',
            RST => b'r',
            both if both == FIN | RST => b'i',
            _ => b'q',
        };
        self.note(side, letter);
    }

    /// Notes one letter (lower case), unless that side has it already.
    #[inline]
    pub fn note(&mut self, side: usize, letter: u8) {
        let bit = match letter {
            b's' => 0,
            b'h' => 1,
            b'a' => 2,
            b'd' => 3,
            b'f' => 4,
            b'r' => 5,
            b'i' => 6,
            b'q' => 7,
            b't' => 8,
            _ => 9,
        };
        if self.seen[side] & 1 << bit == 0 {
            self.seen[side] |= 1 << bit;
            self.push(if side == 0 {
                letter.to_ascii_uppercase()
            } else {
                letter
            });
        }
    }

    /// Swaps the roles: letters so far change case, and a `^` is noted.
    pub fn swap(&mut self) {
        for letter in &mut self.letters[..self.n.into()] {
            *letter ^= if letter.is_ascii_alphabetic() {
                0x20
            } else {
                0
            };
        }
        self.seen.swap(0, 1);
        self.push(SWAPPED);
    }

    fn push(&mut self, letter: u8) {
        if let Some(place) = self.letters.get_mut(usize::from(self.n)) {
            *place = letter;
            self.n += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_each_letter_once_per_side() {
        let mut history = History::default();
        for (side, flags, len) in [
            (0, SYN, 0),
            (0, SYN, 0),
            (1, SYN | ACK, 0),
            (0, ACK, 0),
            (0, ACK, 9),
            (1, ACK, 0),
            (1, ACK, 9),
            (0, FIN | ACK, 0),
            (1, FIN | ACK, 4),
            (0, FIN | RST, 0),
            (1, SYN | RST, 0),
        ] {
            history.segment(side, flags, len);
        }
        assert_eq!(history.as_str(), "ShADadFfIq");
    }

    #[test]
    fn a_swap_turns_the_cases() {
        let mut history = History::default();
        history.segment(0, SYN | ACK, 0);
        history.swap();
        history.segment(0, ACK, 0);
        assert_eq!(history.as_str(), "h^A");
    }
}
