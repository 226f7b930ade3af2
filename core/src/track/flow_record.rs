//! Flows with all that signals need: what is kept of them while they are in the table.

use std::mem::offset_of;
use std::sync::Arc;

use super::analysis::Finding;
use super::batch::Needs;
use super::config::Config;
use super::earlier::Earlier;
use super::flow::{EndReason, Flow, Side};
use super::gist::Gist;
use super::head::Head;
use super::history::History;
use super::idle::Class;
use super::payload::Budget;
use super::prefetch::{prefetch, prefetch_first};
use super::record::{Record, Store};
use super::segments::Tracking;
use super::side::{Moment, fold_transport};
use super::tracker::Counters;
use crate::capture::Frame;
use crate::decode::{Packet, Tcp, Transport, decode, decode_verified};

/// Buffers of the reader that one batch holds at most: a slow pipe fills one with each packet.
const MAX_BUFFERS: usize = 4;
/// Bytes that one batch copies at most, but for the last packet's.
const MAX_COPIED_BYTES: usize = 1 << 20;

/// What the flows of a tracker share.
#[derive(Debug)]
pub struct Beside {
    pub(super) budget: Budget,
    pub(super) ended: Vec<Flow>,
    /// The connection table beside the flows, where it is asked for.
    pub(super) tracking: Option<Box<Tracking>>,
    /// Connections that are over, where segments are analysed.
    earlier: Option<Earlier>,
}

impl Beside {
    pub(super) fn new(config: &Config, tracking: Option<Tracking>) -> Self {
        Self {
            budget: Budget {
                left_bytes: config.payload_budget_bytes,
                n_dropped_bytes: 0,
            },
            ended: Vec::new(),
            tracking: tracking.map(Box::new),
            earlier: config.analysis.then(Earlier::default),
        }
    }
}

/// A decoded packet and its payload, which may be missing in the packet itself: few flows still
/// want payload, and a packet is not copied for those that do not.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    packet: &'a Packet<'a>,
    payload: &'a [u8],
}

impl<'a> Seen<'a> {
    /// A whole packet.
    pub(super) fn whole(packet: &'a Packet<'a>) -> Self {
        Self {
            packet,
            payload: packet.payload,
        }
    }
}

/// A packet that waits for the next one to tell whether its date is to be believed.
#[derive(Debug)]
pub struct Held {
    packet: Packet<'static>,
    payload: Box<[u8]>,
}

impl Flow {
    #[inline]
    fn side(&self, from_high: bool) -> &Side {
        &self.sides[self.head.side(from_high)]
    }

    /// Judges a segment against those before it on its ports.
    fn analyse(
        &mut self,
        earlier: &mut Earlier,
        gist: &Gist,
        tcp: &Tcp,
        moment: Moment,
    ) -> Finding {
        let analysis = self
            .analysis
            .get_or_insert_with(|| earlier.take(&gist.directed.key));
        let of_high = usize::from(gist.directed.from_high);
        analysis.push(of_high, tcp, gist.payload_len, moment.time_ns)
    }
}

impl Record for Flow {
    type Seen<'a> = Seen<'a>;
    type Held = Held;
    type Store = Packets;
    type Beside = Beside;

    const LOOKS_AHEAD: usize = 3;

    fn begin(head: Head, Seen { packet, .. }: Seen<'_>) -> Self {
        let icmp = match packet.transport {
            Transport::Icmp(icmp) => Some((icmp.kind, icmp.code)),
            _ => None,
        };
        Self {
            head,
            first_packet: packet.number,
            ip_version: packet.ip_version,
            icmp,
            vlan: packet.vlan,
            ..Self::default()
        }
    }

    #[inline]
    fn head(&self) -> &Head {
        &self.head
    }

    #[inline]
    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    #[inline]
    fn has_sent(&self, side: usize) -> bool {
        self.sides[side].n_packets > 0
    }

    #[inline]
    fn isn(&self, side: usize) -> Option<u32> {
        self.sides[side].tcp.syn.as_ref().map(|syn| syn.isn)
    }

    fn swap_sides(&mut self) {
        self.sides.swap(0, 1);
        self.history.swap();
    }

    #[inline]
    fn fold(
        &mut self,
        side: usize,
        gist: &Gist,
        seen: Seen<'_>,
        moment: Moment,
        config: &Config,
        beside: &mut Beside,
    ) {
        let wants_payload = self.sides[side].head.is_open() || beside.tracking.is_some();
        let whole: Packet<'_>;
        let packet = if wants_payload && seen.packet.payload.len() < seen.payload.len() {
            whole = Packet {
                payload: seen.payload,
                ..*seen.packet
            };
            &whole
        } else {
            seen.packet
        };
        self.sides[side].count(packet, moment, config);
        fold_transport(self, side, packet, moment, config, &mut beside.budget);
        let finding = match (&mut beside.earlier, &packet.transport) {
            (Some(earlier), Transport::Tcp(tcp)) => Some(self.analyse(earlier, gist, tcp, moment)),
            _ => None,
        };
        if let Some(tracking) = &mut beside.tracking {
            let key = (&gist.directed, gist.hash);
            tracking.judge(self, side, packet, key, moment.time_ns, finding);
        }
    }

    fn fold_fragment(&mut self, side: usize, gist: &Gist, moment: Moment, _: &mut Beside) {
        self.sides[side].count_bytes(gist.payload_len, gist.ip_len, moment);
    }

    fn cut(&mut self, head: Head, Seen { packet, .. }: Seen<'_>) -> Self {
        let rest = Self {
            head,
            first_packet: packet.number,
            walk: self.walk.take(),
            analysis: self.analysis.as_ref().map(|it| Box::new(it.rest())),
            history: History::default(),
            sides: self.sides.each_ref().map(Side::rest),
            ..*self
        };
        std::mem::replace(self, rest)
    }

