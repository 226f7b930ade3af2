//! Waiting for bytes or chunks that may never come, without turning a deaf ear to Ctrl-C.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// How often a wait looks up.
pub(crate) const POLL: Duration = Duration::from_millis(200);
/// What a pipe holds at most, as Linux makes it.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks read ahead of who takes them.
const N_CHUNKS: usize = 4;

static SHALL_STOP: OnceLock<fn() -> bool> = OnceLock::new();

/// Asked now and then by whoever waits, in the waiting thread; if it says true the wait ends with
/// an error, and the stream with it. The first such function stays.
#[cfg_attr(
    not(feature = "python"),
    expect(dead_code, reason = "for the border to Python")
)]
pub(crate) fn while_waiting(shall_stop: fn() -> bool) {
    let _ = SHALL_STOP.set(shall_stop);
}

/// Whether what waits shall end: for a thread that waits for something else than a stream.
pub(crate) fn shall_stop() -> bool {
    SHALL_STOP.get().is_some_and(|shall_stop| shall_stop())
}

thread_local! {
    /// Another thread says that waits of this one shall end.
    static STOP: RefCell<Stop> = RefCell::default();
}

/// Ends the waits of other threads: some signals come to one thread alone, and it may be another
/// one that waits for the stream.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Waits of this thread end when it is told.
    pub fn heed(&self) {
        STOP.replace(self.clone());
    }

    /// From now on no stream is waited for.
    pub fn tell(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The next message; None where the sender is gone.
pub(super) fn receive<T>(from: &Receiver<T>) -> io::Result<Option<T>> {
    loop {
        match from.recv_timeout(POLL) {
            Ok(message) => return Ok(Some(message)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                if STOP.with_borrow(Stop::is_told) || shall_stop() {
                    return Err(io::Error::other("interrupted"));
                }
            }
        }
    }
}

/// A stream that may be silent for long, read by a thread of its own. The thread ends with the
/// stream, or at the first chunk that nobody wants.
pub(super) struct Patient {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    n_taken: usize,
}

impl Patient {
    pub fn spawn(stream: Box<dyn Read + Send>) -> io::Result<Self> {
        let (hand_over, chunks) = sync_channel(N_CHUNKS);
        thread::Builder::new()
            .name("wait".into())
            .spawn(move || read_all(stream, &hand_over))?;
        Ok(Self {
            chunks,
            chunk: Vec::new(),
            n_taken: 0,
        })
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.n_taken == self.chunk.len() {
            self.chunk = receive(&self.chunks)?.transpose()?.unwrap_or_default();
            self.n_taken = 0;
        }
        let n = (&self.chunk[self.n_taken..]).read(buffer)?;
        self.n_taken += n;
        Ok(n)
    }
}

fn read_all(mut stream: Box<dyn Read + Send>, hand_over: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = match stream.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Ok(0) => return,
            Ok(n) => {
                chunk.truncate(n);
                Ok(chunk)
            }
            Err(error) => Err(error),
        };
        let is_broken = read.is_err();
        if hand_over.send(read).is_err() || is_broken {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Gives what was sent to it, and waits for more while the sender is there.
    struct Slow(Receiver<io::Result<Vec<u8>>>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.recv() {
                Ok(bytes) => (bytes?.as_slice()).read(buffer),
                Err(_) => Ok(0),
            }
        }
    }

    fn slow() -> (Sender<io::Result<Vec<u8>>>, Patient) {
        let (send, sent) = channel();
        let patient = Patient::spawn(Box::new(Slow(sent))).expect("a thread");
        (send, patient)
    }

    #[test]
    fn bytes_come_as_soon_as_they_are_there() {
        let (send, mut patient) = slow();
        let mut buffer = [0; 3];
        for text in [b"one", b"two"] {
            send.send(Ok(text.to_vec())).expect("it listens");
            assert_eq!(patient.read(&mut buffer).expect("bytes"), 3);
            assert_eq!(&buffer, text);
        }
        drop(send);
        assert_eq!(patient.read(&mut buffer).expect("the end"), 0);
        assert_eq!(patient.read(&mut buffer).expect("the end still"), 0);
    }

    #[test]
    fn a_chunk_is_taken_in_parts() {
        let (send, mut patient) = slow();
        send.send(Ok(vec![7; 1000])).expect("it listens");
        drop(send);
        let mut buffer = [0; 300];
        let mut sizes = vec![];
        while let n @ 1.. = patient.read(&mut buffer).expect("bytes") {
            assert!(buffer[..n].iter().all(|&byte| byte == 7));
            sizes.push(n);
        }
        assert_eq!(sizes, [300, 300, 300, 100]);
    }

    #[test]
    fn another_thread_may_end_a_wait() {
        let (send, mut patient) = slow();
        let stop = Stop::default();
        let heeded = stop.clone();
        let waiting = thread::spawn(move || {
            heeded.heed();
            patient.read(&mut [0]).map_err(|error| error.to_string())
        });
        thread::sleep(2 * POLL);
        assert!(!waiting.is_finished());
        stop.tell();
        assert_eq!(waiting.join().expect("no panic"), Err("interrupted".into()));
        drop(send);
    }

    #[test]
    fn interruptions_are_overlooked_and_errors_told() {
        let (send, mut patient) = slow();
        let mut buffer = [0; 8];
        send.send(Err(ErrorKind::Interrupted.into()))
            .expect("it listens");
        send.send(Ok(b"more".to_vec())).expect("it listens");
        send.send(Err(io::Error::other("broken")))
            .expect("it listens");
        assert_eq!(patient.read(&mut buffer).expect("bytes"), 4);
        assert_eq!(
            patient.read(&mut buffer).expect_err("told").to_string(),
            "broken"
        );
        assert_eq!(patient.read(&mut buffer).expect("the end"), 0);
    }
}
