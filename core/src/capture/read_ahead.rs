//! A file read ahead by a thread of its own, into buffers that change hands: nothing is copied.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::patience::receive;

/// Room before the bytes read, for what is left of the chunk before them.
pub(super) const ROOM_BYTES: usize = 64 * 1024;
/// How much is read at a time: all buffers together stay in a cache that is near.
const CHUNK_BYTES: usize = 256 * 1024;
/// Buffers that are filled or wait to be.
const N_BUFFERS: usize = 3;

type Stream = Box<dyn Read + Send>;

/// A buffer, and how many bytes were read into it behind [`ROOM_BYTES`].
pub(super) type Filled = (Vec<u8>, io::Result<usize>);

/// The other end of the thread. Whoever takes a buffer gives one back.
pub(super) struct ReadAhead {
    filled: Receiver<Filled>,
    unused: Sender<Vec<u8>>,
    /// Of a buffer, bytes.
    size: usize,
}

/// The thread's end.
pub(super) struct Filler {
    pub filled: Sender<Filled>,
    pub unused: Receiver<Vec<u8>>,
}

impl ReadAhead {
    /// Starts the thread; it ends with the stream or when this is dropped. Gives the stream back
    /// where there is no thread to be had.
    pub fn spawn(stream: Stream) -> Result<Self, Stream> {
        let (ahead, filler) = Self::over(ROOM_BYTES + CHUNK_BYTES, N_BUFFERS);
        let (send_stream, streams) = channel::<Stream>();
        let thread = thread::Builder::new().name("read".into()).spawn(move || {
            if let Ok(stream) = streams.recv() {
                read_all(stream, &filler);
            }
        });
        if thread.is_err() {
            return Err(stream);
        }
        match send_stream.send(stream) {
            Ok(()) => Ok(ahead),
            Err(refused) => Err(refused.0),
        }
    }

    /// Both ends, with `n_buffers` of a size to be filled.
    pub fn over(size: usize, n_buffers: usize) -> (Self, Filler) {
        let (give_back, unused) = channel();
        let (hand_over, filled) = channel();
        let ahead = Self {
            filled,
            unused: give_back,
            size,
        };
        for _ in 0..n_buffers {
            ahead.give_back(None);
        }
        let filled = hand_over;
        (ahead, Filler { filled, unused })
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

fn read_all(mut stream: Stream, filler: &Filler) {
    while let Ok(mut buffer) = filler.unused.recv() {
        let n_read = loop {
            match stream.read(&mut buffer[ROOM_BYTES..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => break done,
            }
        };
        let goes_on = matches!(n_read, Ok(1..));
        if filler.filled.send((buffer, n_read)).is_err() || !goes_on {
            break;
        }
    }
}
