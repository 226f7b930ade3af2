//! A sliding window over a byte stream: read in big chunks, borrow from them.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use super::chunks::{Chunks, ROOM_BYTES};
use super::damage::{DamageKind, DamageLog};
use super::inflate;
use super::pieces::Pieces;

/// A stream of bytes of which `bytes()` is the part now in memory.
///
/// The stream may break in the middle (see [`Window::pass_break`]): bytes before
/// and after such a place are never seen side by side.
pub(super) struct Window {
    input: Input,
    /// Written only while nobody else holds it.
    buffer: Arc<Vec<u8>>,
    /// Buffers used before, which others may hold still.
    used: Vec<Arc<Vec<u8>>>,
    /// First byte not yet consumed.
    pos: usize,
    /// End of the bytes read.
    end: usize,
    /// Offset in the stream of `buffer[0]`, which may lie before the stream: modulo 2^64.
    base: u64,
    state: State,
}

/// Used buffers that are kept to be used again at most.
const MAX_USED: usize = 12;

/// Where the bytes come from.
enum Input {
    Stream(Box<dyn Read + Send>),
    /// Another thread makes them.
    Chunks(Chunks),
    /// Other threads may read them.
    Pieces(Arc<Pieces>),
}

impl Input {
    /// The next bytes and how many there are behind [`ROOM_BYTES`], from those that come in
    /// buffers.
    fn take(&self) -> Option<io::Result<(Vec<u8>, usize)>> {
        match self {
            Self::Stream(_) => None,
            Self::Chunks(chunks) => Some(chunks.take()),
            Self::Pieces(pieces) => Some(pieces.take()),
        }
    }

    fn give_back(&self, used: Option<Vec<u8>>) {
        match (self, used) {
            (Self::Chunks(chunks), used) => chunks.give_back(used),
            (Self::Pieces(pieces), Some(used)) => pieces.give_back(used),
            _ => {}
        }
    }
}

enum State {
    Flowing,
    Broken(io::Error),
    Ended,
}

impl Window {
    /// `chunk_bytes`: how much is asked of the source at a time.
    pub fn new(source: Box<dyn Read + Send>, chunk_bytes: usize) -> Self {
        Self {
            input: Input::Stream(source),
            buffer: Arc::new(vec![0; chunk_bytes]),
            used: Vec::new(),
            pos: 0,
            end: 0,
            base: 0,
            state: State::Flowing,
        }
    }

    /// A stream that a thread hands over in chunks.
    pub fn of_chunks(chunks: Chunks) -> Self {
        Self {
            input: Input::Chunks(chunks),
            ..Self::new(Box::new(io::empty()), 0)
        }
    }

    /// A file that several threads may read.
    pub fn of_pieces(pieces: Arc<Pieces>) -> Self {
        Self {
            input: Input::Pieces(pieces),
            ..Self::new(Box::new(io::empty()), 0)
        }
    }

