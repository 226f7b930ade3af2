//! What is known of connections that are over, for those that follow on the same ports.

use super::analysis::Analysis;
use super::key::Key;
use std::collections::{HashMap, VecDeque};

/// Most connections remembered (some 20 MB); beyond that the oldest is forgotten.
const MOST: usize = 1 << 15;

/// The streams of connections that are over, bounded. A straggler goes on where they ended, a
/// SYN uses their ports again; what is forgotten begins anew.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// With the number of its place in `by_age`.
    streams: HashMap<Key, (u64, Box<Analysis>)>,
    by_age: VecDeque<(u64, Key)>,
    n_remembered: u64,
}

impl Earlier {
    /// A connection ended.
    pub fn remember(&mut self, key: &Key, analysis: &Analysis) {
        let number = self.n_remembered;
        self.n_remembered += 1;
        let rest = Box::new(analysis.rest());
        self.streams.insert(*key, (number, rest));
        self.by_age.push_back((number, *key));
        if self.by_age.len() > MOST
            && let Some((number, oldest)) = self.by_age.pop_front()
            && self.streams.get(&oldest).is_some_and(|it| it.0 == number)
        {
            self.streams.remove(&oldest);
        }
    }

    /// The streams that a new connection's segments are judged against.
    pub fn take(&mut self, key: &Key) -> Box<Analysis> {
        self.streams
            .remove(key)
            .map_or_else(Box::default, |(_, analysis)| analysis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Tcp;

    #[test]
    fn the_oldest_are_forgotten() {
        let key = |i: usize| Key {
            low_port: i as u16,
            proto: (i >> 16) as u8,
            ..Key::default()
        };
        let tcp = Tcp {
            window: 1,
            ..Tcp::default()
        };
        let mut analysis = Analysis::default();
        analysis.push(0, &tcp, 1, 0);
        let mut earlier = Earlier::default();
        earlier.remember(&key(1), &analysis);
        for i in 0..=MOST {
            earlier.remember(&key(i), &analysis);
        }
        assert_eq!(earlier.by_age.len(), MOST);
        let mut goes_on = |i: usize| {
            let finding = earlier.take(&key(i)).push(0, &tcp, 1, i64::MAX);
            !finding.marks.is_empty()
        };
        assert!(!goes_on(0));
        assert!(goes_on(1) && goes_on(MOST));
        assert!(!goes_on(1));
    }
}
