//! The first payload bytes of one side, in order, bounded.

/// Most datagrams kept per side.
const MAX_DATAGRAMS: u8 = 4;
/// Most segments that wait behind a gap.
const MAX_WAITING: usize = 4;

/// Bytes that all flows alive may still keep.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes left.
    pub left_bytes: usize,
    /// Bytes that were due but did not fit into the budget.
    pub n_dropped_bytes: u64,
}

/// Payload head of one side.
///
/// TCP: contiguous from the SYN, or from the first data seen. UDP: the first
/// datagrams, each behind its kept length as two bytes, big-endian.
#[derive(Clone, Debug, Default)]
pub struct Head {
    bytes: Vec<u8>,
    /// Time of the first payload byte, ns.
    first_ns: Option<i64>,
    next_seq: Option<u32>,
    waiting: Vec<(u32, Box<[u8]>)>,
    n_datagrams: u8,
    /// Nothing more can be added.
    complete: bool,
}

impl Head {
    /// Whether more is wanted.
    #[inline]
    pub fn is_open(&self) -> bool {
        !self.complete
    }

    /// The bytes, and the time of the first; None where there are none.
    pub fn bytes(&self) -> Option<(&[u8], i64)> {
        (!self.bytes.is_empty()).then_some((&self.bytes[..], self.first_ns?))
    }

    /// Where the stream starts: the sequence number after the SYN.
    pub fn starts_at(&mut self, seq: u32) {
        if self.bytes.is_empty() && self.waiting.is_empty() {
            self.next_seq = Some(seq);
        }
    }

    /// Adds a TCP segment. `wire_len`: its length by the headers; `captured` may be cut.
    pub fn push_segment(
        &mut self,
        time_ns: i64,
        seq: u32,
        captured: &[u8],
        wire_len: u32,
        most: usize,
        budget: &mut Budget,
    ) {
        let next_seq = *self.next_seq.get_or_insert(seq);
        let ahead = seq.wrapping_sub(next_seq) as i32;
        if ahead > 0 {
            self.wait(seq, captured, wire_len, most, budget);
            return;
        }
        let known = ahead.unsigned_abs() as usize;
        if known >= wire_len as usize {
            return;
        }
        self.first_ns.get_or_insert(time_ns);
        self.append(
            captured.get(known..).unwrap_or(&[]),
            wire_len as usize - known,
            most,
            budget,
        );
        self.append_waiting(most, budget);
    }

    /// Adds a datagram.
    pub fn push_datagram(
        &mut self,
        time_ns: i64,
        captured: &[u8],
        most: usize,
        budget: &mut Budget,
    ) {
        let room = most
            .saturating_sub(self.bytes.len() + 2)
            .min(usize::from(u16::MAX));
        let kept = captured.len().min(room);
        if room == 0 || kept + 2 > budget.left_bytes {
            budget.n_dropped_bytes += if room == 0 { 0 } else { kept as u64 };
            self.complete = true;
            return;
        }
        budget.left_bytes -= kept + 2;
        self.first_ns.get_or_insert(time_ns);
        self.bytes.reserve_exact(kept + 2);
        self.bytes.extend_from_slice(&(kept as u16).to_be_bytes());
        self.bytes.extend_from_slice(&captured[..kept]);
        self.n_datagrams += 1;
        self.complete = self.n_datagrams == MAX_DATAGRAMS || kept < captured.len();
    }

    /// Gives up what waits, returns what it took from the budget.
    pub fn close(&mut self, budget: &mut Budget) {
        self.drop_waiting(budget);
        self.complete = true;
        budget.left_bytes += self.bytes.len();
    }

    /// Appends bytes that follow directly. A cut segment, a full head or an empty
    /// budget ends the head: what comes later would not be contiguous.
    fn append(&mut self, captured: &[u8], wire_len: usize, most: usize, budget: &mut Budget) {
        let wanted = captured
            .len()
            .min(wire_len)
            .min(most.saturating_sub(self.bytes.len()));
        let kept = wanted.min(budget.left_bytes);
        budget.left_bytes -= kept;
        budget.n_dropped_bytes += (wanted - kept) as u64;
        self.bytes.reserve_exact(kept);
        self.bytes.extend_from_slice(&captured[..kept]);
        if kept < wire_len || self.bytes.len() >= most {
            self.complete = true;
            self.drop_waiting(budget);
        } else if let Some(next_seq) = &mut self.next_seq {
            *next_seq = next_seq.wrapping_add(wire_len as u32);
        }
    }

