//! Capture files and streams -> frames.

/// One captured frame, borrowed from the reader's buffer until the next call.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Position in the merged stream, from 1, counted before any filter.
    pub number: u64,
    /// Capture time, nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// Link type (the LINKTYPE_ number of the file formats).
    pub link_type: u16,
    /// Interface index within the whole stream (each file's interfaces follow the previous file's).
    pub interface: u32,
    /// The captured bytes, cut at the snap length.
    pub data: &'a [u8],
    /// Length on the wire in bytes (at least `data.len()`).
    pub wire_len: u32,
}
