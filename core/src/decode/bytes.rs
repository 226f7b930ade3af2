//! What is left of a frame while its headers are taken off one by one.

/// The rest of a frame: the captured bytes, and how many there were on the wire.
///
/// A snap length cuts `data`, never `wire_len`; link padding and trailers are cut from both
/// once an IP header has said where the packet ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a> {
    /// Captured bytes from the next header on.
    pub data: &'a [u8],
    /// Bytes on the wire from the next header on; at least `data.len()`.
    pub wire_len: usize,
}

impl<'a> Bytes<'a> {
    /// A whole frame.
    pub fn new(data: &'a [u8], wire_len: u32) -> Self {
        let wire_len = (wire_len as usize).max(data.len());
        Self { data, wire_len }
    }

    /// Takes the first `N` bytes off; `None` (and nothing taken) where fewer were captured.
    #[inline]
    pub fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, tail) = self.data.split_first_chunk::<N>()?;
        self.data = tail;
        self.wire_len -= N;
        Some(head)
    }

    /// Passes over `n` bytes, captured or not.
    #[inline]
    pub fn skip(&mut self, n: usize) {
        self.data = self.data.get(n..).unwrap_or_default();
        self.wire_len = self.wire_len.saturating_sub(n);
    }

    /// Ends the packet `n` bytes from here, as a header says, even if that is beyond the frame.
    #[inline]
    pub fn end_after(&mut self, n: usize) {
        self.data = self.data.get(..n).unwrap_or(self.data);
        self.wire_len = n;
    }
}

/// Big-endian 16-bit number at `at`; the caller has checked the length.
#[inline]
pub(super) fn u16_at<const N: usize>(header: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([header[at], header[at + 1]])
}

/// Big-endian 32-bit number at `at`; the caller has checked the length.
#[inline]
pub(super) fn u32_at<const N: usize>(header: &[u8; N], at: usize) -> u32 {
    u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipping_past_the_capture_still_counts_the_wire() {
        let mut bytes = Bytes::new(&[1, 2, 3], 10);
        bytes.skip(5);
        assert!(bytes.data.is_empty());
        assert_eq!(bytes.wire_len, 5);
    }

    #[test]
    fn a_short_take_takes_nothing() {
        let mut bytes = Bytes::new(&[1, 2, 3], 3);
        assert!(bytes.take::<4>().is_none());
        assert_eq!(bytes.take::<3>(), Some(&[1, 2, 3]));
    }

    #[test]
    fn an_end_cuts_padding_and_may_lie_beyond_the_frame() {
        let mut bytes = Bytes::new(&[1, 2, 3], 3);
        bytes.end_after(2);
        assert_eq!((bytes.data, bytes.wire_len), (&[1u8, 2][..], 2));
        bytes.end_after(9);
        assert_eq!((bytes.data, bytes.wire_len), (&[1u8, 2][..], 9));
    }
}
