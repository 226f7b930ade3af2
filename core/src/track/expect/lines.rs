//! Lines of one sender, put together from its segments.

/// Longest line kept; FTP's fit into 512 bytes (RFC 959 has no limit), as do IRC's (RFC 2812, 2.3).
pub(super) const MAX_LINE: usize = 1024;

/// The piece of a line that waits for its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    /// Its start is lost, or it grew too long: nothing counts before the next line.
    is_broken: bool,
    /// Lines given up since they were too long.
    pub n_dropped: u32,
}

impl Lines {
    /// Bytes that wait.
    pub fn n_waiting(&self) -> usize {
        self.partial.len()
    }

    /// Bytes are missing here.
    pub fn gap(&mut self) {
        self.partial = Vec::new();
        self.is_broken = true;
    }

    /// Hands each line that the payload ends to `take`, without CR and LF.
    pub fn push(&mut self, payload: &[u8], mut take: impl FnMut(&[u8])) {
        for piece in payload.split_inclusive(|byte| *byte == b'\n') {
            let is_end = piece.last() == Some(&b'\n');
            if self.is_broken {
                self.is_broken = !is_end;
            } else if self.partial.len() + piece.len() > MAX_LINE {
                self.n_dropped = self.n_dropped.saturating_add(1);
                self.partial = Vec::new();
                self.is_broken = !is_end;
            } else if !is_end {
                self.partial.extend_from_slice(piece);
            } else if self.partial.is_empty() {
                take(bare(piece));
            } else {
                self.partial.extend_from_slice(piece);
                take(bare(&self.partial));
                self.partial = Vec::new();
            }
        }
    }
}

fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &mut Lines, payload: &[u8]) -> Vec<String> {
        let mut read = Vec::new();
        lines.push(payload, |line| {
            read.push(String::from_utf8_lossy(line).into_owned())
        });
        read
    }

    #[test]
    fn lines_of_one_segment_and_of_many() {
        let mut lines = Lines::default();
        assert_eq!(read(&mut lines, b"one\r\ntwo\nth"), ["one", "two"]);
        assert_eq!(read(&mut lines, b"re"), [""; 0]);
        assert_eq!(read(&mut lines, b"e\r\n"), ["three"]);
        assert_eq!(lines.n_waiting(), 0);
    }

    #[test]
    fn a_line_too_long_is_passed_over() {
        let mut lines = Lines::default();
        for _ in 0..20 {
            assert_eq!(read(&mut lines, &[b'x'; 100]), [""; 0]);
            assert!(lines.n_waiting() <= MAX_LINE);
        }
        assert_eq!(read(&mut lines, b"\nnext\n"), ["next"]);
        assert_eq!(lines.n_dropped, 1);
    }

    #[test]
    fn a_line_whose_start_is_missing_is_passed_over() {
        let mut lines = Lines::default();
        read(&mut lines, b"PORT 1");
        lines.gap();
        assert_eq!(read(&mut lines, b"rest\nnext\n"), ["next"]);
    }
}
