//! The time stamps of an interface: ticks of any resolution -> nanoseconds.

const NS_PER_S: u64 = 1_000_000_000;

/// How to read one interface's time stamps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    tick: Tick,
    offset_ns: i128,
}

#[derive(Clone, Copy, Debug)]
enum Tick {
    /// A tick is this many nanoseconds.
    Nanoseconds(u64),
    /// This many ticks are a nanosecond.
    PerNanosecond(u128),
    /// A second has 2^n ticks.
    Binary(u32),
}

impl Clock {
    /// `tsresol` and `offset_s` are the options if_tsresol and if_tsoffset.
    pub fn new(tsresol: u8, offset_s: i64) -> Self {
        let exponent = u32::from(tsresol & 0x7f);
        let tick = if tsresol & 0x80 != 0 {
            Tick::Binary(exponent)
        } else if exponent <= 9 {
            Tick::Nanoseconds(10_u64.pow(9 - exponent))
        } else {
            // Beyond 10^38 ticks to the nanosecond 64 bits of them are no time at all.
            Tick::PerNanosecond(10_u128.checked_pow(exponent - 9).unwrap_or(u128::MAX))
        };
        Self {
            tick,
            offset_ns: i128::from(offset_s) * i128::from(NS_PER_S),
        }
    }

    /// Nanoseconds since 1970; times beyond an i64 stay at its ends.
    #[inline]
    pub fn time_ns(&self, ticks: u64) -> i64 {
        let since_offset_ns = match self.tick {
            Tick::Nanoseconds(ns) => u128::from(ticks) * u128::from(ns),
            Tick::PerNanosecond(n) => u128::from(ticks) / n,
            Tick::Binary(n) => (u128::from(ticks) * u128::from(NS_PER_S)) >> n,
        };
        let time_ns = since_offset_ns as i128 + self.offset_ns;
        time_ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn ticks_of_either_base_become_nanoseconds() {
        assert_eq!(Clock::new(6, 0).time_ns(1_500_000), 1_500_000_000);
        assert_eq!(Clock::new(9, 0).time_ns(1_500_000), 1_500_000);
        assert_eq!(Clock::new(12, 0).time_ns(1_999), 1);
        assert_eq!(Clock::new(0, 0).time_ns(3), 3_000_000_000);
        assert_eq!(Clock::new(0x80 | 10, 0).time_ns(1536), 1_500_000_000);
    }

    #[test]
    fn the_offset_is_added_and_may_be_negative() {
        assert_eq!(Clock::new(6, -2).time_ns(5_000_000), 3_000_000_000);
        assert_eq!(Clock::new(6, 2).time_ns(0), 2_000_000_000);
    }

    #[test]
    fn absurd_resolutions_and_offsets_stay_at_the_ends() {
        for tsresol in 0..=u8::MAX {
            for offset_s in [i64::MIN, -1, 0, i64::MAX] {
                for ticks in [0, 1, u64::MAX] {
                    Clock::new(tsresol, offset_s).time_ns(ticks);
                }
            }
        }
        assert_eq!(Clock::new(0, i64::MAX).time_ns(u64::MAX), i64::MAX);
        assert_eq!(Clock::new(0, i64::MIN).time_ns(0), i64::MIN);
    }
}
