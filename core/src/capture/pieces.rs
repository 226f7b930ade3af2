//! A regular file read in pieces by whichever thread has time for one; they are taken in order.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::chunks::ROOM_BYTES;

/// Pieces that wait to be taken at most: few, so that they are still in a near cache.
const MOST_AHEAD: usize = 3;

/// Reads the next bytes of a file beside whoever looks at those before.
#[derive(Clone, Debug)]
pub struct Ahead(Arc<Pieces>);

impl Ahead {
    /// Reads one piece, unless enough wait.
    pub fn read(&self) {
        let pieces = &*self.0;
        let claim = pieces.claim(&mut pieces.shelf());
        if let Some(claim) = claim {
            pieces.read(claim);
        }
    }
}

/// The file, and what was read of it.
#[derive(Debug)]
pub(super) struct Pieces {
    file: File,
    /// Of a whole piece, bytes.
    size: usize,
    /// Bytes taken so far.
    n_taken: Arc<AtomicU64>,
    shelf: Mutex<Shelf>,
    /// A piece was put on the shelf.
    put: Condvar,
}

#[derive(Debug, Default)]
struct Shelf {
    /// In order; None: being read.
    pieces: VecDeque<Option<Piece>>,
    /// The number of the first of them.
    first: u64,
    unused: Vec<Vec<u8>>,
    /// A piece was short: what is behind it, if the file has grown, is not wanted.
    is_last_read: bool,
    /// It was taken.
    is_last_taken: bool,
    /// What broke off the last one.
    error: Option<io::Error>,
}

#[derive(Debug)]
struct Piece {
    buffer: Vec<u8>,
    n_read: usize,
    error: Option<io::Error>,
}

/// A piece that nobody else reads.
struct Claim {
    number: u64,
    buffer: Vec<u8>,
}

