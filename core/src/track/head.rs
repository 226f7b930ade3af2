//! What the flow table itself needs of a flow.

use super::conn_state::ConnState;
use super::gist::Gist;
use super::idle::Class;
use super::key::{Key, proto};

/// UDP that goes on for so long is a stream.
const STREAM_NS: i64 = 2_000_000_000;

/// The beginning of every record of a flow.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Head {
    /// Its identity.
    pub key: Key,
    /// The originator is `key.high`.
    pub orig_is_high: bool,
    pub(super) class: Class,
    /// It is in the table.
    pub(super) is_alive: bool,
    /// What went before was handed out at the active timeout.
    pub continues: bool,
    /// TCP states of both ends.
    pub state: ConnState,
    /// Of the key.
    pub(super) hash: u64,
    /// The tracker's own clock at its last packet, ns.
    pub(super) seen_ns: i64,
    /// Second of its last move in the idle lists.
    pub(super) touched_s: u64,
    /// Latest time of a packet, ns.
    pub last_ns: i64,
    /// Time of the first packet, ns.
    pub first_ns: i64,
    /// Number of the flow in order of first packets, from 0.
    pub id: u64,
}

impl Head {
    /// Of a flow that this packet begins.
    pub(super) fn begin(id: u64, packet: &Gist, time_ns: i64) -> Self {
        let mut head = Self {
            key: packet.directed.key,
            orig_is_high: packet.directed.from_high,
            hash: packet.hash,
            last_ns: time_ns,
            first_ns: time_ns,
            id,
            ..Self::default()
        };
        head.class = head.class_now();
        head
    }

    /// Of the rest of a flow, cut at a packet.
    pub(super) fn rest(&self, id: u64, time_ns: i64) -> Self {
        Self {
            id,
            first_ns: time_ns,
            last_ns: time_ns,
            continues: true,
            ..*self
        }
    }

    /// Which side sent a packet of this flow: 0 the originator, 1 the responder.
    #[inline]
    pub(super) fn side(&self, from_high: bool) -> usize {
        usize::from(from_high != self.orig_is_high)
    }

    /// Whether it has lived for `limit_s` seconds; 0: no limit.
    #[inline]
    pub(super) fn is_older_than(&self, time_ns: i64, limit_s: u32) -> bool {
        limit_s != 0 && time_ns.saturating_sub(self.first_ns) >= i64::from(limit_s) * 1_000_000_000
    }

    /// Seen for so short a time that Linux does not take it for a stream (`nf_conntrack_proto_udp`).
    #[inline]
    fn is_brief(&self) -> bool {
        !self.continues && self.last_ns.saturating_sub(self.first_ns) < STREAM_NS
    }

    /// What its protocol and state make it now.
    #[inline]
    pub(super) fn class_now(&self) -> Class {
        match self.key.proto {
            proto::TCP if self.state.is_over() => Class::TcpClosed,
            proto::TCP if self.state.is_opening() => Class::TcpOpening,
            proto::TCP => Class::TcpOpen,
            proto::UDP if self.is_brief() => Class::UdpBrief,
            proto::UDP => Class::Udp,
            proto::ICMP | proto::ICMPV6 => Class::Icmp,
            _ => Class::Other,
        }
    }
}
