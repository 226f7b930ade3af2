//! The tracker's own clock: follows packet time, never runs back.

use crate::time_guard::MAX_STEP_NS;

pub(super) const NS_PER_S: i64 = 1_000_000_000;

/// How much packet time has passed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PacketClock {
    latest_ns: Option<i64>,
    pub elapsed_ns: i64,
    /// Of what elapsed: whole seconds, and where the next begins.
    pub second: u64,
    next_second_ns: i64,
}

impl PacketClock {
    /// True: the time lies before an earlier one.
    #[inline]
    pub fn advance(&mut self, time_ns: i64) -> bool {
        let step = time_ns.saturating_sub(*self.latest_ns.get_or_insert(time_ns));
        // A jump back of days is another recording: it ends what was, as one forward does.
        if !(-MAX_STEP_NS..=0).contains(&step) {
            self.elapsed_ns = self.elapsed_ns.saturating_add(step.saturating_abs());
            self.latest_ns = Some(time_ns);
            if self.elapsed_ns >= self.next_second_ns {
                let second = self.elapsed_ns / NS_PER_S;
                self.second = second as u64;
                self.next_second_ns = second.saturating_add(1).saturating_mul(NS_PER_S);
            }
        }
        step < 0
    }
}