    /// Keeps a segment behind a gap, where it is whole, near, and there is room.
    fn wait(&mut self, seq: u32, captured: &[u8], wire_len: u32, most: usize, budget: &mut Budget) {
        let fits = self.waiting.len() < MAX_WAITING
            && captured.len() == wire_len as usize
            && captured.len() <= most
            && captured.len() <= budget.left_bytes
            && !self.waiting.iter().any(|(other, _)| *other == seq);
        if fits {
            budget.left_bytes -= captured.len();
            self.waiting.push((seq, captured.into()));
        }
    }

    fn append_waiting(&mut self, most: usize, budget: &mut Budget) {
        while !self.complete
            && let Some(next_seq) = self.next_seq
            && let Some(at) = self
                .waiting
                .iter()
                .position(|(seq, _)| seq.wrapping_sub(next_seq) as i32 <= 0)
        {
            let (seq, bytes) = self.waiting.remove(at);
            budget.left_bytes += bytes.len();
            let known = next_seq.wrapping_sub(seq) as usize;
            if let Some(fresh) = bytes.get(known..)
                && !fresh.is_empty()
            {
                self.append(fresh, fresh.len(), most, budget);
            }
        }
    }

    fn drop_waiting(&mut self, budget: &mut Budget) {
        for (_, bytes) in self.waiting.drain(..) {
            budget.left_bytes += bytes.len();
        }
        self.waiting.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget {
            left_bytes: 100,
            n_dropped_bytes: 0,
        }
    }

    fn text(head: &Head) -> &str {
        std::str::from_utf8(head.bytes().map_or(b"", |(bytes, _)| bytes)).unwrap()
    }

    #[test]
    fn puts_a_few_late_segments_in_order() {
        let (mut head, mut budget) = (Head::default(), budget());
        head.starts_at(u32::MAX);
        head.push_segment(1, 2, b"def", 3, 50, &mut budget);
        head.push_segment(2, u32::MAX, b"abc", 3, 50, &mut budget);
        head.push_segment(3, 3, b"efgh", 4, 50, &mut budget);
        head.push_segment(4, 2, b"XXXX", 4, 50, &mut budget);
        assert_eq!(text(&head), "abcdefgh");
        assert_eq!(head.bytes().unwrap().1, 2);
        assert_eq!(budget.left_bytes, 92);
        head.close(&mut budget);
        assert_eq!((budget.left_bytes, text(&head)), (100, "abcdefgh"));
    }

    #[test]
    fn ends_at_a_cut_segment_and_at_the_limit() {
        let (mut head, mut left) = (Head::default(), budget());
        head.push_segment(1, 7, b"abc", 5, 50, &mut left);
        head.push_segment(1, 12, b"fgh", 3, 50, &mut left);
        assert_eq!((text(&head), head.is_open()), ("abc", false));
        let mut head = Head::default();
        head.push_segment(1, 7, b"abcdef", 6, 4, &mut left);
        assert_eq!((text(&head), head.is_open()), ("abcd", false));
    }

    #[test]
    fn counts_what_the_budget_refuses() {
        let (mut head, mut left) = (
            Head::default(),
            Budget {
                left_bytes: 2,
                n_dropped_bytes: 0,
            },
        );
        head.push_segment(1, 7, b"abcdef", 6, 50, &mut left);
        assert_eq!(
            (text(&head), left.left_bytes, left.n_dropped_bytes),
            ("ab", 0, 4)
        );
    }

    #[test]
    fn frames_datagrams_with_their_length() {
        let (mut head, mut left) = (Head::default(), budget());
        for _ in 0..6 {
            if head.is_open() {
                head.push_datagram(1, b"hi", 50, &mut left);
            }
        }
        assert_eq!(text(&head), "\0\u{2}hi".repeat(4));
        let mut cut = Head::default();
        cut.push_datagram(1, b"hello", 5, &mut left);
        assert_eq!((text(&cut), cut.is_open()), ("\0\u{3}hel", false));
    }
}
