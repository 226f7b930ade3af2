//! Running round trips of one side: from data to the acknowledgement of exactly it.
//!
//! Karn and Partridge (1987): what was sent again measures nothing, as nobody knows which copy
//! is acknowledged, and what waits behind a hole is acknowledged late. Where timestamps tell
//! which copy it was (RFC 7323, section 4), a repeated segment measures after all.

use super::flight::beyond;
use std::collections::VecDeque;

/// Most segments timed at once; while that many wait, others are not.
const MAX_TIMED: usize = 64;

/// Round trips that one side's acknowledgements measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// How many.
    pub n: u64,
    /// The shortest, ns.
    pub min_ns: i64,
    /// The longest, ns.
    pub max_ns: i64,
    sum_ns: i64,
}

impl RoundTrips {
    /// Takes one more; None and negative ones are none.
    pub(super) fn push(&mut self, rtt_ns: Option<i64>) {
        let Some(rtt_ns) = rtt_ns.filter(|rtt_ns| *rtt_ns >= 0) else {
            return;
        };
        self.min_ns = if self.n == 0 {
            rtt_ns
        } else {
            self.min_ns.min(rtt_ns)
        };
        self.max_ns = self.max_ns.max(rtt_ns);
        self.sum_ns = self.sum_ns.saturating_add(rtt_ns);
        self.n += 1;
    }

    /// Their mean, ns; None without any.
    pub fn mean_ns(&self) -> Option<i64> {
        let n = i64::try_from(self.n).ok().filter(|n| *n > 0)?;
        Some(self.sum_ns / n)
    }
}

/// A segment as it is timed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub seq: u32,
    /// The number that follows it.
    pub end: u32,
    pub time_ns: i64,
    pub tsval: Option<u32>,
}

/// A segment sent again, told from its first copy by its timestamp.
#[derive(Clone, Copy, Debug)]
struct Again {
    tsval: u32,
    time_ns: i64,
}

/// What one side sent and waits to see acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Timer {
    /// End and time of each, in order.
    waiting: VecDeque<(u32, i64)>,
    /// Where this is not acknowledged yet, acknowledgements come late.
    recover: Option<u32>,
    again: Option<Again>,
    acknowledged: Option<u32>,
    latest_tsval: Option<u32>,
}

impl Timer {
    /// New data, in order; what it carries is timed.
    pub fn sent(&mut self, sent: Sent) {
        if self.recover.is_none() && self.waiting.len() < MAX_TIMED {
            self.waiting.push_back((sent.end, sent.time_ns));
        }
        self.latest_tsval = sent.tsval.or(self.latest_tsval);
    }

    /// Data sent again, out of order, or behind a hole: all up to `next` waits for it.
    pub fn disturbed(&mut self, sent: Sent, next: u32) {
        self.waiting.clear();
        self.recover = Some(match self.recover {
            Some(recover) if beyond(recover, next) > 0 => recover,
            _ => next,
        });
        let is_first = self
            .acknowledged
            .is_none_or(|ack| beyond(sent.seq, ack) <= 0 && beyond(sent.end, ack) > 0);
        // A timestamp that an earlier copy may have carried as well tells nothing.
        self.again = match (sent.tsval, self.latest_tsval) {
            (Some(tsval), Some(latest)) if is_first && beyond(tsval, latest) > 0 => Some(Again {
                tsval,
                time_ns: sent.time_ns,
            }),
            _ => None,
        };
        self.latest_tsval = sent.tsval.or(self.latest_tsval);
    }

    /// All before `ack` arrived; `tsecr` came with it. The round trip, where it measures one.
    pub fn acknowledged(&mut self, ack: u32, tsecr: Option<u32>, time_ns: i64) -> Option<i64> {
        if self
            .acknowledged
            .is_some_and(|known| beyond(ack, known) <= 0)
        {
            return None;
        }
        self.acknowledged = Some(ack);
        if self
            .recover
            .is_some_and(|recover| beyond(ack, recover) >= 0)
        {
            self.recover = None;
        }
        let again = self.again.take();
        let mut since = again
            .filter(|again| tsecr == Some(again.tsval))
            .map(|again| again.time_ns);
        while let Some(&(end, sent_ns)) = self.waiting.front()
            && beyond(end, ack) <= 0
        {
            self.waiting.pop_front();
            if end == ack {
                since = Some(sent_ns);
            }
        }
        time_ns.checked_sub(since?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(seq: u32, end: u32, time_ns: i64, tsval: Option<u32>) -> Sent {
        Sent {
            seq,
            end,
            time_ns,
            tsval,
        }
    }

    #[test]
    fn what_is_acknowledged_exactly_is_timed_across_the_wrap() {
        let mut timer = Timer::default();
        timer.sent(sent(u32::MAX - 9, 90, 1_000, None));
        timer.sent(sent(90, 190, 2_000, None));
        assert_eq!(timer.acknowledged(50, None, 3_000), None);
        assert_eq!(timer.acknowledged(190, None, 9_000), Some(7_000));
        assert_eq!(timer.acknowledged(190, None, 9_500), None);
        assert!(timer.waiting.is_empty());
    }

    #[test]
    fn nothing_is_timed_until_a_hole_is_filled() {
        let mut timer = Timer::default();
        timer.sent(sent(0, 100, 1_000, None));
        timer.sent(sent(100, 200, 2_000, None));
        timer.disturbed(sent(0, 100, 3_000, None), 200);
        timer.sent(sent(200, 300, 4_000, None));
        assert_eq!(timer.acknowledged(100, None, 5_000), None);
        assert_eq!(timer.acknowledged(200, None, 5_500), None);
        timer.sent(sent(300, 400, 6_000, None));
        assert_eq!(timer.acknowledged(300, None, 7_000), None);
        assert_eq!(timer.acknowledged(400, None, 8_000), Some(2_000));
    }

    #[test]
    fn a_timestamp_of_its_own_tells_which_copy_came() {
        for (tsval, tsecr, rtt) in [(21, 21, Some(2_000)), (21, 10, None), (10, 10, None)] {
            let mut timer = Timer::default();
            timer.sent(sent(0, 100, 1_000, Some(10)));
            timer.disturbed(sent(0, 100, 3_000, Some(tsval)), 100);
            assert_eq!(timer.acknowledged(100, Some(tsecr), 5_000), rtt, "{tsval}");
        }
        let mut timer = Timer::default();
        timer.sent(sent(0, 100, 1_000, Some(10)));
        timer.disturbed(sent(0, 100, 3_000, Some(21)), 100);
        timer.disturbed(sent(0, 100, 4_000, Some(21)), 100);
        assert_eq!(timer.acknowledged(100, Some(21), 5_000), None);
    }

    #[test]
    fn a_window_without_end_is_bounded() {
        let mut timer = Timer::default();
        for i in 0..1_000 {
            timer.sent(sent(i * 10, i * 10 + 10, i64::from(i), None));
            assert!(timer.waiting.len() <= MAX_TIMED);
        }
        assert_eq!(timer.acknowledged(10_000, None, 5_000), None);
        timer.sent(sent(10_000, 10_010, 6_000, None));
        assert_eq!(timer.acknowledged(10_010, None, 6_500), Some(500));
    }

    #[test]
    fn the_sum_of_round_trips() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.mean_ns(), None);
        for rtt_ns in [Some(30), None, Some(-1), Some(10), Some(20)] {
            trips.push(rtt_ns);
        }
        assert_eq!((trips.n, trips.min_ns, trips.max_ns), (3, 10, 30));
        assert_eq!(trips.mean_ns(), Some(20));
    }
}
