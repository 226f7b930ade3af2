//! Where the bytes of a capture come from: a file, standard input, a given stream.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::chunks::Chunks;
use super::inflate::{self, Codec};
use super::patience::Patient;
use super::pieces::{Ahead, Pieces};
use super::window::Window;

/// The path that means standard input.
const STANDARD_INPUT: &str = "-";

/// A stream of plain capture bytes, and what is known about where it comes from.
pub(super) struct Source {
    pub stream: Stream,
    /// How it is compressed, if it is.
    pub compression: Option<Codec>,
    /// Bytes read so far, before inflation.
    pub n_read: Arc<AtomicU64>,
}

/// Bytes as they are read, or inflated by a thread.
pub(super) enum Stream {
    Plain(Box<dyn Read + Send>),
    /// A regular file, from its beginning.
    File(File),
    Inflated(Chunks),
}

impl Source {
    /// What is looked at of it, and what reads ahead of it where several threads may read.
    /// `chunk_bytes`: how much is read at a time where it is read.
    pub fn window(self, chunk_bytes: usize) -> (Window, Option<Ahead>) {
        match self.stream {
            Stream::Plain(stream) => (Window::new(stream, chunk_bytes), None),
            Stream::File(file) => {
                let pieces = Pieces::new(file, chunk_bytes, self.n_read);
                let ahead = pieces.ahead();
                (Window::of_pieces(pieces), Some(ahead))
            }
            Stream::Inflated(chunks) => (Window::of_chunks(chunks), None),
        }
    }
}

/// Size in bytes of a regular file; None for anything that may go on for ever.
pub(super) fn size_bytes(path: &Path) -> Option<u64> {
    let metadata = std::fs::metadata(path).ok()?;
    (metadata.is_file() && path != Path::new(STANDARD_INPUT)).then_some(metadata.len())
}

/// Opens a file, or standard input for `-`.
pub(super) fn open(path: &Path) -> io::Result<Source> {
    if path == Path::new(STANDARD_INPUT) {
        return from_stream(Box::new(Patient::spawn(Box::new(io::stdin()))?));
    }
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return from_stream(Box::new(Patient::spawn(Box::new(file))?));
    }
    if Codec::of(&first_bytes(&mut file)?).is_some() {
        file.rewind()?;
        return from_stream(Box::new(file));
    }
    Ok(Source {
        stream: Stream::File(file),
        compression: None,
        n_read: Arc::default(),
    })
}

/// Takes any stream; inflates it in a thread of its own if its first bytes say so.
pub(super) fn from_stream(stream: Box<dyn Read + Send>) -> io::Result<Source> {
    let n_read = Arc::new(AtomicU64::new(0));
    let mut counted = Counted {
        stream,
        n_read: Arc::clone(&n_read),
    };
    let first = first_bytes(&mut counted)?;
    let compression = Codec::of(&first);
    let whole = Cursor::new(first).chain(counted);
    let stream = match compression {
        None => Stream::Plain(Box::new(whole)),
        Some(_) => Stream::Inflated(inflate::spawn(Box::new(whole))?),
    };
    Ok(Source {
        stream,
        compression,
        n_read,
    })
}

/// What tells a compression.
fn first_bytes(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    let most = inflate::MAGIC_BYTES as u64;
    stream.by_ref().take(most).read_to_end(&mut first)?;
    Ok(first)
}

/// Counts what passes.
struct Counted {
    stream: Box<dyn Read + Send>,
    n_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.n_read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
