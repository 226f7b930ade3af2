//! The states of a tracked TCP connection, and what leads from one to the next.
//!
//! The observer stands in the middle: it sees segments that may yet be lost, and guesses from
//! them what both ends believe. States and events follow RFC 9293 section 3.3.2 as Linux
//! names them. The tables hold segments that fit the connection's windows; whether one does
//! is the business of `tcp_window`.

use crate::decode::flags::{ACK, FIN, RST, SYN};

/// How far a connection got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Nothing was seen yet.
    #[default]
    None,
    /// A SYN went out.
    SynSent,
    /// A SYN/ACK came back.
    SynRecv,
    /// The handshake was completed, or the connection picked up.
    Established,
    /// One end sent a FIN.
    FinWait,
    /// ... and it was acknowledged.
    CloseWait,
    /// Both ends sent a FIN.
    LastAck,
    /// ... and the last one was acknowledged.
    TimeWait,
    /// A RST ended it.
    Close,
    /// Both ends sent a SYN: a simultaneous open.
    SynSent2,
}

/// What a segment does, by its flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Event {
    /// SYN.
    Syn,
    /// SYN and ACK.
    SynAck,
    /// FIN, with an ACK.
    Fin,
    /// ACK alone, with or without data.
    Ack,
    /// RST, whatever else.
    Rst,
    /// None of these.
    #[default]
    None,
}

/// Where a segment leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// To this state.
    To(State),
    /// It may be right and the tracker wrong: let it pass, and see what is answered.
    Pass,
    /// It has no place here.
    Refuse,
}

impl State {
    /// All states, in order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::None,
        Self::SynSent,
        Self::SynRecv,
        Self::Established,
        Self::FinWait,
        Self::CloseWait,
        Self::LastAck,
        Self::TimeWait,
        Self::Close,
        Self::SynSent2,
    ];

    /// Its name in the segments table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SynSent => "syn_sent",
            Self::SynRecv => "syn_recv",
            Self::Established => "established",
            Self::FinWait => "fin_wait",
            Self::CloseWait => "close_wait",
            Self::LastAck => "last_ack",
            Self::TimeWait => "time_wait",
            Self::Close => "close",
            Self::SynSent2 => "syn_sent2",
        }
    }

    /// The connection is ending or has ended: its ports may be in use again already.
    #[must_use]
    pub const fn is_closing(self) -> bool {
        matches!(
            self,
            Self::FinWait | Self::CloseWait | Self::LastAck | Self::TimeWait | Self::Close
        )
    }
}

impl Event {
    /// All events, in order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Syn,
        Self::SynAck,
        Self::Fin,
        Self::Ack,
        Self::Rst,
        Self::None,
    ];

    /// The event of a segment's flags. RST outweighs SYN, SYN outweighs FIN.
    #[inline]
    #[must_use]
    pub const fn of(tcp_flags: u16) -> Self {
        if tcp_flags & RST != 0 {
            Self::Rst
        } else if tcp_flags & SYN != 0 {
            if tcp_flags & ACK != 0 {
                Self::SynAck
            } else {
                Self::Syn
            }
        } else if tcp_flags & FIN != 0 {
            Self::Fin
        } else if tcp_flags & ACK != 0 {
            Self::Ack
        } else {
            Self::None
        }
    }

    /// Its name in [`rows`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "synack",
            Self::Fin => "fin",
            Self::Ack => "ack",
            Self::Rst => "rst",
            Self::None => "none",
        }
    }
}

use State::{
    Close, CloseWait, Established, FinWait, LastAck, None as Nothing, SynRecv, SynSent, SynSent2,
    TimeWait,
};
use Step::{Pass, Refuse, To};

/// One state: what each event leads to, in the order of [`Event::ALL`]. No flags lead nowhere.
type Row = (State, [Step; 5]);

/// Segments of the end that opened.
#[rustfmt::skip]
const ORIGINAL: [Row; 10] = [
    //            SYN           SYN/ACK      FIN            ACK              RST
    (Nothing,     [To(SynSent),  Refuse,      Refuse,        To(Established), Refuse]),
    // Nothing was answered yet: only the SYN may be repeated.
    (SynSent,     [To(SynSent),  Refuse,      Refuse,        Refuse,          To(Close)]),
    (SynSent2,    [To(SynSent2), To(SynRecv), Refuse,        Refuse,          To(Close)]),
    (SynRecv,     [Pass,         To(SynRecv), To(FinWait),   To(Established), To(Close)]),
    (Established, [Pass,         Refuse,      To(FinWait),   To(Established), To(Close)]),
    // A second FIN may be the first one again; the windows cannot tell before it is acknowledged.
    (FinWait,     [Pass,         Refuse,      To(LastAck),   To(CloseWait),   To(Close)]),
    (CloseWait,   [Pass,         Refuse,      To(LastAck),   To(CloseWait),   To(Close)]),
    (LastAck,     [Pass,         Refuse,      To(LastAck),   To(TimeWait),    To(Close)]),
    // A new SYN opens the ports again (RFC 9293 section 3.6.1).
    (TimeWait,    [To(SynSent),  Refuse,      To(TimeWait),  To(TimeWait),    To(Close)]),
    (Close,       [To(SynSent),  Refuse,      To(Close),     To(Close),       To(Close)]),
];

