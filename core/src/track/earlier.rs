//! Which connections there were: a SYN on the same ports uses them again.

use super::key::Key;
use std::collections::{HashSet, VecDeque};

/// Most connections remembered; beyond that the oldest is forgotten.
const MOST: usize = 1 << 15;

/// The ends of connections that are over, bounded: what is forgotten is not named as reused.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    keys: HashSet<Key>,
    by_age: VecDeque<Key>,
}

impl Earlier {
    /// A connection ended.
    pub fn remember(&mut self, key: &Key) {
        if !self.keys.insert(*key) {
            return;
        }
        self.by_age.push_back(*key);
        if self.by_age.len() > MOST
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }

    /// Whether there was one before.
    pub fn knows(&self, key: &Key) -> bool {
        self.keys.contains(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let key = |i: usize| Key {
            low_port: i as u16,
            proto: (i >> 16) as u8,
            ..Key::default()
        };
        let mut earlier = Earlier::default();
        for i in 0..=MOST {
            earlier.remember(&key(i));
            earlier.remember(&key(i));
        }
        assert!(!earlier.knows(&key(0)));
        assert!(earlier.knows(&key(1)) && earlier.knows(&key(MOST)));
        assert_eq!(earlier.by_age.len(), MOST);
    }
}