    fn end(
        mut self,
        reason: EndReason,
        config: &Config,
        counters: &mut Counters,
        beside: &mut Beside,
    ) {
        self.end = match (reason, self.head.class) {
            (EndReason::Timeout | EndReason::End, Class::TcpClosed) => EndReason::Closed,
            _ => reason,
        };
        for side in &mut self.sides {
            side.head.close(&mut beside.budget);
            let kept = side.samples.rows(config.samples_per_side).count() as u64;
            counters.samples_thinned += u64::from(side.samples.n_seen()) - kept;
            if let Some(clock) = &side.tcp.clock {
                counters.hull_vertices_dropped += u64::from(clock.n_dropped);
            }
        }
        if let (Some(earlier), Some(analysis)) = (&mut beside.earlier, &self.analysis) {
            earlier.remember(&self.head.key, analysis);
        }
        beside.ended.push(self);
    }

    fn hold(Seen { packet, payload }: Seen<'_>) -> Held {
        Held {
            packet: Packet {
                payload: &[],
                ..*packet
            },
            payload: payload.into(),
        }
    }

    fn with_held<T>(held: &Held, use_it: impl FnOnce(Seen<'_>) -> T) -> T {
        use_it(Seen {
            packet: &held.packet,
            payload: &held.payload,
        })
    }

    fn checks_sums(beside: &Beside) -> bool {
        let tracking = beside.tracking.as_ref();
        tracking.is_some_and(|tracking| tracking.needs_checksums())
    }

    #[inline]
    fn prefetch_head(&self) {
        prefetch_first(self, offset_of!(Self, sides));
    }

    #[inline]
    fn prefetch_side(&self, from_high: bool, beside: &Beside) {
        prefetch(self.side(from_high));
        if let Some(tracking) = &beside.tracking {
            tracking.prefetch(self.ct_hint);
        }
    }

    #[inline]
    fn prefetch_rest(&self, from_high: bool) {
        if let Some(clock) = self.side(from_high).tcp.clock.as_deref() {
            prefetch(clock);
        }
    }
}

/// A decoded packet that waits to be folded.
#[derive(Debug, Default)]
struct Waiting {
    /// Without its payload.
    packet: Packet<'static>,
    payload: Place,
}

/// Where a payload is.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Of [`Packets::buffers`], from 1; 0: in [`Packets::copied`].
    buffer: u32,
    start: u32,
    len: u32,
}

/// All fields of the packets of a batch, and their payloads.
#[derive(Debug, Default)]
pub struct Packets {
    /// Those in it, and behind them places of earlier ones, which are written over: a packet is
    /// copied once.
    places: Vec<Waiting>,
    n_waiting: usize,
    /// Hold the payloads, so that these need not be copied.
    buffers: Vec<Arc<Vec<u8>>>,
    /// Payloads that no buffer holds.
    copied: Vec<u8>,
}

impl Packets {
    #[inline]
    pub(super) fn push(&mut self, packet: &Packet<'_>, buffer: Option<&Arc<Vec<u8>>>) {
        let payload = match packet.payload {
            [] => Place::default(),
            bytes => self.place(bytes, buffer),
        };
        if self.n_waiting == self.places.len() {
            self.places.push(Waiting::default());
        }
        let waiting = &mut self.places[self.n_waiting];
        waiting.packet = Packet {
            payload: &[],
            ..*packet
        };
        waiting.payload = payload;
        self.n_waiting += 1;
    }

    /// Where `bytes` stay: in `buffer`, which they lie in, or else copied.
    #[inline]
    fn place(&mut self, bytes: &[u8], buffer: Option<&Arc<Vec<u8>>>) -> Place {
        let Some(buffer) = buffer else {
            let start = self.copied.len() as u32;
            self.copied.extend_from_slice(bytes);
            return Place {
                buffer: 0,
                start,
                len: bytes.len() as u32,
            };
        };
        if self
            .buffers
            .last()
            .is_none_or(|last| !Arc::ptr_eq(last, buffer))
        {
            self.buffers.push(Arc::clone(buffer));
        }
        Place {
            buffer: self.buffers.len() as u32,
            start: (bytes.as_ptr().addr() - buffer.as_ptr().addr()) as u32,
            len: bytes.len() as u32,
        }
    }

    /// The bytes at a place.
    #[inline]
    fn bytes(&self, place: Place) -> &[u8] {
        let buffer = match place.buffer {
            0 => &self.copied,
            number => &self.buffers[number as usize - 1],
        };
        let start = place.start as usize;
        &buffer[start..start + place.len as usize]
    }
}

impl Store<Flow> for Packets {
    #[inline]
    fn put(&mut self, frame: &Frame<'_>, buffer: Option<&Arc<Vec<u8>>>, needs: Needs) -> Gist {
        let packet = match needs.checksums {
            true => decode_verified(frame),
            false => decode(frame),
        };
        self.push(&packet, buffer);
        Gist::of(&packet, needs.hasher)
    }

    #[inline]
    fn with<T>(&self, at: usize, use_it: impl FnOnce(Seen<'_>) -> T) -> T {
        let waiting = &self.places[at];
        let payload = match waiting.payload.len {
            0 => &[],
            _ => self.bytes(waiting.payload),
        };
        use_it(Seen {
            packet: &waiting.packet,
            payload,
        })
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.buffers.len() < MAX_BUFFERS && self.copied.len() < MAX_COPIED_BYTES
    }

    fn clear(&mut self) {
        self.n_waiting = 0;
        self.buffers.clear();
        self.copied.clear();
    }
}
