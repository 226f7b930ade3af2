//! Where the entries are: their places, the index over their keys, the queues of their timeouts.

use super::super::expect::Helper;
use super::super::idle::slack_s;
use super::super::index::Index;
use super::super::key::Key;
use super::super::prefetch::prefetch;
use super::super::queue::Queues;
use super::entry::Entry;
use super::expected::{Announced, Expectations};
use super::listing::EntryRow;
use super::timeout::{Timeout, Timeouts};
use super::verdict::After;
use crate::decode::Packet;

const NS_PER_S: i64 = 1_000_000_000;
/// Two queues per timeout: assured entries, and those that may be dropped.
const N_QUEUES: usize = 2 * Timeout::ALL.len();
const _: () = assert!(N_QUEUES <= u8::MAX as usize);

/// Entries alive, found by key, and removed when their time is over.
#[derive(Debug)]
pub(super) struct Store {
    entries: Vec<Entry>,
    free: Vec<u32>,
    index: Index,
    queues: Queues<N_QUEUES>,
    timeouts: Timeouts,
    pub expectations: Expectations,
    pub n_begun: u64,
    pub n_expired: u64,
    pub n_early_dropped: u64,
}

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    pub key: &'a Key,
    pub hash: u64,
    pub flow_id: u64,
    /// All packets of the flow belong to one entry.
    pub one_per_flow: bool,
    pub now_ns: i64,
}

