//! The flow table's index: open addressing, linear probing, eight bytes a slot.
//!
//! A slot holds 32 bits of the hash and the number of the flow in its slab, so a
//! probe reads one cache line and touches a flow only where the bits agree.

use super::prefetch::prefetch;

/// A slot number that stands for no flow.
pub const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    flow: u32,
}

const EMPTY: Slot = Slot {
    hash: 0,
    flow: NONE,
};
const FIRST_SLOTS: usize = 1 << 10;

/// From hashes to flow numbers. At most half full.
#[derive(Debug)]
pub struct Index {
    slots: Vec<Slot>,
    n_used: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            slots: vec![EMPTY; FIRST_SLOTS],
            n_used: 0,
        }
    }
}

impl Index {
    #[inline]
    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    /// The flow under `hash` that `is_it` recognises.
    #[inline]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let (hash, mask) = (hash as u32, self.mask());
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.flow == NONE {
                return None;
            }
            if slot.hash == hash && is_it(slot.flow) {
                return Some(slot.flow);
            }
            at = (at + 1) & mask;
        }
    }

    /// Asks for the slot where a hash is looked for first.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[hash as u32 as usize & self.mask()]);
    }

    /// Adds a flow that is not there yet.
    pub fn insert(&mut self, hash: u64, flow: u32) {
        if (self.n_used + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.n_used += 1;
        self.place(Slot {
            hash: hash as u32,
            flow,
        });
    }

    /// Removes a flow; later slots of its chain move up, so no tombstones are left.
    pub fn remove(&mut self, hash: u64, flow: u32) {
        let mask = self.mask();
        let mut hole = hash as u32 as usize & mask;
        while self.slots[hole].flow != flow {
            if self.slots[hole].flow == NONE {
                return;
            }
            hole = (hole + 1) & mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let slot = self.slots[at];
            if slot.flow == NONE {
                break;
            }
            let from_home = at.wrapping_sub(slot.hash as usize & mask) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole] = EMPTY;
        self.n_used -= 1;
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.mask();
        let mut at = slot.hash as usize & mask;
        while self.slots[at].flow != NONE {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    fn grow(&mut self) {
        let doubled = vec![EMPTY; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, doubled) {
            if slot.flow != NONE {
                self.place(slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn behaves_as_a_map_while_growing_and_shrinking() {
        // Few distinct low bits, so that chains are long and wrap around the end.
        let hash_of = |n: u32| u64::from(n % 37).wrapping_mul(0x3ff) ^ u64::from(n) << 20;
        let mut index = Index::default();
        let mut model: HashMap<u32, u64> = HashMap::new();
        let mut state = 1u32;
        for _ in 0..60_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let flow = (state >> 8) % 900;
            if let Some(hash) = model.remove(&flow) {
                index.remove(hash, flow);
            } else {
                index.insert(hash_of(flow), flow);
                model.insert(flow, hash_of(flow));
            }
        }
        for flow in 0..900 {
            let found = index.find(hash_of(flow), |candidate| candidate == flow);
            assert_eq!(found.is_some(), model.contains_key(&flow), "flow {flow}");
        }
        assert_eq!(index.n_used, model.len());
    }
}
