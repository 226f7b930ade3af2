//! The tracker's word on each packet, where it is asked for.

use super::analysis::Finding;
use super::conntrack::{Conntrack, CtConfig, Verdict};
use super::flow::Flow;
use super::key::{Directed, KeyHasher};
use crate::decode::flags::{FIN, SYN};
use crate::decode::{Packet, Tcp, Transport};

/// Greatest window scale (RFC 7323 section 2.3).
const MAX_SCALE: u8 = 14;

/// One packet and what is said of it: a row of the segments table.
#[derive(Clone, Copy, Debug)]
pub struct SegmentRow {
    /// Number of the packet.
    pub packet: u64,
    /// Its time, ns.
    pub time_ns: i64,
    /// Its flow.
    pub flow_id: u64,
    /// Who sent it: 0 originator, 1 responder.
    pub side: u8,
    /// The connection tracker's word.
    pub verdict: Verdict,
    /// Its word under the other settings, where it is not the same.
    pub what_if: Option<Verdict>,
    /// TCP only.
    pub numbers: Option<Numbers>,
    /// TCP only.
    pub finding: Option<Finding>,
}

/// A segment's numbers counted from the beginning of each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Its sequence number.
    pub seq_rel: u32,
    /// What it acknowledges; None without ACK.
    pub ack_rel: Option<u32>,
    /// The sequence number that follows.
    pub next_seq_rel: u32,
    /// Window in bytes.
    pub window_bytes: u64,
}

/// What the rows of a flow need to know of its past.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// First number of the lower and of the higher endpoint: its SYN's, else the one before
    /// the first that was seen.
    bases: [Option<u32>; 2],
}

impl Walk {
    /// Counts a segment's numbers from the bases.
    fn number(&mut self, flow: &Flow, side: usize, tcp: &Tcp, packet: &Packet<'_>) -> Numbers {
        let from_high = usize::from((side == 0) == flow.head.orig_is_high);
        let has = |flag: u16| tcp.flags & flag != 0;
        let base = &mut self.bases[from_high];
        if has(SYN) {
            *base = Some(tcp.seq);
        }
        let base = *base.get_or_insert(tcp.seq.wrapping_sub(1));
        let ack_rel = has(crate::decode::flags::ACK).then(|| {
            let base = self.bases[1 - from_high].get_or_insert(tcp.ack.wrapping_sub(1));
            tcp.ack.wrapping_sub(*base)
        });
        let seq_rel = tcp.seq.wrapping_sub(base);
        let controls = u32::from(has(SYN)) + u32::from(has(FIN));
        let shift = if has(SYN) { 0 } else { scale(flow, side) };
        Numbers {
            seq_rel,
            ack_rel,
            next_seq_rel: seq_rel
                .wrapping_add(packet.payload_len)
                .wrapping_add(controls),
            window_bytes: u64::from(tcp.window) << shift,
        }
    }
}

/// The shift of a side's windows: its own, if both SYNs offered one.
fn scale(flow: &Flow, side: usize) -> u8 {
    let offer = |side: usize| flow.sides[side].tcp.syn.as_ref().and_then(|syn| syn.wscale);
    match (offer(side), offer(1 - side)) {
        (Some(own), Some(_)) => own.min(MAX_SCALE),
        _ => 0,
    }
}

/// Connection tables beside the flow table, and the rows they fill.
#[derive(Debug)]
pub struct Tracking {
    conntrack: Conntrack,
    what_if: Option<Conntrack>,
    /// None: rows are not asked for.
    rows: Option<Vec<SegmentRow>>,
}

impl Tracking {
    pub(super) fn new(
        ct: CtConfig,
        what_if: Option<CtConfig>,
        segments: bool,
        hasher: KeyHasher,
    ) -> Self {
        Self {
            conntrack: Conntrack::new(ct, hasher),
            what_if: what_if.map(|config| Conntrack::new(config, hasher)),
            rows: segments.then(Vec::new),
        }
    }

    pub(super) fn conntrack(&self) -> &Conntrack {
        &self.conntrack
    }

    /// One of the tables wants to know which packets have wrong checksums.
    pub(super) fn needs_checksums(&self) -> bool {
        let tables = [Some(&self.conntrack), self.what_if.as_ref()];
        tables
            .into_iter()
            .flatten()
            .any(|table| table.config().checksum)
    }

    pub(super) fn drain(&mut self) -> Vec<SegmentRow> {
        self.rows.as_mut().map(std::mem::take).unwrap_or_default()
    }

    #[inline]
    pub(super) fn prefetch(&self, hint: u32) {
        self.conntrack.prefetch(hint);
    }

    /// Judges a packet that its flow has taken into account already.
    #[inline]
    pub(super) fn judge(
        &mut self,
        flow: &mut Flow,
        side: usize,
        packet: &Packet<'_>,
        key: (&Directed, u64),
        time_ns: i64,
        finding: Option<Finding>,
    ) {
        let now_ns = flow.head.seen_ns;
        let verdict = self
            .conntrack
            .judge(packet, key, flow.head.id, now_ns, &mut flow.ct_hint);
        let what_if = self.what_if.as_mut().and_then(|table| {
            let other = table.judge(packet, key, flow.head.id, now_ns, &mut 0);
            (!other.agrees(&verdict)).then_some(other)
        });
        if let Some(rows) = &mut self.rows {
            let numbers = match packet.transport {
                Transport::Tcp(ref tcp) => {
                    let mut walk = flow.walk.take().unwrap_or_default();
                    let numbers = walk.number(flow, side, tcp, packet);
                    flow.walk = Some(walk);
                    Some(numbers)
                }
                _ => None,
            };
            rows.push(SegmentRow {
                packet: packet.number,
                time_ns,
                flow_id: flow.head.id,
                side: side as u8,
                verdict,
                what_if,
                numbers,
                finding,
            });
        }
    }
}
