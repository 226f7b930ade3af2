//! Bytes that a thread hands over in buffers, which come back to it: nothing is copied.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::patience::receive;

/// Room before the bytes, for what is left of the chunk before them. Half a page more than pages:
/// the kernel copies from the beginning of a page, and twice as slowly to 16 bytes behind one,
/// which is where a large block of memory begins.
pub(super) const ROOM_BYTES: usize = 66 * 1024;

/// A buffer, and how many bytes are in it behind [`ROOM_BYTES`].
pub(super) type Filled = (Vec<u8>, io::Result<usize>);

/// The end of who reads them. Whoever takes a buffer gives one back.
pub(super) struct Chunks {
    filled: Receiver<Filled>,
    unused: Sender<Vec<u8>>,
    /// Of a buffer, bytes.
    size: usize,
}

/// The end of the thread that fills them.
pub(super) struct Filler {
    pub filled: Sender<Filled>,
    pub unused: Receiver<Vec<u8>>,
}

impl Chunks {
    /// Both ends, with `n_buffers` of a size to be filled.
    pub fn new(size: usize, n_buffers: usize) -> (Self, Filler) {
        let (give_back, unused) = channel();
        let (hand_over, filled) = channel();
        let chunks = Self {
            filled,
            unused: give_back,
            size,
        };
        for _ in 0..n_buffers {
            chunks.give_back(None);
        }
        let filled = hand_over;
        (chunks, Filler { filled, unused })
    }

    /// The next bytes; 0 of them at the end.
    pub fn take(&self) -> io::Result<(Vec<u8>, usize)> {
        let (buffer, n) =
            receive(&self.filled)?.ok_or_else(|| io::Error::other("reading ahead ended early"))?;
        Ok((buffer, n?))
    }

    /// For a buffer that was taken: a used one, or a new one.
    pub fn give_back(&self, used: Option<Vec<u8>>) {
        let fits = used.filter(|buffer| buffer.len() == self.size);
        // At the end of the stream nobody wants it.
        let _ = self.unused.send(fits.unwrap_or_else(|| vec![0; self.size]));
    }
}