impl Pieces {
    /// `size`: of a piece, bytes. The file is read from its beginning; what is taken of it is
    /// counted.
    pub fn new(file: File, size: usize, n_taken: Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self {
            file,
            size,
            n_taken,
            shelf: Mutex::default(),
            put: Condvar::new(),
        })
    }

    /// For a thread that has time.
    pub fn ahead(self: &Arc<Self>) -> Ahead {
        Ahead(Arc::clone(self))
    }

    /// The next bytes, behind [`ROOM_BYTES`] of a buffer; 0 of them at the end.
    pub fn take(&self) -> io::Result<(Vec<u8>, usize)> {
        let mut shelf = self.shelf();
        loop {
            if let Some(error) = shelf.error.take() {
                return Err(error);
            }
            if shelf.is_last_taken {
                return Ok((Vec::new(), 0));
            }
            match shelf.pieces.front_mut() {
                Some(piece) => match piece.take() {
                    Some(piece) => return self.taken(&mut shelf, piece),
                    None => {
                        let woken = self.put.wait(shelf);
                        shelf = woken.unwrap_or_else(PoisonError::into_inner);
                    }
                },
                None => {
                    let claim = self.claim(&mut shelf);
                    drop(shelf);
                    if let Some(claim) = claim {
                        self.read(claim);
                    }
                    shelf = self.shelf();
                }
            }
        }
    }

    /// An error comes behind the bytes before it.
    fn taken(&self, shelf: &mut Shelf, piece: Piece) -> io::Result<(Vec<u8>, usize)> {
        let n_read = piece.n_read;
        shelf.pieces.pop_front();
        shelf.first += 1;
        shelf.is_last_taken = n_read < self.size;
        self.n_taken.fetch_add(n_read as u64, Ordering::Relaxed);
        match piece.error {
            Some(error) if n_read == 0 => return Err(error),
            error => shelf.error = error,
        }
        Ok((piece.buffer, n_read))
    }

    /// A buffer that is not looked at any more.
    pub fn give_back(&self, used: Vec<u8>) {
        if used.len() == ROOM_BYTES + self.size {
            self.shelf().unused.push(used);
        }
    }

    fn claim(&self, shelf: &mut Shelf) -> Option<Claim> {
        if shelf.is_last_read || shelf.pieces.len() >= MOST_AHEAD {
            return None;
        }
        let number = shelf.first + shelf.pieces.len() as u64;
        shelf.pieces.push_back(None);
        let unused = shelf.unused.pop();
        let buffer = unused.unwrap_or_else(|| vec![0; ROOM_BYTES + self.size]);
        Some(Claim { number, buffer })
    }

    fn read(&self, claim: Claim) {
        let Claim { number, mut buffer } = claim;
        let start = number * self.size as u64;
        let (mut n_read, mut error) = (0, None);
        while n_read < self.size {
            let free = &mut buffer[ROOM_BYTES + n_read..];
            match self.file.read_at(free, start + n_read as u64) {
                Ok(0) => break,
                Ok(n) => n_read += n,
                Err(told) if told.kind() == ErrorKind::Interrupted => {}
                Err(told) => {
                    error = Some(told);
                    break;
                }
            }
        }
        let mut shelf = self.shelf();
        shelf.is_last_read |= n_read < self.size;
        let at = (number - shelf.first) as usize;
        shelf.pieces[at] = Some(Piece {
            buffer,
            n_read,
            error,
        });
        drop(shelf);
        self.put.notify_one();
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::env::temp_dir;
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::atomic::AtomicU32;
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    /// A file of its own for each test, gone in the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(bytes: &[u8]) -> Self {
            static N: AtomicU32 = AtomicU32::new(0);
            let n = N.fetch_add(1, Ordering::Relaxed);
            let path = temp_dir().join(format!("wiretell-pieces-{}-{n}", std::process::id()));
            fs::write(&path, bytes).expect("a file");
            Self(path)
        }

        fn pieces(&self, size: usize) -> Arc<Pieces> {
            let file = File::open(&self.0).expect("the file");
            Pieces::new(file, size, Arc::default())
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn rest(pieces: &Pieces) -> Vec<u8> {
        let mut rest = Vec::new();
        loop {
            let (buffer, n) = pieces.take().expect("a file that can be read");
            if n == 0 {
                return rest;
            }
            rest.extend_from_slice(&buffer[ROOM_BYTES..ROOM_BYTES + n]);
            pieces.give_back(buffer);
        }
    }

    proptest! {
        #[test]
        fn whoever_reads_them_pieces_come_in_order(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
            size in 1..80_usize,
            n_others in 0..3,
        ) {
            let scratch = Scratch::new(&bytes);
            let pieces = scratch.pieces(size);
            let read = thread::scope(|scope| {
                for _ in 0..n_others {
                    scope.spawn(|| {
                        for _ in 0..bytes.len() {
                            pieces.ahead().read();
                        }
                    });
                }
                rest(&pieces)
            });
            prop_assert_eq!(&read, &bytes);
            prop_assert_eq!(pieces.n_taken.load(Ordering::Relaxed), bytes.len() as u64);
        }
    }

    #[test]
    fn what_a_file_grows_by_after_its_end_was_read_is_left() {
        let scratch = Scratch::new(&[1; 25]);
        let pieces = scratch.pieces(10);
        for _ in 0..3 {
            pieces.ahead().read();
        }
        let mut grown = OpenOptions::new()
            .append(true)
            .open(&scratch.0)
            .expect("it");
        grown.write_all(&[2; 25]).expect("room");
        assert_eq!(rest(&pieces), [1; 25]);
        assert!(rest(&pieces).is_empty());
    }

    #[test]
    fn no_more_is_read_ahead_than_a_few_pieces() {
        let scratch = Scratch::new(&[1; 100]);
        let pieces = scratch.pieces(10);
        for _ in 0..9 {
            pieces.ahead().read();
        }
        assert_eq!(pieces.shelf().pieces.len(), MOST_AHEAD);
    }

    #[test]
    fn an_error_is_told_once_and_ends_it() {
        let directory = File::open(temp_dir()).expect("a directory");
        let pieces = Pieces::new(directory, 10, Arc::default());
        assert!(pieces.take().is_err());
        assert_eq!(pieces.take().expect("the end").1, 0);
    }
}
