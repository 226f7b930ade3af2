//! The entries of the table as rows, for listings.

use super::super::key::{Ports, proto};
use super::entry::Entry;
use super::tuple::request_of;
use super::verdict::After;
use crate::decode::Address;

/// An entry that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// The flow of its first packet.
    pub flow_id: u64,
    /// The flow that announced it.
    pub parent_flow: Option<u64>,
    /// IP protocol number.
    pub proto: u8,
    /// Who sent its first packet.
    pub src: Address,
    /// To whom.
    pub dst: Address,
    /// The sender's port; None where the protocol has none.
    pub sport: Option<u16>,
    /// The receiver's port.
    pub dport: Option<u16>,
    /// ICMP: type, code and identifier of the requests.
    pub icmp: Option<(u8, u8, u16)>,
    /// Its state.
    pub after: After,
    /// Packets went both ways.
    pub replied: bool,
    /// What reads its payload.
    pub helper: Option<&'static str>,
}

impl EntryRow {
    pub(super) fn new(entry: &Entry, after: After, helper: Option<&'static str>) -> Self {
        let key = &entry.key;
        let (low, high) = ((key.low, key.low_port), (key.high, key.high_port));
        let ((src, sport), (dst, dport)) = if entry.orig_is_high {
            (high, low)
        } else {
            (low, high)
        };
        let has_ports = key.ports == Ports::Endpoints
            && matches!(
                key.proto,
                proto::TCP | proto::UDP | proto::SCTP | super::tuple::UDP_LITE
            );
        Self {
            flow_id: entry.flow_id,
            parent_flow: entry.parent_flow,
            proto: key.proto,
            src,
            dst,
            sport: has_ports.then_some(sport),
            dport: has_ports.then_some(dport),
            icmp: (key.ports == Ports::Echo).then(|| request_of(key)),
            after,
            replied: entry.seen_reply,
            helper,
        }
    }
}
