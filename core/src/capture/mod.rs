//! Capture files and streams -> frames, and back into a file (`writer`, `annotate`).
//!
//! [`Reader`] merges any number of files by time and lends one [`Frame`] at a
//! time. Below it, from the disk upwards: `source` opens a file and tells its
//! compression, `pieces` reads a plain one, in several threads if need be,
//! `inflate` unpacks in a thread, which hands over `chunks`, `window` holds the
//! bytes that frames are borrowed from, `pcap` and `pcapng` find the records in
//! it, `file` is one capture of either format, `merge` orders several by time.
//! `patience` waits for streams that may be silent.
//!
//! Damage is data: what cannot be read is skipped, logged as [`Damage`] with
//! packet number and byte offset, and reading goes on after it.

mod annotate;
mod chunks;
mod damage;
mod file;
mod inflate;
mod merge;
mod patience;
mod pcap;
mod pcapng;
mod pieces;
mod reader;
mod source;
mod window;
mod writer;

pub mod bpf;

pub use annotate::Annotator;
pub use damage::{Damage, DamageKind};
pub use file::{FileInfo, Format, Interface};
#[cfg(feature = "python")]
pub(crate) use patience::while_waiting;
pub(crate) use patience::{POLL, Stop, shall_stop};
pub use pieces::Ahead;
pub use reader::{Counters, OpenError, Reader};
pub use writer::{WriteError, Writer};

/// One captured frame, borrowed from the reader's buffer until the next call.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Position in the merged stream, from 1, counted before any filter.
    pub number: u64,
    /// Capture time, nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// Link type (the LINKTYPE_ number of the file formats).
    pub link_type: u16,
    /// Interface index within the whole stream, in the order in which interfaces are met.
    pub interface: u32,
    /// The captured bytes, cut at the snap length.
    pub data: &'a [u8],
    /// Length on the wire in bytes (at least `data.len()`).
    pub wire_len: u32,
}

/// One frame as the parsers see it: `start..start + len` are its bytes in the window.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    time_ns: i64,
    link_type: u16,
    interface: u32,
    wire_len: u32,
    start: usize,
    len: usize,
}

impl Record {
    /// The frame, numbered so, of a record that lies in `buffer`.
    #[inline]
    pub(crate) fn frame<'a>(&self, number: u64, buffer: &'a [u8]) -> Frame<'a> {
        Frame {
            number,
            time_ns: self.time_ns,
            link_type: self.link_type,
            interface: self.interface,
            data: &buffer[self.start..self.start + self.len],
            wire_len: self.wire_len,
        }
    }

    /// Where its bytes begin.
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.start
    }
}

/// Longest captured frame that is believed, in bytes: tcpdump's largest snap length.
const MAX_CAPTURED_BYTES: usize = 256 * 1024;

/// The LINKTYPE_ number of a link type field. The upper half may hold the length
/// of the frame check sequence; 12 and 14 are what some systems wrote for raw IP.
fn link_type(field: u32) -> u16 {
    const LINKTYPE_RAW: u16 = 101;
    match field as u16 {
        12 | 14 => LINKTYPE_RAW,
        other => other,
    }
}
