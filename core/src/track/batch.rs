//! Decoded packets in batches, and looking at them before their turn.
//!
//! With tens of thousands of flows alive each packet touches lines that are in no cache, one
//! behind the other: index slot, flow, its side, clock, hull. Waiting for them takes longer than
//! all the rest, so they are asked for some packets ahead. What is folded, and in which order,
//! stays the same.

use std::sync::Arc;

use super::flow::Flow;
use super::gist::{Gist, Part};
use super::index::NONE;
use super::key::KeyHasher;
use super::prefetch::prefetch_bytes;
use super::record::{Record as FlowRecord, Store};
use super::tracker::Tracker;
use crate::capture::{Reader, Record};
use crate::decode::Packet;

/// Packets in a batch at most: so many that handing a batch to another thread costs little, so
/// few that they stay in its cache.
pub const BATCH_PACKETS: usize = 4096;
/// Packets between two steps of looking ahead.
const STEP: usize = 6;
/// Frames between asking for a frame's headers and decoding it.
const AHEAD: usize = 8;
/// So many bytes of a frame are decoded, mostly.
const HEADER_BYTES: usize = 66;

/// What a tracker needs to know of packets besides what is decoded.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Its flow table's.
    pub hasher: KeyHasher,
    /// Whether checksums are wrong.
    pub checksums: bool,
}

/// Where frames lie that are not decoded yet.
#[derive(Debug)]
struct Raw {
    /// The number of the first.
    first: u64,
    buffer: Arc<Vec<u8>>,
}

/// Packets of a stretch of the stream, in order.
#[derive(Debug)]
pub struct Batch<R: FlowRecord = Flow> {
    /// The last frames, where they are not decoded yet.
    raw: Option<Raw>,
    records: Vec<Record>,
    gists: Vec<Gist>,
    /// The number of the flow of each, probably; [`NONE`]: it has none, or is new.
    guesses: Vec<u32>,
    store: R::Store,
}

impl<R: FlowRecord> Default for Batch<R> {
    fn default() -> Self {
        Self {
            raw: None,
            records: Vec::with_capacity(BATCH_PACKETS),
            gists: Vec::with_capacity(BATCH_PACKETS),
            guesses: Vec::with_capacity(BATCH_PACKETS),
            store: R::Store::default(),
        }
    }
}

impl Batch<Flow> {
    /// Adds a packet and a copy of its payload.
    pub fn push(&mut self, packet: &Packet<'_>, hasher: KeyHasher) {
        self.store.push(packet, None);
        self.gists.push(Gist::of(packet, hasher));
    }
}

impl<R: FlowRecord> Batch<R> {
    /// Packets in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.gists.len() + self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads and decodes up to `wanted` packets, replacing what was in it; how many there were.
    /// None at all: the stream has ended. `needs` are those of the tracker that they are meant for.
    pub fn read(&mut self, reader: &mut Reader, wanted: usize, needs: Needs) -> usize {
        self.clear();
        let wanted = wanted.min(BATCH_PACKETS);
        while self.len() < wanted && self.store.has_room() {
            let n_left = wanted - self.len();
            if let Some((first, buffer)) = reader.next_records(n_left, &mut self.records) {
                self.decode(first, buffer, needs);
            } else if let Some((frame, buffer)) = reader.next_frame_held() {
                self.gists.push(self.store.put(&frame, buffer, needs));
            } else {
                break;
            }
        }
        self.len()
    }

    /// The same, but what lies side by side in the reader's buffer is not decoded yet:
    /// [`Batch::decode_raw`] does so.
    pub fn read_raw(&mut self, reader: &mut Reader, wanted: usize, needs: Needs) -> usize {
        self.clear();
        let wanted = wanted.min(BATCH_PACKETS);
        while self.len() < wanted && self.store.has_room() {
            let n_left = wanted - self.len();
            if let Some((first, buffer)) = reader.next_records(n_left, &mut self.records) {
                let buffer = Arc::clone(buffer);
                self.raw = Some(Raw { first, buffer });
                break;
            } else if let Some((frame, buffer)) = reader.next_frame_held() {
                self.gists.push(self.store.put(&frame, buffer, needs));
            } else {
                break;
            }
        }
        self.len()
    }

    /// Decodes what is not decoded yet.
    pub fn decode_raw(&mut self, needs: Needs) {
        if let Some(Raw { first, buffer }) = self.raw.take() {
            self.decode(first, &buffer, needs);
        }
    }

    /// Decodes the records that lie in `buffer`.
    fn decode(&mut self, first: u64, buffer: &Arc<Vec<u8>>, needs: Needs) {
        for (i, record) in self.records.iter().enumerate() {
            if let Some(next) = self.records.get(i + AHEAD)
                && let Some(bytes) = buffer.get(next.start()..next.start() + HEADER_BYTES)
            {
                prefetch_bytes(bytes);
            }
            let frame = record.frame(first + i as u64, buffer);
            self.gists.push(self.store.put(&frame, Some(buffer), needs));
        }
        self.records.clear();
    }

    fn clear(&mut self) {
        self.raw = None;
        self.records.clear();
        self.gists.clear();
        self.store.clear();
    }

    /// Folds its packets in order and empties it.
    pub fn fold(&mut self, tracker: &mut Tracker<R>) {
        self.decode_raw(tracker.needs());
        self.guesses.clear();
        let delay = (R::LOOKS_AHEAD + 1) * STEP;
        for i in 0..self.len() + delay {
            if let Some(gist) = self.gists.get(i) {
                tracker.slab.prefetch_slot(gist.hash);
            }
            if let Some(gist) = behind(&self.gists, i, STEP) {
                let of_flow = gist.part == Part::OfFlow;
                let guess = of_flow.then(|| tracker.slab.guess(gist.hash)).flatten();
                if let Some(at) = guess {
                    tracker.slab.get(at).prefetch_head();
                }
                self.guesses.push(guess.unwrap_or(NONE));
            }
            if R::LOOKS_AHEAD > 1
                && let Some((at, from_high)) = self.guessed(i, 2 * STEP)
            {
                let flow = tracker.slab.get(at);
                flow.prefetch_side(from_high, &tracker.beside);
            }
            if R::LOOKS_AHEAD > 2
                && let Some((at, from_high)) = self.guessed(i, 3 * STEP)
            {
                tracker.slab.get(at).prefetch_rest(from_high);
            }
            if i >= delay {
                let at = i - delay;
                let (gist, guess) = (&self.gists[at], self.guesses[at]);
                let guess = (guess != NONE).then_some(guess);
                self.store
                    .with(at, |seen| tracker.fold_known(gist, guess, seen));
            }
        }
        self.clear();
    }

    /// The flow of the packet `n` before the one at `at`, probably, and whether the packet came
    /// from the higher end.
    #[inline]
    fn guessed(&self, at: usize, n: usize) -> Option<(u32, bool)> {
        let at = at.checked_sub(n)?;
        let guess = *self.guesses.get(at)?;
        (guess != NONE).then(|| (guess, self.gists[at].directed.from_high))
    }
}

/// The packet `n` before the one at `at`.
#[inline]
fn behind(gists: &[Gist], at: usize, n: usize) -> Option<&Gist> {
    gists.get(at.checked_sub(n)?)
}
