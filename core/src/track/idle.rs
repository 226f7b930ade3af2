//! Which flow has been idle longest: one list per timeout, in order of last activity.
//!
//! A flow moves to its list's tail at most once per [`slack_s`] of packet time, so
//! the order is exact to that and a packet seldom pays for it.

use super::index::NONE;

/// Flows that share a timeout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// A SYN without an answer.
    TcpOpening,
    /// A TCP connection, or the middle of one.
    TcpOpen,
    /// Closed or reset; waits for stragglers.
    TcpClosed,
    /// UDP.
    Udp,
    /// ICMP and ICMPv6.
    Icmp,
    /// Every other protocol.
    #[default]
    Other,
}

/// Seconds that a flow may have been active after its last move in its list: an eighth of
/// the timeout, within bounds.
pub fn slack_s(timeout_s: u32) -> u64 {
    u64::from(timeout_s / 8).clamp(1, 16)
}

/// How many classes there are.
pub const N_CLASSES: usize = 6;

/// All classes, in the order in which their ends are looked for.
pub const CLASSES: [Class; N_CLASSES] = [
    Class::TcpOpening,
    Class::TcpOpen,
    Class::TcpClosed,
    Class::Udp,
    Class::Icmp,
    Class::Other,
];

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

/// One doubly linked list per class, threaded through the flow numbers.
#[derive(Debug)]
pub struct IdleLists {
    links: Vec<Link>,
    ends: [Ends; N_CLASSES],
}

impl Default for IdleLists {
    fn default() -> Self {
        Self {
            links: Vec::new(),
            ends: [Ends {
                head: NONE,
                tail: NONE,
            }; N_CLASSES],
        }
    }
}

impl IdleLists {
    /// Appends a flow, active now.
    pub fn push(&mut self, class: Class, flow: u32, now_s: u64) {
        let at = flow as usize;
        let link = Link {
            previous: self.ends[class as usize].tail,
            next: NONE,
            touched_s: now_s,
        };
        if at == self.links.len() {
            self.links.push(link);
        } else {
            self.links[at] = link;
        }
        match link.previous {
            NONE => self.ends[class as usize].head = flow,
            previous => self.links[previous as usize].next = flow,
        }
        self.ends[class as usize].tail = flow;
    }

    /// Takes a flow out of its list.
    pub fn remove(&mut self, class: Class, flow: u32) {
        let Link { previous, next, .. } = self.links[flow as usize];
        match previous {
            NONE => self.ends[class as usize].head = next,
            previous => self.links[previous as usize].next = next,
        }
        match next {
            NONE => self.ends[class as usize].tail = previous,
            next => self.links[next as usize].previous = previous,
        }
    }

    /// The flow of a class that has been idle longest, and the second of its last activity.
    pub fn oldest(&self, class: Class) -> Option<(u32, u64)> {
        match self.ends[class as usize].head {
            NONE => None,
            head => Some((head, self.links[head as usize].touched_s)),
        }
    }

    /// The flow of any class that has been idle longest.
    pub fn oldest_of_all(&self) -> Option<(Class, u32)> {
        CLASSES
            .iter()
            .filter_map(|&class| {
                self.oldest(class)
                    .map(|(flow, touched_s)| (touched_s, class, flow))
            })
            .min_by_key(|&(touched_s, class, _)| (touched_s, class as usize))
            .map(|(_, class, flow)| (class, flow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_in_order_of_last_activity() {
        let mut lists = IdleLists::default();
        lists.push(Class::Udp, 0, 1);
        lists.push(Class::Udp, 1, 2);
        lists.push(Class::Icmp, 2, 2);
        lists.push(Class::Udp, 3, 3);
        lists.remove(Class::Udp, 0);
        lists.push(Class::Udp, 0, 4);
        assert_eq!(lists.oldest(Class::Udp), Some((1, 2)));
        lists.remove(Class::Udp, 1);
        assert_eq!(lists.oldest_of_all(), Some((Class::Icmp, 2)));
        lists.remove(Class::Icmp, 2);
        assert_eq!(lists.oldest(Class::Icmp), None);
        lists.remove(Class::Udp, 3);
        assert_eq!(lists.oldest_of_all(), Some((Class::Udp, 0)));
        lists.remove(Class::Udp, 0);
        assert_eq!(lists.oldest_of_all(), None);
    }
}
