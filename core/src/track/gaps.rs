//! The holes in what was captured of one side's stream.

use super::flight::beyond;

/// Most holes remembered; beyond that the oldest is taken as it stands.
const MAX_GAPS: usize = 16;

#[derive(Clone, Copy, Debug)]
struct Gap {
    start: u32,
    end: u32,
    /// Its bytes were acknowledged: they were sent, and not captured.
    is_acknowledged: bool,
}

/// Holes in the bytes of one side, and how many bytes of them were acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    open: Vec<Gap>,
    /// First byte not seen yet.
    next: Option<u32>,
    /// Missing bytes of holes that are not remembered.
    settled_bytes: u64,
}

impl Gaps {
    /// Takes over what an earlier connection of the flow missed.
    pub fn carry(&mut self, missing_bytes: u64) {
        self.settled_bytes = missing_bytes;
    }

    /// Forgets what is known to be missing: it was counted.
    pub fn settle(&mut self) {
        self.settled_bytes = 0;
        self.open.retain(|gap| !gap.is_acknowledged);
    }

    /// Bytes acknowledged and not seen.
    pub fn missing_bytes(&self) -> u64 {
        let acknowledged = self.open.iter().filter(|gap| gap.is_acknowledged);
        let bytes: u64 = acknowledged
            .map(|gap| u64::from(gap.end.wrapping_sub(gap.start)))
            .sum();
        self.settled_bytes.saturating_add(bytes)
    }

    /// These bytes were captured.
    pub fn seen(&mut self, start: u32, end: u32) {
        let next = *self.next.get_or_insert(start);
        if beyond(start, next) > 0 {
            self.remember(next, start, false);
        } else {
            self.fill(start, end);
        }
        if beyond(end, next) > 0 {
            self.next = Some(end);
        }
    }

    /// All before this was acknowledged.
    pub fn acknowledged(&mut self, ack: u32) {
        for i in 0..self.open.len() {
            let gap = self.open[i];
            if gap.is_acknowledged || beyond(ack, gap.start) <= 0 {
                continue;
            }
            self.open[i].is_acknowledged = true;
            if beyond(ack, gap.end) < 0 {
                self.open[i].end = ack;
                self.remember(ack, gap.end, false);
            }
        }
        if let Some(next) = self.next
            && beyond(ack, next) > 0
        {
            self.remember(next, ack, true);
            self.next = Some(ack);
        }
    }

    fn remember(&mut self, start: u32, end: u32, is_acknowledged: bool) {
        if self.open.len() >= MAX_GAPS {
            let oldest = self.open.remove(0);
            let bytes = oldest.end.wrapping_sub(oldest.start);
            self.settled_bytes += u64::from(bytes) * u64::from(oldest.is_acknowledged);
        }
        self.open.push(Gap {
            start,
            end,
            is_acknowledged,
        });
    }

    fn fill(&mut self, start: u32, end: u32) {
        for i in (0..self.open.len()).rev() {
            let gap = self.open[i];
            if beyond(end, gap.start) <= 0 || beyond(gap.end, start) <= 0 {
                continue;
            }
            let (keeps_left, keeps_right) =
                (beyond(start, gap.start) > 0, beyond(gap.end, end) > 0);
            match (keeps_left, keeps_right) {
                (true, true) => {
                    self.open[i].end = start;
                    self.remember(end, gap.end, gap.is_acknowledged);
                }
                (true, false) => self.open[i].end = start,
                (false, true) => self.open[i].start = end,
                (false, false) => {
                    self.open.remove(i);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_acknowledged_is_missing() {
        let mut gaps = Gaps::default();
        gaps.seen(100, 200);
        gaps.seen(300, 400);
        assert_eq!(gaps.missing_bytes(), 0);
        gaps.acknowledged(250);
        assert_eq!(gaps.missing_bytes(), 50);
        gaps.acknowledged(400);
        assert_eq!(gaps.missing_bytes(), 100);
        gaps.seen(220, 280);
        assert_eq!(gaps.missing_bytes(), 40);
        gaps.seen(100, 400);
        assert_eq!(gaps.missing_bytes(), 0);
    }

    #[test]
    fn bytes_beyond_what_was_seen() {
        let mut gaps = Gaps::default();
        gaps.seen(u32::MAX - 9, u32::MAX);
        gaps.acknowledged(99);
        assert_eq!(gaps.missing_bytes(), 100);
        gaps.seen(99, 120);
        assert_eq!(gaps.missing_bytes(), 100);
    }

    #[test]
    fn many_holes_are_counted_and_forgotten() {
        let mut gaps = Gaps::default();
        for i in 0..1000 {
            gaps.seen(i * 20, i * 20 + 10);
            gaps.acknowledged(i * 20 + 10);
            assert!(gaps.open.len() <= MAX_GAPS);
        }
        assert_eq!(gaps.missing_bytes(), 9_990);
    }
}
