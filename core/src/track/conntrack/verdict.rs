//! What the connection tracker says of a packet.

use super::tcp_state::State;

/// A packet's state in terms of its connection: Linux's `ct state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CtState {
    /// It begins an entry, or repeats the beginning: nothing came back yet.
    #[default]
    New,
    /// The entry saw packets both ways, this one included.
    Established,
    /// It begins an entry that another announced, or is an error about an entry.
    Related,
    /// It belongs to no entry, or does not fit into its own.
    Invalid,
    /// It is never tracked: neighbour discovery.
    Untracked,
}

impl CtState {
    /// Its name in the segments table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Related => "related",
            Self::Invalid => "invalid",
            Self::Untracked => "untracked",
        }
    }
}

/// Declares [`Reason`], its names and its meanings from one list.
macro_rules! reasons {
    ($($variant:ident $name:literal $meaning:literal,)+) => {
        /// Why a packet is invalid; where it is not, what is odd about it.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason {
            /// Nothing.
            #[default]
            None = 0,
            $(#[doc = $meaning] $variant,)+
        }

        impl Reason {
            /// Every reason but `None`, in order of their numbers from 1.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in the segments table; empty for `None`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::None => "",
                    $(Self::$variant => $name,)+
                }
            }

            /// What it means, in one line; empty for `None`.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    Self::None => "",
                    $(Self::$variant => $meaning,)+
                }
            }
        }
    };
}

reasons! {
    TcpTruncated "tcp_truncated" "the TCP header is shorter than 20 bytes, or longer than the packet",
    TcpFlags "tcp_flags" "no TCP sends these flags together",
    NotOpening "not_opening" "there is no entry, and this segment cannot begin one",
    NotPickedUp "not_picked_up" "there is no entry, and connections under way are not picked up (loose=0)",
    WrongState "wrong_state" "the connection's state does not allow this segment",
    RstBeforeAck "rst_before_ack" "the RST numbers a byte that the other end has acknowledged already",
    RstNotExact "rst_not_exact" "the RST is in the window, but not on the next byte expected; its receiver would challenge it",
    SeqOver "seq_over" "it begins beyond the window that the other end announced",
    WindowOverrun "window_overrun" "it begins in the window and ends beyond it",
    SeqUnder "seq_under" "it ends below the window: all of it was acknowledged before",
    AckOver "ack_over" "it acknowledges bytes that were not seen",
    AckUnder "ack_under" "its acknowledgement is older than a window's length",
    TimestampOld "timestamp_old" "its timestamp is older than the last one of its side (PAWS)",
    SynInWindow "syn_in_window" "a SYN while the connection is open; the answer will tell who is out of step",
    SynAckAgain "synack_again" "a SYN/ACK that the connection's state has no use for",
    AckBeforeSynAck "ack_before_synack" "the answer to a SYN acknowledges without opening: a half-open connection, or a challenge",
    ChallengeAck "challenge_ack" "an ACK that challenges a SYN, not the last ACK of the close",
    PickedUp "picked_up" "the connection was under way; its windows are taken on trust",
    Reopened "reopened" "the ports of a closed connection are used again",
    InStep "in_step" "the SYN/ACK answers a SYN that was passed over: the tracker is in step again",
    ThirdParty "third_party" "it announces a connection to an address that is not its sender's: not expected",
    UdpLength "udp_length" "the UDP length, or the coverage of UDP-Lite, is below 8 bytes or beyond the packet",
    UdpLiteChecksum "udp_lite_checksum" "UDP-Lite without a checksum, which it must have",
    Checksum "checksum" "a checksum is wrong",
    IcmpType "icmp_type" "an ICMP type that is not assigned",
    IcmpNotRequest "icmp_not_request" "an ICMP message without an entry that is not a request",
    IcmpQuote "icmp_quote" "an ICMP error whose quoted packet cannot be read",
    IcmpNoMatch "icmp_no_match" "an ICMP error about a packet of no entry",
    IcmpOtherTarget "icmp_other_target" "an ICMP error sent to another address than the packet it quotes came from",
    GreVersion "gre_version" "GRE of version 1 that does not carry PPP",
    SctpCut "sctp_cut" "the SCTP header is not whole",
    SctpChunks "sctp_chunks" "there are no SCTP chunks, or they cannot be together",
    SctpTag "sctp_tag" "the SCTP verification tag is not the association's",
    TableFull "table_full" "the table is full of entries that are not given up",
}

/// An edge of a window and how far a packet went past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The edge as a number on the wire: the first one beyond it.
    pub number: u32,
    /// Bytes beyond.
    pub excess: i64,
    /// Number of the packet that set the edge, 0 where it is not known.
    pub packet: u64,
}

/// What was found wrong or odd about a packet; filled in where something was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    pub reason: Reason,
    pub bound: Option<Bound>,
}

impl Finding {
    /// Notes a reason, and the edge that it is about.
    #[inline]
    pub fn set(&mut self, reason: Reason, bound: Option<Bound>) {
        *self = Self { reason, bound };
    }
}

/// The state of an entry after a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// TCP only.
    pub tcp_state: Option<State>,
    /// Whole seconds that the entry lives on without another packet.
    pub timeout_s: u32,
    /// It is not dropped early.
    pub assured: bool,
}

/// What is said of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// In Linux's terms.
    pub ct_state: CtState,
    /// It goes against the direction of its entry's first packet.
    pub reply: bool,
    /// Its entry after it; None where it has none, or ended it.
    pub after: Option<After>,
    /// Why it is invalid, or what is odd where it is not.
    pub reason: Reason,
    /// The edge that it went past.
    pub bound: Option<Bound>,
    /// The flow that announced this one, or that an ICMP error is about.
    pub parent_flow: Option<u64>,
}

impl Verdict {
    /// A packet that belongs to no entry.
    #[must_use]
    pub(super) fn invalid(reason: Reason) -> Self {
        Self {
            ct_state: CtState::Invalid,
            reason,
            ..Self::default()
        }
    }

    /// Whether the two say the same of a packet; how long entries live is left out.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        let tcp_state = |verdict: &Self| verdict.after.and_then(|after| after.tcp_state);
        (self.ct_state, self.reply, tcp_state(self))
            == (other.ct_state, other.reply, tcp_state(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_snake_case() {
        let names: HashSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(!reason.meaning().is_empty());
            let mut letters = reason.name().bytes();
            assert!(letters.all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }
}