/// Segments of the end that was called.
#[rustfmt::skip]
const REPLY: [Row; 10] = [
    //            SYN           SYN/ACK      FIN            ACK              RST
    (Nothing,     [Refuse,       Refuse,      Refuse,        Refuse,          Refuse]),
    // An ACK instead of a SYN/ACK: the called end may still hold an old connection.
    (SynSent,     [To(SynSent2), To(SynRecv), Refuse,        Pass,            To(Close)]),
    (SynSent2,    [To(SynSent2), To(SynRecv), Refuse,        Pass,            To(Close)]),
    (SynRecv,     [Refuse,       Pass,        To(FinWait),   To(SynRecv),     To(Close)]),
    (Established, [Refuse,       Pass,        To(FinWait),   To(Established), To(Close)]),
    (FinWait,     [Refuse,       Pass,        To(LastAck),   To(CloseWait),   To(Close)]),
    (CloseWait,   [Refuse,       Pass,        To(LastAck),   To(CloseWait),   To(Close)]),
    (LastAck,     [Refuse,       Pass,        To(LastAck),   To(TimeWait),    To(Close)]),
    // The ports open again the other way round.
    (TimeWait,    [To(SynSent),  Pass,        To(TimeWait),  To(TimeWait),    To(Close)]),
    (Close,       [Refuse,       Pass,        To(Close),     To(Close),       To(Close)]),
];

/// Both tables, indexed by direction, state and event.
const TABLES: [[[Step; 6]; 10]; 2] = [by_number(&ORIGINAL), by_number(&REPLY)];

const fn by_number(rows: &[Row; 10]) -> [[Step; 6]; 10] {
    let mut table = [[Refuse; 6]; 10];
    let mut row = 0;
    while row < rows.len() {
        let mut event = 0;
        while event < rows[row].1.len() {
            table[rows[row].0 as usize][event] = rows[row].1[event];
            event += 1;
        }
        row += 1;
    }
    table
}

/// Where a segment leads; `reply`: the called end sent it.
#[inline]
#[must_use]
pub const fn step(reply: bool, state: State, event: Event) -> Step {
    TABLES[reply as usize][state as usize][event as usize]
}

/// Both tables as rows `(direction, state, event, outcome)`: the outcome is a state's name,
/// `pass` or `refuse`.
pub fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    [("orig", ORIGINAL), ("reply", REPLY)]
        .into_iter()
        .flat_map(|(direction, table)| table.map(|row| (direction, row)))
        .flat_map(|(direction, (state, steps))| {
            Event::ALL.into_iter().zip(steps).map(move |(event, step)| {
                let outcome = match step {
                    To(next) => next.name(),
                    Pass => "pass",
                    Refuse => "refuse",
                };
                [direction, state.name(), event.name(), outcome]
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states that a conversation passes through: (from the called end, flags).
    fn walk(segments: &[(bool, u16)]) -> Vec<State> {
        let mut state = State::None;
        segments
            .iter()
            .map(|&(reply, tcp_flags)| {
                if let To(next) = step(reply, state, Event::of(tcp_flags)) {
                    state = next;
                }
                state
            })
            .collect()
    }

    #[test]
    fn every_state_has_its_row_in_both_tables() {
        for table in [ORIGINAL, REPLY] {
            let mut states: Vec<State> = table.iter().map(|row| row.0).collect();
            states.sort();
            assert_eq!(states, State::ALL);
        }
        assert_eq!(rows().count(), 2 * 10 * 5);
    }

    #[test]
    fn a_whole_life() {
        let segments = [
            (false, SYN),
            (true, SYN | ACK),
            (false, ACK),
            (false, FIN | ACK),
            (true, ACK),
            (true, FIN | ACK),
            (false, ACK),
        ];
        assert_eq!(
            walk(&segments),
            [
                SynSent,
                SynRecv,
                Established,
                FinWait,
                CloseWait,
                LastAck,
                TimeWait
            ]
        );
    }

    #[test]
    fn both_ends_may_open_and_close_at_once() {
        let segments = [(false, SYN), (true, SYN), (true, SYN | ACK), (false, ACK)];
        assert_eq!(walk(&segments), [SynSent, SynSent2, SynRecv, Established]);
        let segments = [(false, ACK), (false, FIN | ACK), (true, FIN | ACK)];
        assert_eq!(walk(&segments), [Established, FinWait, LastAck]);
    }

    #[test]
    fn flags_by_weight() {
        assert_eq!(Event::of(RST | SYN | ACK), Event::Rst);
        assert_eq!(Event::of(SYN | FIN), Event::Syn);
        assert_eq!(Event::of(0), Event::None);
        for state in State::ALL {
            assert_eq!(step(false, state, Event::None), Refuse);
            assert_eq!(step(true, state, Event::None), Refuse);
        }
    }
}
