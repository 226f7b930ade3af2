//! Messages of one sender that say their own length, put together from its segments.

/// Longest message kept.
pub const MAX_MESSAGE: usize = 8192;

/// How far the message reaches that begins at the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// More bytes are needed to tell.
    Unknown,
    /// So many bytes, more than 0.
    Whole(usize),
    /// No message of the protocol begins here.
    Alien,
}

/// The piece of a message that waits for its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    partial: Vec<u8>,
    /// Bytes to pass over: the rest of a message too long to keep.
    skip: usize,
    /// Messages given up since they were too long.
    pub n_dropped: u32,
}

impl Messages {
    /// Bytes that wait.
    pub fn n_waiting(&self) -> usize {
        self.partial.len()
    }

    /// Bytes are missing here: a message may begin with the next segment.
    pub fn gap(&mut self) {
        self.partial = Vec::new();
        self.skip = 0;
    }

    /// Hands each message that the payload completes to `take`.
    pub fn push(
        &mut self,
        payload: &[u8],
        extent: impl Fn(&[u8]) -> Extent,
        mut take: impl FnMut(&[u8]),
    ) {
        let n_skipped = self.skip.min(payload.len());
        self.skip -= n_skipped;
        let payload = &payload[n_skipped..];
        if self.partial.is_empty() {
            let rest = self.walk(payload, extent, &mut take);
            self.partial = payload[rest..].to_vec();
        } else {
            let mut bytes = std::mem::take(&mut self.partial);
            bytes.extend_from_slice(payload);
            let rest = self.walk(&bytes, extent, &mut take);
            bytes.drain(..rest);
            self.partial = bytes;
        }
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
    }

    /// Where the bytes to keep begin.
    fn walk(
        &mut self,
        bytes: &[u8],
        extent: impl Fn(&[u8]) -> Extent,
        take: &mut impl FnMut(&[u8]),
    ) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match extent(rest) {
                Extent::Whole(n) if n <= rest.len() => {
                    take(&rest[..n]);
                    at += n.max(1);
                }
                Extent::Whole(n) if n > MAX_MESSAGE => {
                    self.n_dropped = self.n_dropped.saturating_add(1);
                    self.skip = n - rest.len();
                    return bytes.len();
                }
                Extent::Unknown if rest.len() > MAX_MESSAGE => {
                    self.n_dropped = self.n_dropped.saturating_add(1);
                    return bytes.len();
                }
                Extent::Whole(_) | Extent::Unknown => return at,
                Extent::Alien => return bytes.len(),
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte of length, that byte counted, then the rest; length 0 is alien.
    fn extent(bytes: &[u8]) -> Extent {
        match bytes {
            [0, ..] => Extent::Alien,
            [255, high, ..] => Extent::Whole(usize::from(*high) << 8),
            [255] => Extent::Unknown,
            [n, ..] => Extent::Whole((*n).into()),
            [] => Extent::Unknown,
        }
    }

    fn read(messages: &mut Messages, payload: &[u8]) -> Vec<Vec<u8>> {
        let mut read = Vec::new();
        messages.push(payload, extent, |message| read.push(message.to_vec()));
        read
    }

    #[test]
    fn messages_of_one_segment_and_of_many() {
        let mut messages = Messages::default();
        assert_eq!(
            read(&mut messages, b"\x02a\x01\x03b"),
            [&b"\x02a"[..], b"\x01"]
        );
        assert_eq!(messages.n_waiting(), 2);
        assert_eq!(read(&mut messages, b"c\x02d"), [&b"\x03bc"[..], b"\x02d"]);
        assert_eq!(messages.n_waiting(), 0);
    }

    #[test]
    fn one_too_long_is_passed_over() {
        let mut messages = Messages::default();
        assert!(read(&mut messages, &[255, 64, 0]).is_empty());
        assert_eq!(messages.n_waiting(), 0);
        let rest = vec![9; (64 << 8) - 3];
        assert!(read(&mut messages, &rest).is_empty());
        assert_eq!(read(&mut messages, b"\x02x"), [b"\x02x"]);
        assert_eq!(messages.n_dropped, 1);
    }

    #[test]
    fn what_is_alien_is_passed_over_to_the_next_segment() {
        let mut messages = Messages::default();
        assert!(read(&mut messages, b"\0\x02a").is_empty());
        assert_eq!(read(&mut messages, b"\x02a"), [b"\x02a"]);
    }
}
