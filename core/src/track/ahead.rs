//! Looks at packets before their turn, so that their flows are in the cache when it comes.
//!
//! With tens of thousands of flows alive each packet touches lines that are in no
//! cache, one behind the other: index slot, flow, clock, hull. Waiting for them takes
//! longer than all the rest. What is folded, and in which order, stays the same.

use super::key::Directed;
use super::tracker::Tracker;
use crate::decode::Packet;

/// Packets between two steps of looking ahead.
const STEP: usize = 6;
/// Packets under way at most: four steps.
const DEPTH: usize = 4 * STEP;

/// A packet on its way, with a copy of its payload.
#[derive(Debug, Default)]
struct Waiting {
    packet: Packet<'static>,
    payload: Vec<u8>,
    hash: u64,
    /// Key and direction; None where the packet names no flow.
    directed: Option<Directed>,
    /// Its flow, probably.
    flow: Option<u32>,
}

/// A ring of the packets that came but were not folded yet.
#[derive(Debug)]
pub struct Ahead {
    ring: [Waiting; DEPTH],
    /// How many came in all.
    n_in: usize,
    /// How many left.
    n_out: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            ring: std::array::from_fn(|_| Waiting::default()),
            n_in: 0,
            n_out: 0,
        }
    }
}

impl Ahead {
    /// Takes the next packet of the stream in; folds the one whose turn it is.
    #[inline]
    pub fn fold(&mut self, packet: &Packet<'_>, tracker: &mut Tracker) {
        if self.n_in - self.n_out == DEPTH
            && let Some(first) = self.pop()
        {
            tracker.fold(&first);
        }
        self.push(packet, tracker);
    }

    /// Folds all packets that still wait.
    pub fn flush(&mut self, tracker: &mut Tracker) {
        while let Some(first) = self.pop() {
            tracker.fold(&first);
        }
    }

    /// Takes a packet in and fetches for those before it what their next step needs.
    #[inline]
    fn push(&mut self, packet: &Packet<'_>, tracker: &Tracker) {
        let slab = &tracker.slab;
        let waiting = &mut self.ring[self.n_in % DEPTH];
        waiting.packet = Packet {
            payload: &[],
            ..*packet
        };
        waiting.payload.clear();
        waiting.payload.extend_from_slice(packet.payload);
        waiting.flow = None;
        waiting.directed = Directed::of(packet);
        if let Some(directed) = &waiting.directed {
            waiting.hash = slab.hash(&directed.key);
            slab.prefetch_slot(waiting.hash);
        }
        self.n_in += 1;
        if let Some(waiting) = self.behind(STEP) {
            if waiting.directed.is_some() {
                waiting.flow = slab.guess(waiting.hash);
            }
            if let Some(at) = waiting.flow {
                slab.prefetch_flow(at);
            }
        }
        if let Some(Waiting {
            flow: Some(at),
            directed: Some(directed),
            ..
        }) = self.behind(2 * STEP)
        {
            slab.prefetch_clock(*at, directed.from_high);
            if let Some(tracking) = &tracker.tracking {
                tracking.prefetch(slab.get(*at).ct_hint);
            }
        }
        if let Some(Waiting {
            flow: Some(at),
            directed: Some(directed),
            ..
        }) = self.behind(3 * STEP)
        {
            slab.prefetch_hull(*at, directed.from_high);
        }
    }

    /// The packet that came `n` before the last one, if it still waits.
    #[inline]
    fn behind(&mut self, n: usize) -> Option<&mut Waiting> {
        (self.n_in - self.n_out > n).then(|| &mut self.ring[(self.n_in - 1 - n) % DEPTH])
    }

    /// Lets the packet that came first leave.
    #[inline]
    fn pop(&mut self) -> Option<Packet<'_>> {
        if self.n_in == self.n_out {
            return None;
        }
        let waiting = &self.ring[self.n_out % DEPTH];
        self.n_out += 1;
        Some(Packet {
            payload: &waiting.payload,
            ..waiting.packet
        })
    }
}
