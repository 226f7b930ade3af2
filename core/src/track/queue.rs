//! Which entry of a table was moved longest ago: doubly linked lists threaded through the
//! entries' numbers, one list per class of entries.

use super::index::NONE;

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: u32,
    next: u32,
    touched_s: u64,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    head: u32,
    tail: u32,
}

/// `N` lists in order of last moves. An entry is in at most one of them.
#[derive(Debug)]
pub struct Queues<const N: usize> {
    links: Vec<Link>,
    ends: [Ends; N],
}

impl<const N: usize> Default for Queues<N> {
    fn default() -> Self {
        Self {
            links: Vec::new(),
            ends: [Ends {
                head: NONE,
                tail: NONE,
            }; N],
        }
    }
}

impl<const N: usize> Queues<N> {
    /// Appends an entry, active now.
    pub fn push(&mut self, queue: usize, entry: u32, now_s: u64) {
        let at = entry as usize;
        let link = Link {
            previous: self.ends[queue].tail,
            next: NONE,
            touched_s: now_s,
        };
        if at == self.links.len() {
            self.links.push(link);
        } else {
            self.links[at] = link;
        }
        match link.previous {
            NONE => self.ends[queue].head = entry,
            previous => self.links[previous as usize].next = entry,
        }
        self.ends[queue].tail = entry;
    }

    /// Takes an entry out of its list.
    pub fn remove(&mut self, queue: usize, entry: u32) {
        let Link { previous, next, .. } = self.links[entry as usize];
        match previous {
            NONE => self.ends[queue].head = next,
            previous => self.links[previous as usize].next = next,
        }
        match next {
            NONE => self.ends[queue].tail = previous,
            next => self.links[next as usize].previous = previous,
        }
    }

    /// The entry of a list that was moved longest ago, and the second of that.
    pub fn oldest(&self, queue: usize) -> Option<(u32, u64)> {
        match self.ends[queue].head {
            NONE => None,
            head => Some((head, self.links[head as usize].touched_s)),
        }
    }

    /// The entry of the given lists that was moved longest ago, and its list. Among equals
    /// the list named first.
    pub fn oldest_of(&self, queues: impl Iterator<Item = usize>) -> Option<(usize, u32)> {
        queues
            .filter_map(|queue| {
                self.oldest(queue)
                    .map(|(entry, touched_s)| (touched_s, queue, entry))
            })
            .min_by_key(|&(touched_s, ..)| touched_s)
            .map(|(_, queue, entry)| (queue, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_in_order_of_last_activity() {
        let mut queues = Queues::<4>::default();
        queues.push(3, 0, 1);
        queues.push(3, 1, 2);
        queues.push(1, 2, 2);
        queues.push(3, 3, 3);
        queues.remove(3, 0);
        queues.push(3, 0, 4);
        assert_eq!(queues.oldest(3), Some((1, 2)));
        queues.remove(3, 1);
        assert_eq!(queues.oldest_of(0..4), Some((1, 2)));
        queues.remove(1, 2);
        assert_eq!(queues.oldest(1), None);
        queues.remove(3, 3);
        assert_eq!(queues.oldest_of(0..4), Some((3, 0)));
        queues.remove(3, 0);
        assert_eq!(queues.oldest_of(0..4), None);
    }
}
