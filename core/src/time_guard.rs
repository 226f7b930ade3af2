//! Keeps a lone absurd date from stretching the time axis.
//!
//! The clock moves by more than a day, either way, only where two consecutive
//! frames agree on it. A frame that jumps alone is held until the next one tells;
//! at the very start, where there is no clock yet, up to two frames are held.

/// Greatest step that needs no second frame, ns.
pub const MAX_STEP_NS: i64 = 86_400 * 1_000_000_000;

/// What to do with frames, as a new one comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// For each held frame, oldest first: whether its date is to be believed.
    pub held: [Option<bool>; 2],
    /// The new frame is to be held too; else its date is to be believed.
    pub hold: bool,
}

/// Decides which frames' dates are believed.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeGuard {
    /// The last believed time.
    current: Option<i64>,
    held: [Option<i64>; 2],
}

impl TimeGuard {
    /// The usual case, cheap: nothing is held and the step is small. True: believed.
    #[inline]
    pub fn follows(&mut self, time_ns: i64) -> bool {
        let follows = self.held[0].is_none() && self.current.is_some_and(|now| near(now, time_ns));
        if follows {
            self.current = Some(time_ns);
        }
        follows
    }

    /// The last believed time, ns.
    pub fn current(&self) -> Option<i64> {
        self.current
    }

    /// Judges the held frames by a new one.
    pub fn judge(&mut self, time_ns: i64) -> Verdict {
        let agrees = |other: Option<i64>| other.is_some_and(|other| near(other, time_ns));
        let (held, hold) = match (self.current, self.held) {
            (Some(_), [None, _]) => ([None, None], !agrees(self.current)),
            (Some(_), [first, _]) => match agrees(first) {
                true => ([Some(true), None], false),
                false => ([Some(false), None], !agrees(self.current)),
            },
            (None, [None, _]) => ([None, None], true),
            (None, [first, None]) => match agrees(first) {
                true => ([Some(true), None], false),
                false => {
                    self.held[1] = Some(time_ns);
                    return Verdict {
                        held: [None, None],
                        hold: true,
                    };
                }
            },
            (None, [first, second]) => match (agrees(first), agrees(second)) {
                (_, true) => ([Some(false), Some(true)], false),
                (true, false) => ([Some(true), Some(false)], false),
                // Three dates, no two alike: the first one stands.
                (false, false) => {
                    self.current = first;
                    ([Some(true), Some(false)], true)
                }
            },
        };
        self.held = [hold.then_some(time_ns), None];
        if !hold {
            self.current = Some(time_ns);
        }
        Verdict { held, hold }
    }

    /// Judges what is still held when nothing more comes.
    pub fn settle(&mut self) -> [Option<bool>; 2] {
        let first = self.held[0].map(|time_ns| {
            let starts = self.current.is_none();
            if starts {
                self.current = Some(time_ns);
            }
            starts
        });
        let second = self.held[1].map(|_| false);
        self.held = [None, None];
        [first, second]
    }
}

fn near(a: i64, b: i64) -> bool {
    a.abs_diff(b) <= MAX_STEP_NS as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = MAX_STEP_NS;

    /// Feeds days through a guard; '+' believed, '-' absurd, in order of the frames.
    fn fates(days: &[i64]) -> String {
        let mut guard = TimeGuard::default();
        let mut fates = String::new();
        let letter = |believed: bool| if believed { '+' } else { '-' };
        for day in days {
            let time_ns = day * DAY;
            if guard.follows(time_ns) {
                fates.push('+');
                continue;
            }
            let verdict = guard.judge(time_ns);
            fates.extend(verdict.held.into_iter().flatten().map(letter));
            if !verdict.hold {
                fates.push('+');
            }
        }
        fates.extend(guard.settle().into_iter().flatten().map(letter));
        fates
    }

    #[test]
    fn a_lone_absurd_date_is_not_believed() {
        assert_eq!(fates(&[5, 5, 900, 5, 5]), "++-++");
        assert_eq!(fates(&[5, 5, 900, -700, 5]), "++--+");
    }

    #[test]
    fn two_frames_that_agree_move_the_clock_either_way() {
        assert_eq!(fates(&[5, 5, 900, 900, 900, 3, 3]), "+++++++");
    }

    #[test]
    fn the_first_frames_are_judged_by_their_followers() {
        assert_eq!(fates(&[900, 5, 5, 6]), "-+++");
        assert_eq!(fates(&[5, 900, 5]), "+-+");
        assert_eq!(fates(&[5, 100, 200, 200]), "+-++");
        assert_eq!(fates(&[5]), "+");
        assert_eq!(fates(&[5, 900]), "+-");
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut guard = TimeGuard::default();
        for time_ns in [i64::MIN, i64::MAX, i64::MIN, 0] {
            if !guard.follows(time_ns) {
                guard.judge(time_ns);
            }
        }
    }
}