impl Store {
    /// An empty one.
    pub fn new(timeouts: Timeouts) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            index: Index::default(),
            queues: Queues::default(),
            timeouts,
            expectations: Expectations::default(),
            n_begun: 0,
            n_expired: 0,
            n_early_dropped: 0,
        }
    }

    /// Entries alive.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// An entry by number.
    #[inline]
    pub fn get(&self, at: u32) -> &Entry {
        &self.entries[at as usize]
    }

    /// An entry by number, to change.
    #[inline]
    pub fn get_mut(&mut self, at: u32) -> &mut Entry {
        &mut self.entries[at as usize]
    }

    /// Asks for what a packet needs of an entry, which is guessed by its number.
    #[inline]
    pub fn prefetch(&self, hint: u32) {
        if let Some(entry) = self.entries.get(hint as usize) {
            prefetch(&entry.flow_id);
            prefetch(&entry.inner);
        }
    }

    /// The entries alive at `now_ns`, in order of their flows.
    pub fn rows(&self, now_ns: i64) -> Vec<EntryRow> {
        let mut rows: Vec<EntryRow> = (0u32..)
            .zip(&self.entries)
            .filter(|&(at, entry)| entry.is_alive && !self.is_expired(at, now_ns))
            .map(|(at, entry)| {
                let by_port = || Helper::of(entry.key.proto, entry.dport());
                let helper = self.expectations.helper(at).or_else(by_port);
                let helper = helper.filter(|_| entry.is_read).map(|helper| helper.name());
                EntryRow::new(entry, self.after(at, now_ns), helper)
            })
            .collect();
        rows.sort_by_key(|row| row.flow_id);
        rows
    }

    /// The entry under a key, alive at `now_ns`.
    pub fn look_up(&self, key: &Key, hash: u64, now_ns: i64) -> Option<u32> {
        let found = self
            .index
            .find(hash, |at| self.entries[at as usize].key == *key);
        found.filter(|&at| !self.is_expired(at, now_ns))
    }

    /// The entry of a packet, and how much time it has left; one whose time ran out is removed.
    #[inline]
    pub fn find(&mut self, sought: &Sought<'_>, hint: u32) -> Option<(u32, i64)> {
        let key = sought.key;
        let is_it = |at: u32| {
            let entry = self.entries.get(at as usize);
            entry.is_some_and(|entry| entry.is_alive && entry.key == *key)
        };
        // A flow of TCP or UDP has one key: the entry that it began needs no comparison.
        let began = sought.one_per_flow
            && self
                .entries
                .get(hint as usize)
                .is_some_and(|entry| entry.is_alive && entry.flow_id == sought.flow_id);
        let at = if began || is_it(hint) {
            hint
        } else {
            self.index.find(sought.hash, is_it)?
        };
        let left_ns = self.left_ns(at, sought.now_ns);
        if left_ns <= 0 {
            self.n_expired += 1;
            self.remove(at);
            return None;
        }
        Some((at, left_ns))
    }

    /// Whether the payload of the entry at `at`, which has this key, is read.
    #[inline]
    pub fn is_read(&self, at: u32, key: &Key) -> bool {
        let entry = self.entries.get(at as usize);
        entry.is_some_and(|entry| entry.is_read && entry.is_alive && entry.key == *key)
    }

    /// Notes whether a new entry's payload is to be read: `announced` is what its announcer
    /// says of it, else its port decides. What that takes is made with the first payload, so
    /// a flood costs nothing.
    pub fn note_helper(&mut self, at: u32, announced: Option<Helper>) {
        let entry = &mut self.entries[at as usize];
        let by_port = || Helper::of(entry.key.proto, entry.dport());
        entry.is_read = match announced {
            Some(helper) => self.expectations.attach(at, helper, entry.key.proto),
            None => by_port().is_some(),
        };
    }

    /// Reads the payload of a packet of an entry for the connections that it announces.
    pub fn read(&mut self, at: u32, reply: bool, packet: &Packet<'_>, now_ns: i64) -> Announced {
        let entry = &mut self.entries[at as usize];
        let of = entry.key.proto;
        if self.expectations.helper(at).is_none()
            && let Some(helper) = Helper::of(of, entry.dport())
        {
            entry.is_read = self.expectations.attach(at, helper, of);
        }
        let flow_id = entry.flow_id;
        self.expectations.read(at, flow_id, reply, packet, now_ns)
    }

    /// Adds an entry whose key is not there.
    pub fn insert(&mut self, entry: Entry) -> u32 {
        self.n_begun += 1;
        let (hash, queue, now_s) = (entry.hash, entry.queue.into(), entry.touched_s);
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = entry;
                at
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.index.insert(hash, at);
        self.queues.push(queue, at, now_s);
        at
    }

    /// Takes an entry out, and what it announced.
    pub fn remove(&mut self, at: u32) {
        let entry = &mut self.entries[at as usize];
        entry.is_alive = false;
        if entry.is_read {
            self.expectations.detach(at);
        }
        let queue = entry.queue.into();
        self.index.remove(entry.hash, at);
        self.queues.remove(queue, at);
        self.free.push(at);
    }

    /// Begins an entry's time anew and moves it in the queues where that is due: data and its
    /// acknowledgement change the timeout to and fro, so a longer one can wait. Now is given in
    /// nanoseconds, and as the second of that.
    #[inline]
    pub fn keep(&mut self, at: u32, timeout: Timeout, assured: bool, (now_ns, now_s): (i64, u64)) {
        let timeouts = &self.timeouts;
        let entry = &mut self.entries[at as usize];
        let queued_s = timeouts.seconds(Timeout::ALL[usize::from(entry.queue / 2)]);
        let moves = assured != entry.assured
            || timeouts.seconds(timeout) < queued_s
            || now_s >= entry.touched_s + slack_s(queued_s);
        entry.refreshed_ns = now_ns;
        entry.timeout = timeout;
        entry.assured = assured;
        if moves {
            self.requeue(at, now_s);
        }
    }

    /// Moves an entry to the end of the queue that it belongs to.
    fn requeue(&mut self, at: u32, now_s: u64) {
        let entry = &mut self.entries[at as usize];
        self.queues.remove(entry.queue.into(), at);
        entry.queue = number_of(entry.timeout, entry.assured) as u8;
        entry.touched_s = now_s;
        self.queues.push(entry.queue.into(), at, now_s);
    }

    /// How much time an entry has left.
    #[inline]
    pub fn left_ns(&self, at: u32, now_ns: i64) -> i64 {
        let entry = &self.entries[at as usize];
        let age_ns = now_ns.saturating_sub(entry.refreshed_ns);
        self.timeouts.ns(entry.timeout).saturating_sub(age_ns)
    }

    /// Its time has run out.
    #[inline]
    pub fn is_expired(&self, at: u32, now_ns: i64) -> bool {
        self.left_ns(at, now_ns) <= 0
    }

    /// An entry's state for a verdict.
    #[inline]
    pub fn after(&self, at: u32, now_ns: i64) -> After {
        let entry = &self.entries[at as usize];
        After {
            tcp_state: entry.inner.tcp_state(),
            timeout_s: u32::try_from(self.left_ns(at, now_ns) / NS_PER_S).unwrap_or(0),
            assured: entry.assured,
        }
    }

    /// The same where its time began anew with this packet.
    #[inline]
    pub fn after_kept(&self, at: u32) -> After {
        let entry = &self.entries[at as usize];
        After {
            tcp_state: entry.inner.tcp_state(),
            timeout_s: self.timeouts.seconds(entry.timeout),
            assured: entry.assured,
        }
    }

    /// Removes the entries that have surely expired by the start of `now_s`.
    #[cold]
    pub fn sweep(&mut self, now_s: u64) {
        for &timeout in Timeout::ALL {
            let timeout_s = self.timeouts.seconds(timeout);
            // Moved in second t, so refreshed before t + slack.
            let surely_s = u64::from(timeout_s) + slack_s(timeout_s) + 1;
            let Some(last_s) = now_s.checked_sub(surely_s) else {
                continue;
            };
            for assured in [false, true] {
                let queue = number_of(timeout, assured);
                while let Some((at, touched_s)) = self.queues.oldest(queue)
                    && touched_s <= last_s
                {
                    if self.is_expired(at, now_s as i64 * NS_PER_S) {
                        self.n_expired += 1;
                        self.remove(at);
                    } else {
                        self.requeue(at, now_s);
                    }
                }
            }
        }
    }

    /// Drops the unassured entry that was idle longest. False: there is none.
    #[cold]
    pub fn make_room(&mut self, most: usize, now_ns: i64) -> bool {
        self.sweep((now_ns / NS_PER_S) as u64);
        if self.len() < most {
            return true;
        }
        let unassured = Timeout::ALL
            .iter()
            .map(|&timeout| number_of(timeout, false));
        let Some((_, at)) = self.queues.oldest_of(unassured) else {
            return false;
        };
        self.n_early_dropped += 1;
        self.remove(at);
        true
    }
}

/// The queue of a timeout.
#[inline]
pub(super) const fn number_of(timeout: Timeout, assured: bool) -> usize {
    2 * timeout as usize + assured as usize
}
