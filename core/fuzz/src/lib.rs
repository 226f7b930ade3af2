//! What the targets share.

use std::io::Cursor;
use std::path::Path;

use wiretell_core::capture::Reader;

/// Reads a capture to its end and checks what must hold for any bytes.
pub fn read_capture(bytes: Vec<u8>) {
    let stream = Box::new(Cursor::new(bytes));
    let Ok(mut reader) = Reader::from_stream(Path::new("fuzz"), stream, None) else {
        return;
    };
    let mut captured_bytes = 0;
    while let Some(frame) = reader.next_frame() {
        assert!(frame.wire_len as usize >= frame.data.len());
        captured_bytes += frame.data.len() as u64;
    }
    assert_eq!(reader.counters().captured_bytes, captured_bytes);
    let (damage, files) = (reader.damage(), reader.files());
    assert!(damage.len() <= 256);
    assert_eq!(files[0].n_packets, reader.counters().frames);
}