    /// The unconsumed bytes in memory.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.pos..self.end]
    }

    /// Where the first unconsumed byte lies, see [`Window::slice`].
    #[inline]
    pub fn start(&self) -> usize {
        self.pos
    }

    /// Offset in the stream of the first unconsumed byte.
    pub fn offset(&self) -> u64 {
        self.offset_of(self.pos)
    }

    /// Offset in the stream of the byte at `start`, see [`Window::slice`].
    pub fn offset_of(&self, start: usize) -> u64 {
        self.base.wrapping_add(start as u64)
    }

    /// Takes `n` bytes off the front (at most what is there); returns where they lie.
    #[inline]
    pub fn consume(&mut self, n: usize) -> usize {
        let start = self.pos;
        self.pos = (self.pos + n).min(self.end);
        start
    }

    /// `len` consumed bytes at `start`; they stay until the next `fill`.
    #[inline]
    pub fn slice(&self, start: usize, len: usize) -> &[u8] {
        &self.buffer[start..start + len]
    }

    /// What [`Window::slice`] borrows from; whoever holds it keeps those bytes as they are.
    #[inline]
    pub fn buffer(&self) -> &Arc<Vec<u8>> {
        &self.buffer
    }

    /// Reads until `need` unconsumed bytes are in memory. False where the stream
    /// ends or breaks before that.
    pub fn fill(&mut self, need: usize) -> bool {
        while self.end - self.pos < need {
            if !matches!(self.state, State::Flowing) {
                return false;
            }
            match self.input.take() {
                Some(Ok((_, 0))) => self.state = State::Ended,
                Some(Ok((next, n))) => self.change_over(next, n),
                Some(Err(error)) => self.state = State::Broken(error),
                None => self.read(need),
            }
        }
        true
    }

    /// Reads on in place, where the bytes come as a stream.
    fn read(&mut self, need: usize) {
        self.make_room(need);
        let free = &mut Arc::make_mut(&mut self.buffer)[self.end..];
        let Input::Stream(source) = &mut self.input else {
            return;
        };
        match source.read(free) {
            Ok(0) => self.state = State::Ended,
            Ok(n) => self.end += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => self.state = State::Broken(error),
        }
    }

    /// Goes on with a buffer of `n` bytes; what is left of this one is put before them.
    fn change_over(&mut self, mut next: Vec<u8>, n: usize) {
        let offset = self.offset();
        let left = &self.buffer[self.pos..self.end];
        let (pos, end) = match ROOM_BYTES.checked_sub(left.len()) {
            Some(pos) => {
                next[pos..ROOM_BYTES].copy_from_slice(left);
                (pos, ROOM_BYTES + n)
            }
            None => {
                next = [left, &next[ROOM_BYTES..ROOM_BYTES + n]].concat();
                (0, next.len())
            }
        };
        let done = std::mem::replace(&mut self.buffer, Arc::new(next));
        self.used.push(done);
        let unheld = self
            .used
            .iter_mut()
            .position(|buffer| Arc::get_mut(buffer).is_some());
        let unheld = unheld.map(|at| self.used.swap_remove(at));
        let unheld = unheld.and_then(|buffer| Arc::try_unwrap(buffer).ok());
        self.input.give_back(unheld);
        if self.used.len() > MAX_USED {
            self.used.remove(0);
        }
        (self.pos, self.end) = (pos, end);
        self.base = offset.wrapping_sub(pos as u64);
    }

    /// Makes room behind the bytes read, in a buffer that nobody else holds. The buffer grows
    /// only as data comes, so a claimed length alone allocates nothing, and to twice the need,
    /// so that bytes are not moved over and over for small steps.
    fn make_room(&mut self, need: usize) {
        if Arc::get_mut(&mut self.buffer).is_none() {
            self.change_buffer();
        }
        let buffer = Arc::make_mut(&mut self.buffer);
        if self.pos > 0 && (self.pos == self.end || self.pos + need > buffer.len()) {
            buffer.copy_within(self.pos..self.end, 0);
            self.base = self.base.wrapping_add(self.pos as u64);
            self.end -= self.pos;
            self.pos = 0;
        }
        let half = buffer.len() / 2;
        if self.end == buffer.len() || (need > half && self.end > half) {
            buffer.resize(2 * buffer.len().max(1), 0);
        }
    }

    /// Leaves the buffer to who holds it, and goes on with the unconsumed bytes in another one.
    fn change_buffer(&mut self) {
        let unheld = self
            .used
            .iter_mut()
            .position(|buffer| Arc::get_mut(buffer).is_some());
        let mut other = match unheld {
            Some(at) => self.used.swap_remove(at),
            None => Arc::default(),
        };
        let buffer = Arc::make_mut(&mut other);
        if buffer.len() < self.buffer.len() {
            *buffer = vec![0; self.buffer.len()];
        }
        let unconsumed = self.bytes();
        buffer[..unconsumed.len()].copy_from_slice(unconsumed);
        self.base = self.offset();
        self.end -= self.pos;
        self.pos = 0;
        let held = std::mem::replace(&mut self.buffer, other);
        if self.used.len() < MAX_USED {
            self.used.push(held);
        }
    }

    /// Whether `fill` failed because the stream broke, rather than ended.
    pub fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken(_))
    }

    /// Where the stream broke: logs it, drops what was left before it, and goes on
    /// behind it, if anything can be behind it. None at the true end.
    pub fn pass_break(&mut self, log: &mut DamageLog) -> Option<()> {
        let error = self.take_error()?;
        self.consume(self.end - self.pos);
        let kind = if inflate::Break::is(&error) {
            self.state = State::Flowing;
            DamageKind::Compression
        } else {
            DamageKind::Read
        };
        log.add(self.offset(), kind, || error.to_string());
        Some(())
    }

    /// The error that broke the stream, if one did; it ends the stream.
    pub fn take_error(&mut self) -> Option<io::Error> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Broken(error) => Some(error),
            State::Flowing | State::Ended => None,
        }
    }

    /// Frees the buffer and the source.
    pub fn close(&mut self) {
        self.consume(self.end - self.pos);
        self.base = self.offset();
        (self.pos, self.end) = (0, 0);
        self.buffer = Arc::default();
        self.used.clear();
        self.input = Input::Stream(Box::new(io::empty()));
        self.state = State::Ended;
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use proptest::prelude::*;

    /// A stream that gives a few bytes at a time, and may break at its end.
    struct Dripping {
        left: Vec<u8>,
        steps: Vec<usize>,
        breaks: bool,
    }

    impl Read for Dripping {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let step = self.steps.pop().unwrap_or(usize::MAX);
            let n = step.min(self.left.len()).min(buffer.len());
            if n == 0 && self.breaks {
                return Err(io::Error::other("broken"));
            }
            buffer[..n].copy_from_slice(&self.left[..n]);
            self.left.drain(..n);
            Ok(n)
        }
    }

    /// The stream read by another thread.
    fn in_chunks(mut stream: Dripping) -> Window {
        let (chunks, filler) = Chunks::new(ROOM_BYTES + 256 * 1024, 3);
        thread::spawn(move || {
            while let Ok(mut buffer) = filler.unused.recv() {
                let n_read = stream.read(&mut buffer[ROOM_BYTES..]);
                let goes_on = matches!(n_read, Ok(1..));
                if filler.filled.send((buffer, n_read)).is_err() || !goes_on {
                    break;
                }
            }
        });
        Window::of_chunks(chunks)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn reading_ahead_changes_nothing(
            n_bytes in 0usize..300_000,
            steps in proptest::collection::vec(1usize..100_000, 0..8),
            asked in proptest::collection::vec((1usize..150_000, 0usize..150_000), 1..12),
            breaks: bool,
            holds: bool,
        ) {
            let dripping = || Dripping {
                left: (0..n_bytes).map(|i| (i % 251) as u8).collect(),
                steps: steps.clone(),
                breaks,
            };
            let mut plain = Window::new(Box::new(dripping()), 1000);
            let mut ahead = in_chunks(dripping());
            let mut held = Vec::new();
            for (need, taken) in asked {
                prop_assert_eq!(plain.fill(need), ahead.fill(need));
                let n = need.min(plain.bytes().len()).min(ahead.bytes().len());
                prop_assert_eq!(&plain.bytes()[..n], &ahead.bytes()[..n]);
                prop_assert_eq!(plain.offset(), ahead.offset());
                let n = n.min(taken);
                let start = ahead.consume(n);
                plain.consume(n);
                if holds {
                    held.push((Arc::clone(ahead.buffer()), start, ahead.slice(start, n).to_vec()));
                }
            }
            prop_assert_eq!(plain.is_broken(), ahead.is_broken());
            for (buffer, start, bytes) in held {
                prop_assert_eq!(&buffer[start..start + bytes.len()], &bytes[..]);
            }
        }
    }
}
