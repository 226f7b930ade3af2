//! A TCP timestamp clock's sufficient statistics (RFC 7323; Kohno, Broido, claffy 2005).
//!
//! x is seconds of the observer since the first sample, v is ticks of the sender
//! since the first TSval. Delay only moves points to the right, so the upper hull
//! of (x, v) is the clock without delay: the line that minimises
//! `sum(a*x + b - v)` under `a*x + b >= v` is the hull edge over the mean of x.

/// Vertices that most hulls do with.
const USUAL_HULL: usize = 8;

/// Readings closer than this are taken for one burst with one delay.
const APART_NS: i64 = 100_000_000;

/// Sums and upper hull of one side's (x, v).
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    /// Samples.
    pub n: u32,
    /// First TSval.
    pub first: u32,
    /// Last TSval.
    pub last: u32,
    /// Time of the first sample, ns.
    pub first_ns: i64,
    /// Time of the last sample, ns; never runs back.
    pub last_ns: i64,
    /// Newer segments with an older TSval: steps back that reordering does not explain.
    pub n_back: u32,
    /// Samples at least [`APART_NS`] after the one counted before: packets of one
    /// burst share their delay, so these are the independent readings.
    pub n_apart: u32,
    apart_ns: i64,
    /// Sums of x, v, x*x, x*v, v*v.
    pub sums: [f64; 5],
    /// Upper hull, x ascending, slopes falling.
    pub hull: Vec<(f64, f64)>,
    /// Vertices given up to the cap.
    pub n_dropped: u32,
    /// Greatest v so far, and the TSval, SEQ and ACK of its segment.
    max_v: i64,
    max_tsval: u32,
    max_position: (u32, u32),
}

impl Clock {
    /// Starts at the first sample. `position` is the segment's (SEQ, ACK).
    pub fn new(time_ns: i64, tsval: u32, position: (u32, u32)) -> Self {
        let mut hull = Vec::with_capacity(USUAL_HULL);
        hull.push((0.0, 0.0));
        Self {
            n: 1,
            first: tsval,
            last: tsval,
            first_ns: time_ns,
            last_ns: time_ns,
            n_back: 0,
            n_apart: 1,
            apart_ns: time_ns,
            sums: [0.0; 5],
            hull,
            n_dropped: 0,
            max_v: 0,
            max_tsval: tsval,
            max_position: position,
        }
    }

    /// Adds a sample. A time before the last one's counts as the last one's, so
    /// that sums and hull speak of the same points.
    pub fn push(&mut self, time_ns: i64, tsval: u32, position: (u32, u32), max_hull: usize) {
        let step = tsval.wrapping_sub(self.max_tsval) as i32;
        let v = self.max_v.saturating_add(step.into());
        if step < 0 {
            self.n_back += u32::from(is_newer(position, self.max_position));
        } else {
            self.max_v = v;
            self.max_tsval = tsval;
            self.max_position = position;
        }
        self.n = self.n.saturating_add(1);
        self.last = tsval;
        self.last_ns = self.last_ns.max(time_ns);
        if self.last_ns.saturating_sub(self.apart_ns) >= APART_NS {
            self.n_apart = self.n_apart.saturating_add(1);
            self.apart_ns = self.last_ns;
        }

        let x = self.last_ns.saturating_sub(self.first_ns) as f64 * 1e-9;
        let v = v as f64;
        for (sum, term) in self.sums.iter_mut().zip([x, v, x * x, x * v, v * v]) {
            *sum += term;
        }
        self.extend_hull(x, v);
        while self.hull.len() > max_hull.max(3) {
            self.drop_flattest();
        }
    }

    /// One step of the monotone chain.
    fn extend_hull(&mut self, x: f64, v: f64) {
        if let Some(&(last_x, last_v)) = self.hull.last()
            && x <= last_x
        {
            if v <= last_v {
                return;
            }
            self.hull.pop();
        }
        while let [.., a, b] = self.hull[..] {
            if twice_area(a, b, (x, v)) > 0.0 {
                break;
            }
            self.hull.pop();
        }
        self.hull.push((x, v));
    }

    /// Drops the inner vertex that takes the least area with it.
    fn drop_flattest(&mut self) {
        let mut flattest = (1, f64::INFINITY);
        for (i, window) in self.hull.windows(3).enumerate() {
            let area = twice_area(window[0], window[1], window[2]);
            if area < flattest.1 {
                flattest = (i + 1, area);
            }
        }
        self.hull.remove(flattest.0);
        self.n_dropped += 1;
    }
}

/// Twice the area of the triangle; positive where b lies above the line from a to c.
fn twice_area(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> f64 {
    (b.1 - a.1) * (c.0 - a.0) - (c.1 - a.1) * (b.0 - a.0)
}

/// A later position in the sender's stream, or the same with a later acknowledgement.
fn is_newer(position: (u32, u32), than: (u32, u32)) -> bool {
    let ahead = position.0.wrapping_sub(than.0) as i32;
    ahead > 0 || (ahead == 0 && position.1.wrapping_sub(than.1) as i32 > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn unwraps_across_the_32_bit_end() {
        let mut clock = Clock::new(0, u32::MAX - 5, (0, 0));
        clock.push(S, 4, (1, 0), 64);
        assert_eq!(clock.hull, [(0.0, 0.0), (1.0, 10.0)]);
        assert_eq!(clock.sums, [1.0, 10.0, 1.0, 10.0, 100.0]);
        assert_eq!(clock.n_back, 0);
    }

    #[test]
    fn a_burst_counts_as_one_independent_reading() {
        let mut clock = Clock::new(0, 0, (0, 0));
        for i in 1..=30 {
            clock.push(i * S / 100, i as u32 * 10, (i as u32, 0), 64);
        }
        assert_eq!((clock.n, clock.n_apart), (31, 4));
    }

    #[test]
    fn reordering_is_no_step_back_but_a_newer_segment_with_an_older_stamp_is() {
        let mut clock = Clock::new(0, 1000, (100, 0));
        clock.push(S, 1100, (300, 0), 64);
        clock.push(2 * S, 1050, (200, 0), 64);
        assert_eq!(clock.n_back, 0);
        clock.push(3 * S, 900, (400, 0), 64);
        assert_eq!(clock.n_back, 1);
    }

    #[test]
    fn equal_x_keeps_the_larger_v_and_time_never_runs_back() {
        let mut clock = Clock::new(5 * S, 0x10, (0, 0));
        clock.push(6 * S, 0x20, (1, 0), 64);
        clock.push(5 * S, 0x30, (2, 0), 64);
        assert_eq!(clock.hull, [(0.0, 0.0), (1.0, 32.0)]);
        assert_eq!(clock.sums[0], 2.0);
    }

    #[test]
    fn the_cap_keeps_the_ends_and_counts() {
        let mut clock = Clock::new(0, 1, (0, 0));
        for i in 1..200u32 {
            // Concave: every point is a vertex.
            clock.push(i64::from(i * i) * S, 1 + i * 100, (i, 0), 16);
        }
        assert_eq!(clock.hull.len(), 16);
        assert_eq!(clock.n_dropped, 200 - 16);
        assert_eq!(clock.hull[0], (0.0, 0.0));
        assert_eq!(clock.hull[15], (199.0 * 199.0, 19_900.0));
    }
}
