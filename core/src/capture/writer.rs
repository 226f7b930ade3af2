//! Frames -> a pcap file with nanoseconds (draft-ietf-opsawg-pcap, magic 0xa1b23c4d).

use super::{Frame, MAX_CAPTURED_BYTES};
use std::fmt;
use std::io::{self, Write};

const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const NS_PER_S: i64 = 1_000_000_000;
const ETHERNET: u16 = 1;

/// Why a frame was not written.
#[derive(Debug)]
pub enum WriteError {
    /// The file could not be written.
    Io(io::Error),
    /// The format has one link type per file: the first frame's, and that of this one.
    LinkType {
        /// The file's.
        first: u16,
        /// The frame's.
        other: u16,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::LinkType { first, other } => write!(
                f,
                "a pcap file has one link type: this one has {first}, a packet {other}"
            ),
        }
    }
}

impl std::error::Error for WriteError {}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes frames as they are, in their order.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    /// Known from the first frame on.
    link_type: Option<u16>,
    n_packets: u64,
    n_times_clamped: u64,
}

impl<W: Write> Writer<W> {
    /// A file without a header yet.
    pub fn new(out: W) -> Self {
        Self {
            out,
            link_type: None,
            n_packets: 0,
            n_times_clamped: 0,
        }
    }

    /// Appends a frame.
    pub fn write(&mut self, frame: &Frame<'_>) -> Result<(), WriteError> {
        match self.link_type {
            None => self.begin(frame.link_type)?,
            Some(first) if first != frame.link_type => {
                return Err(WriteError::LinkType {
                    first,
                    other: frame.link_type,
                });
            }
            Some(_) => {}
        }
        let captured = u32::try_from(frame.data.len()).unwrap_or(u32::MAX);
        let (seconds, nanoseconds) = self.stamp(frame.time_ns);
        let words = [seconds, nanoseconds, captured, frame.wire_len.max(captured)];
        self.out
            .write_all(words.map(u32::to_le_bytes).as_flattened())?;
        self.out.write_all(frame.data)?;
        self.n_packets += 1;
        Ok(())
    }

    /// Writes what is buffered; without any frame, the header of an empty Ethernet capture.
    pub fn finish(&mut self) -> Result<(), WriteError> {
        if self.link_type.is_none() {
            self.begin(ETHERNET)?;
        }
        Ok(self.out.flush()?)
    }

    /// Frames written.
    pub fn n_packets(&self) -> u64 {
        self.n_packets
    }

    /// Times before 1970 or beyond 2106, which the format does not have: its nearest was written.
    pub fn n_times_clamped(&self) -> u64 {
        self.n_times_clamped
    }

    fn begin(&mut self, link_type: u16) -> io::Result<()> {
        self.link_type = Some(link_type);
        let version = 2u32 | 4 << 16;
        let longest = MAX_CAPTURED_BYTES as u32;
        let words = [MAGIC_NANOSECONDS, version, 0, 0, longest, link_type.into()];
        self.out
            .write_all(words.map(u32::to_le_bytes).as_flattened())
    }

    fn stamp(&mut self, time_ns: i64) -> (u32, u32) {
        let rest = time_ns.rem_euclid(NS_PER_S) as u32;
        match u32::try_from(time_ns.div_euclid(NS_PER_S)) {
            Ok(seconds) => (seconds, rest),
            Err(_) => {
                self.n_times_clamped += 1;
                if time_ns < 0 {
                    (0, 0)
                } else {
                    (u32::MAX, NS_PER_S as u32 - 1)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Reader;
    use std::path::Path;

    fn frame(time_ns: i64, link_type: u16, data: &[u8], wire_len: u32) -> Frame<'_> {
        Frame {
            number: 1,
            time_ns,
            link_type,
            interface: 0,
            data,
            wire_len,
        }
    }

    fn read_again(file: Vec<u8>) -> Vec<(i64, u16, Vec<u8>, u32)> {
        let stream = Box::new(io::Cursor::new(file));
        let mut reader = Reader::from_stream(Path::new("x"), stream, None).expect("a capture");
        let mut frames = Vec::new();
        while let Some(frame) = reader.next_frame() {
            frames.push((
                frame.time_ns,
                frame.link_type,
                frame.data.to_vec(),
                frame.wire_len,
            ));
        }
        frames
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file);
        let sent: [(i64, &[u8], u32); 3] = [
            (1_760_000_000_123_456_789, &[1, 2, 3], 3),
            (1_760_000_000_000_000_001, &[], 0),
            (7, &[9; 60], 1500),
        ];
        for (time_ns, data, wire_len) in sent {
            writer
                .write(&frame(time_ns, 101, data, wire_len))
                .expect("written");
        }
        assert!(matches!(
            writer.write(&frame(8, 1, &[], 0)),
            Err(WriteError::LinkType {
                first: 101,
                other: 1
            })
        ));
        writer.finish().expect("flushed");
        assert_eq!((writer.n_packets(), writer.n_times_clamped()), (3, 0));
        let again = read_again(file);
        let expected: Vec<_> = sent
            .iter()
            .map(|(time_ns, data, wire_len)| (*time_ns, 101, data.to_vec(), *wire_len))
            .collect();
        assert_eq!(again, expected);
    }

    #[test]
    fn nothing_is_a_capture_too_and_odd_times_are_counted() {
        let mut file = Vec::new();
        Writer::new(&mut file).finish().expect("a header");
        assert!(read_again(file).is_empty());
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file);
        for time_ns in [-1, i64::MAX] {
            writer
                .write(&frame(time_ns, 1, &[0; 14], 14))
                .expect("written");
        }
        assert_eq!(writer.n_times_clamped(), 2);
        assert_eq!(read_again(file)[0].0, 0);
    }
}
