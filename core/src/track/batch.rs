//! Decoded packets in batches, and looking at them before their turn.
//!
//! With tens of thousands of flows alive each packet touches lines that are in no cache, one
//! behind the other: index slot, flow, its side, clock, hull. Waiting for them takes longer than
//! all the rest, so they are asked for some packets ahead. What is folded, and in which order,
//! stays the same.

use std::sync::Arc;

use super::key::{Directed, KeyHasher};
use super::tracker::{Named, Tracker};
use crate::capture::Reader;
use crate::decode::{Packet, decode, decode_verified};

/// Packets in a batch at most: so many that handing a batch to another thread costs little, so
/// few that they stay in its cache.
pub const BATCH_PACKETS: usize = 1024;
/// Packets between two steps of looking ahead.
const STEP: usize = 6;
/// Buffers of the reader that one batch holds at most: a slow pipe fills one with each packet.
const MAX_BUFFERS: usize = 4;
/// Bytes that one batch copies at most, but for the last packet's.
const MAX_COPIED_BYTES: usize = 1 << 20;

/// A decoded packet that waits to be folded.
#[derive(Debug, Default)]
struct Waiting {
    /// Without its payload.
    packet: Packet<'static>,
    payload: Place,
    /// Key and direction; None where the packet names no flow.
    directed: Option<Directed>,
    /// Of the key.
    hash: u64,
    /// Its flow, probably.
    flow: Option<u32>,
}

/// Where a payload is.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Of [`Batch::buffers`], from 1; 0: in [`Batch::copied`].
    buffer: u32,
    start: u32,
    len: u32,
}

/// What a tracker needs to know of packets besides what is decoded.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Its flow table's.
    pub hasher: KeyHasher,
    /// Whether checksums are wrong.
    pub checksums: bool,
}

/// Packets of a stretch of the stream, in order.
#[derive(Debug, Default)]
pub struct Batch {
    /// Those in it, and behind them places of earlier ones, which are written over: a packet is
    /// copied once.
    places: Vec<Waiting>,
    n_waiting: usize,
    /// Hold the payloads, so that these need not be copied.
    buffers: Vec<Arc<Vec<u8>>>,
    /// Payloads that no buffer holds.
    copied: Vec<u8>,
}

impl Batch {
    /// Packets in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n_waiting
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_waiting == 0
    }

    /// Reads and decodes up to `wanted` packets, replacing what was in it; how many there were.
    /// None at all: the stream has ended. `needs` are those of the tracker that they are meant for.
    pub fn read(&mut self, reader: &mut Reader, wanted: usize, needs: Needs) -> usize {
        self.clear();
        while self.len() < wanted.min(BATCH_PACKETS)
            && self.buffers.len() < MAX_BUFFERS
            && self.copied.len() < MAX_COPIED_BYTES
            && let Some((frame, buffer)) = reader.next_frame_held()
        {
            if needs.checksums {
                self.put(&decode_verified(&frame), buffer, needs.hasher);
            } else {
                self.put(&decode(&frame), buffer, needs.hasher);
            }
        }
        self.len()
    }

    /// Adds a packet and a copy of its payload.
    pub fn push(&mut self, packet: &Packet<'_>, hasher: KeyHasher) {
        self.put(packet, None, hasher);
    }

    #[inline]
    fn put(&mut self, packet: &Packet<'_>, buffer: Option<&Arc<Vec<u8>>>, hasher: KeyHasher) {
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
        waiting.directed = Directed::of(packet);
        if let Some(directed) = &waiting.directed {
            waiting.hash = hasher.hash(&directed.key);
        }
        waiting.flow = None;
        self.n_waiting += 1;
    }

    fn clear(&mut self) {
        self.n_waiting = 0;
        self.buffers.clear();
        self.copied.clear();
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

    /// Folds its packets in order and empties it.
    pub fn fold(&mut self, tracker: &mut Tracker) {
        for i in 0..self.len() + 4 * STEP {
            let waiting = &mut self.places[..self.n_waiting];
            if let Some(waiting) = waiting.get(i) {
                tracker.slab.prefetch_slot(waiting.hash);
            }
            if let Some(waiting) = behind(waiting, i, STEP)
                && waiting.directed.is_some()
            {
                waiting.flow = tracker.slab.guess(waiting.hash);
                if let Some(at) = waiting.flow {
                    tracker.slab.prefetch_flow(at);
                }
            }
            if let Some((at, from_high)) = flow_of(behind(waiting, i, 2 * STEP)) {
                tracker.slab.prefetch_side(at, from_high);
                if let Some(tracking) = &tracker.tracking {
                    tracking.prefetch(tracker.slab.get(at).ct_hint);
                }
            }
            if let Some((at, from_high)) = flow_of(behind(waiting, i, 3 * STEP)) {
                tracker.slab.prefetch_clock(at, from_high);
            }
            if i >= 4 * STEP {
                self.fold_one(i - 4 * STEP, tracker);
            }
        }
        self.clear();
    }

    #[inline]
    fn fold_one(&self, at: usize, tracker: &mut Tracker) {
        let waiting = &self.places[at];
        let flow = waiting.directed.as_ref().map(|directed| Named {
            directed,
            hash: waiting.hash,
            guess: waiting.flow,
        });
        if waiting.payload.len == 0 {
            tracker.fold_known(&waiting.packet, flow);
        } else {
            let packet = Packet {
                payload: self.bytes(waiting.payload),
                ..waiting.packet
            };
            tracker.fold_known(&packet, flow);
        }
    }
}

/// The packet `n` before the one at `at`.
#[inline]
fn behind(waiting: &mut [Waiting], at: usize, n: usize) -> Option<&mut Waiting> {
    waiting.get_mut(at.checked_sub(n)?)
}

/// A packet's flow, probably, and whether it came from the higher end.
#[inline]
fn flow_of(waiting: Option<&mut Waiting>) -> Option<(u32, bool)> {
    let waiting = waiting?;
    Some((waiting.flow?, waiting.directed?.from_high))
}
