//! The flows alive: their storage, the index over their keys, the idle lists.

use super::idle::{Class, IdleLists, N_CLASSES};
use super::index::Index;
use super::key::{Key, KeyHasher};
use super::record::Record;

/// Flows alive, found by key or by idle time. Numbers are used again after an end.
#[derive(Debug)]
pub struct Slab<R> {
    flows: Vec<R>,
    free: Vec<u32>,
    index: Index,
    idle: IdleLists,
    hasher: KeyHasher,
}

impl<R: Record> Slab<R> {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            flows: Vec::new(),
            free: Vec::new(),
            index: Index::default(),
            idle: IdleLists::default(),
            hasher: KeyHasher::random(),
        }
    }

    /// Flows alive.
    pub fn len(&self) -> usize {
        self.flows.len() - self.free.len()
    }

    /// What hashes keys.
    pub fn hasher(&self) -> KeyHasher {
        self.hasher
    }

    /// The flow alive with this key.
    #[inline]
    pub fn find(&self, key: &Key, hash: u64) -> Option<u32> {
        self.index
            .find(hash, |at| self.flows[at as usize].head().key.is(key))
    }

    /// Whether a flow alive, guessed by its number, has this key.
    #[inline]
    pub fn has(&self, at: u32, key: &Key) -> bool {
        let flow = self.flows.get(at as usize).map(R::head);
        flow.is_some_and(|flow| flow.is_alive && flow.key.is(key))
    }

    /// Asks for the index slot of a hash.
    #[inline]
    pub fn prefetch_slot(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// The flow that has this hash, nearly always; its key is not compared.
    #[inline]
    pub fn guess(&self, hash: u64) -> Option<u32> {
        self.index.find(hash, |_| true)
    }

    /// A flow by number.
    #[inline]
    pub fn get(&self, at: u32) -> &R {
        &self.flows[at as usize]
    }

    /// Whether the flow of this number is still the one with this id.
    pub fn holds(&self, at: u32, id: u64) -> bool {
        let flow = self.flows[at as usize].head();
        flow.id == id && flow.is_alive
    }

    /// A flow by number, to change.
    #[inline]
    pub fn get_mut(&mut self, at: u32) -> &mut R {
        &mut self.flows[at as usize]
    }

    /// Adds a flow whose key is not there.
    pub fn insert(&mut self, mut flow: R, now_s: u64) -> u32 {
        let head = flow.head_mut();
        head.is_alive = true;
        head.touched_s = now_s;
        let (hash, class) = (head.hash, head.class);
        let at = match self.free.pop() {
            Some(at) => {
                self.flows[at as usize] = flow;
                at
            }
            None => {
                self.flows.push(flow);
                (self.flows.len() - 1) as u32
            }
        };
        self.index.insert(hash, at);
        self.idle.push(class as usize, at, now_s);
        at
    }

    /// Notes that a flow is active now, and of `class` from now on: moves it in its list.
    pub fn touch(&mut self, at: u32, class: Class, now_s: u64) {
        let flow = self.flows[at as usize].head_mut();
        self.idle.remove(flow.class as usize, at);
        flow.touched_s = now_s;
        flow.class = class;
        self.idle.push(class as usize, at, now_s);
    }

    /// Takes a flow out.
    pub fn take(&mut self, at: u32) -> R {
        let flow = std::mem::take(&mut self.flows[at as usize]);
        let head = flow.head();
        self.index.remove(head.hash, at);
        self.idle.remove(head.class as usize, at);
        self.free.push(at);
        flow
    }

    /// The flow of a class that has been idle longest, if not moved after `second`.
    pub fn idle_since(&self, class: Class, second: u64) -> Option<u32> {
        self.idle
            .oldest(class as usize)
            .filter(|&(_, touched_s)| touched_s <= second)
            .map(|(at, _)| at)
    }

    /// The flow that has been idle longest.
    pub fn oldest(&self) -> Option<u32> {
        self.idle.oldest_of(0..N_CLASSES).map(|(_, at)| at)
    }
}
