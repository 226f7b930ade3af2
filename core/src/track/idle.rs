//! Which flow has been idle longest: one list per timeout, in order of last activity.
//!
//! A flow moves to its list's tail at most once per [`slack_s`] of packet time, so
//! the order is exact to that and a packet seldom pays for it.

use super::queue::Queues;

/// Flows that share a timeout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// A SYN without an answer.
    TcpOpening,
    /// A TCP connection, or the middle of one.
    TcpOpen,
    /// Closed or reset; waits for stragglers.
    TcpClosed,
    /// UDP that was seen for less than two seconds: mostly a question and its answer.
    UdpBrief,
    /// UDP that goes on.
    Udp,
    /// ICMP and ICMPv6.
    Icmp,
    /// Every other protocol.
    #[default]
    Other,
}

/// Seconds that a flow may have been active after its last move in its list: an eighth of
/// the timeout, within bounds.
pub fn slack_s(timeout_s: u32) -> u64 {
    u64::from(timeout_s / 8).clamp(1, 16)
}

/// How many classes there are.
pub const N_CLASSES: usize = 7;

/// All classes, in the order in which their ends are looked for.
pub const CLASSES: [Class; N_CLASSES] = [
    Class::TcpOpening,
    Class::TcpOpen,
    Class::TcpClosed,
    Class::UdpBrief,
    Class::Udp,
    Class::Icmp,
    Class::Other,
];

/// One list per class.
pub type IdleLists = Queues<N_CLASSES>;
