//! One bidirectional connection and what its two sides did.

use super::analysis::{Analysis, Totals};
use super::clock::Clock;
use super::community_id::{End, community_id};
use super::conn_state::udp_state;
use super::head::Head;
use super::history::History;
use super::ipid::IpidSteps;
use super::key::{Ports, is_icmp_reply, proto};
use super::payload;
use super::samples::Samples;
use super::segments::Walk;
use crate::decode::Address;

/// Why a flow left the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndReason {
    /// Closed or reset by its ends, or its ports were taken for a new connection.
    Closed,
    /// Idle for longer than its timeout.
    Timeout,
    /// It reached the age at which a record is cut; the rest of it is another flow.
    Active,
    /// The table was full and it was idle longest.
    Evicted,
    /// The input ended.
    #[default]
    End,
}

impl EndReason {
    /// Its name in the flows table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Active => "active",
            Self::Evicted => "evicted",
            Self::End => "end",
        }
    }
}

/// What one end sent.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Packets.
    pub n_packets: u64,
    /// Payload bytes by the headers.
    pub payload_bytes: u64,
    /// IP bytes, headers included.
    pub ip_bytes: u64,
    /// Time of the first packet, ns.
    pub first_ns: i64,
    /// Latest time of a packet, ns.
    pub last_ns: i64,
    /// Link address of the first packet.
    pub mac: Option<[u8; 6]>,
    /// TTL of the first packet.
    pub ttl: u8,
    /// Least TTL.
    pub ttl_min: u8,
    /// Greatest TTL.
    pub ttl_max: u8,
    /// Type of service or traffic class of the first packet.
    pub tos: u8,
    /// IPv4 identifications.
    pub ipid: IpidSteps,
    /// A few packets.
    pub samples: Samples,
    /// First payload bytes.
    pub head: payload::Head,
    /// TCP only.
    pub tcp: TcpSide,
}

impl Side {
    /// What a side starts with when its flow is cut: what is known of the connection, no counts.
    pub(super) fn rest(&self) -> Self {
        Self {
            tcp: TcpSide {
                next_seq: self.tcp.next_seq,
                syn: self.tcp.syn.clone(),
                first_window: self.tcp.first_window,
                rtt_ns: self.tcp.rtt_ns,
                ..TcpSide::default()
            },
            ..Self::default()
        }
    }
}

/// The part of a [`Side`] that only TCP has.
#[derive(Clone, Debug, Default)]
pub struct TcpSide {
    /// Timestamp clock; None before the first TSval other than 0.
    pub clock: Option<Box<Clock>>,
    /// Flags of all segments together.
    pub flags: u16,
    /// Segments with a timestamp option whose TSval is 0.
    pub n_ts_zero: u32,
    /// Segments whose payload had been sent before.
    pub n_retransmitted: u32,
    /// Greatest sequence number seen, plus one.
    pub next_seq: Option<u32>,
    /// The SYN's or SYN/ACK's; None where neither was seen.
    pub syn: Option<Box<Syn>>,
    /// Window of the first segment.
    pub first_window: Option<u16>,
    /// Handshake round trip, ns.
    pub rtt_ns: Option<i64>,
}

/// A side's SYN or SYN/ACK.
#[derive(Clone, Debug)]
pub struct Syn {
    /// Time of the first one, ns.
    pub time_ns: i64,
    /// How many were sent.
    pub n: u32,
    /// Initial sequence number.
    pub isn: u32,
    /// Maximum segment size announced.
    pub mss: Option<u16>,
    /// Window scale announced.
    pub wscale: Option<u8>,
    /// Window, unscaled.
    pub window: u16,
    /// It carried the timestamp option.
    pub has_timestamp: bool,
    /// It acknowledged: a SYN/ACK.
    pub acknowledges: bool,
    /// p0f raw signature.
    pub signature: Box<str>,
}

/// One bidirectional connection. What is not of one side comes first: it is fetched from memory
/// ahead of a packet, and the packet's side after it.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub struct Flow {
    /// What the flow table needs of it.
    pub head: Head,
    /// Zeek's letters.
    pub history: History,
    /// Where its entry in the connection table was last.
    pub(super) ct_hint: u32,
    /// Of TCP, kept only where it is asked for: of the lower and of the higher endpoint.
    pub(super) analysis: Option<Box<Analysis>>,
    /// Kept only where segments are asked for.
    pub(super) walk: Option<Box<Walk>>,
    /// Originator, responder.
    pub sides: [Side; 2],
    /// Number of its first packet, from 1.
    pub first_packet: u64,
    /// 4 or 6.
    pub ip_version: u8,
    /// Type and code of the first ICMP message.
    pub icmp: Option<(u8, u8)>,
    /// Outermost VLAN id of the first packet.
    pub vlan: Option<u16>,
    /// Why it ended.
    pub end: EndReason,
}

impl Flow {
    /// Address of the originator (0) or the responder (1).
    pub fn address(&self, side: usize) -> Address {
        if self.head.orig_is_high == (side == 0) {
            self.head.key.high
        } else {
            self.head.key.low
        }
    }

    /// Port of the originator (0) or the responder (1); ICMP: see [`Ports`].
    pub fn port(&self, side: usize) -> u16 {
        let of_high = match self.head.key.ports {
            Ports::Endpoints => self.head.orig_is_high == (side == 0),
            _ => side == 1,
        };
        if of_high {
            self.head.key.high_port
        } else {
            self.head.key.low_port
        }
    }

    /// Zeek's `conn_state`.
    pub fn conn_state(&self) -> &'static str {
        let [orig, resp] = &self.sides;
        match self.head.key.proto {
            proto::TCP => self
                .head
                .state
                .name(orig.payload_bytes == 0 && resp.payload_bytes == 0),
            proto::UDP => udp_state(orig.n_packets > 0, resp.n_packets > 0),
            _ => "OTH",
        }
    }

    /// Community ID version 1.
    pub fn community_id(&self) -> String {
        let mut ends = [0, 1].map(|side| End {
            address: self.address(side),
            port: self.port(side),
        });
        if let Some((kind, code)) = self.icmp {
            // Type and code are the first message's, whose sender may be the responder.
            ends.swap(0, is_icmp_reply(self.head.key.proto, kind).into());
            (ends[0].port, ends[1].port) = (kind.into(), code.into());
        }
        community_id(self.ip_version, self.head.key.proto, ends[0], ends[1])
    }

    /// What the analysis of segments counted of the originator (0) or the responder (1);
    /// None where it was not asked for, or the flow is not TCP.
    pub fn analysis_totals(&self, side: usize) -> Option<Totals> {
        let of_high = usize::from(self.head.orig_is_high == (side == 0));
        Some(self.analysis.as_ref()?.totals()[of_high])
    }
}
