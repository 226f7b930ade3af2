//! A few packets of each side, spread evenly over its life.

/// One packet, as kept for plots and line tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Capture time, ns since 1970 UTC.
    pub time_ns: i64,
    /// TCP timestamp value.
    pub tsval: Option<u32>,
    /// IPv4 identification.
    pub ipid: Option<u16>,
}

/// Keeps every `stride`-th packet; doubles the stride when full. The first and the
/// last packet are always among them.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    kept: Vec<Sample>,
    last: Sample,
    n_seen: u32,
    stride_log2: u8,
}

impl Samples {
    /// Offers the next packet, to keep at most `most`.
    #[inline]
    pub fn push(&mut self, sample: Sample, most: usize) {
        self.n_seen = self.n_seen.saturating_add(1);
        self.last = sample;
        if self.last_is_due() {
            self.keep(sample, most);
        }
    }

    #[inline]
    fn last_is_due(&self) -> bool {
        self.n_seen.wrapping_sub(1) & ((1u32 << self.stride_log2) - 1) == 0
    }

    fn keep(&mut self, sample: Sample, most: usize) {
        if self.kept.len() >= most {
            let mut position = 0;
            self.kept.retain(|_| {
                position += 1;
                position % 2 == 1
            });
            self.stride_log2 = (self.stride_log2 + 1).min(31);
        }
        if self.kept.len() < most && self.last_is_due() {
            self.kept.push(sample);
        }
    }

    /// How many packets were offered.
    pub fn n_seen(&self) -> u32 {
        self.n_seen
    }

    /// What was kept, in order, at most `most`.
    pub fn rows(&self, most: usize) -> impl Iterator<Item = Sample> {
        let last = (self.n_seen > 0 && !self.last_is_due()).then_some(self.last);
        // The last packet takes the place of the last kept one where there is no room.
        let room = if most > 1 {
            most - usize::from(last.is_some())
        } else {
            most
        };
        self.kept.iter().copied().take(room).chain(last).take(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(n: i64, most: usize) -> Vec<i64> {
        let mut samples = Samples::default();
        for time_ns in 0..n {
            samples.push(
                Sample {
                    time_ns,
                    ..Sample::default()
                },
                most,
            );
        }
        samples.rows(most).map(|sample| sample.time_ns).collect()
    }

    #[test]
    fn keeps_all_that_fit() {
        assert_eq!(times(0, 8), [0i64; 0]);
        assert_eq!(times(1, 8), [0]);
        assert_eq!(times(8, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn thins_evenly_and_keeps_both_ends() {
        assert_eq!(times(9, 8), [0, 2, 4, 6, 8]);
        assert_eq!(times(16, 8), [0, 2, 4, 6, 8, 10, 12, 15]);
        assert_eq!(times(100, 8), [0, 16, 32, 48, 64, 80, 96, 99]);
        assert_eq!(times(100, 2), [0, 99]);
        assert_eq!(times(100, 1), [0]);
        assert_eq!(times(100, 0), [0i64; 0]);
        for n in 1..300 {
            let kept = times(n, 16);
            assert!(kept.len() <= 16 && kept[0] == 0 && kept[kept.len() - 1] == n - 1);
        }
    }
}
