//! One entry of the connection table.

use super::super::key::Key;
use super::sctp::Association;
use super::tcp::Connection;
use super::tcp_state::State;
use super::timeout::Timeout;

/// A connection, or what passes for one. What each packet needs comes first: an entry is
/// fetched from memory ahead of its packet, line by line.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Entry {
    /// The flow of its first packet.
    pub flow_id: u64,
    /// When its time began to run anew.
    pub refreshed_ns: i64,
    /// Second of its last move in the queues.
    pub touched_s: u64,
    pub timeout: Timeout,
    /// The queue it is in: of its timeout, or of a shorter one that it was under before.
    pub queue: u8,
    /// Its first packet came from `key.high`.
    pub orig_is_high: bool,
    /// Packets went both ways.
    pub seen_reply: bool,
    /// It is not dropped early.
    pub assured: bool,
    pub is_alive: bool,
    /// Its payload is read for what it announces.
    pub is_read: bool,
    pub inner: Inner,
    /// The flow that announced it.
    pub parent_flow: Option<u64>,
    pub key: Key,
    pub hash: u64,
}

impl Entry {
    /// The port that its first packet went to.
    pub fn dport(&self) -> u16 {
        if self.orig_is_high {
            self.key.low_port
        } else {
            self.key.high_port
        }
    }
}

const _: () = assert!(size_of::<Entry>() <= 256);

/// What a protocol needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inner {
    /// TCP.
    Tcp(Connection),
    /// UDP and UDP-Lite: from when on an exchange counts as a stream.
    Udp { stream_after_ns: i64 },
    /// GRE.
    Gre,
    /// SCTP.
    Sctp(Association),
    /// ICMP requests.
    Icmp,
    /// ICMPv6 requests.
    Icmpv6,
    /// Every other protocol.
    Generic,
}

impl Inner {
    /// TCP only.
    #[inline]
    pub fn tcp_state(&self) -> Option<State> {
        match self {
            Self::Tcp(connection) => Some(connection.state),
            _ => None,
        }
    }
}
