//! Feeds a tracker from a reader: in one thread, or with reading in another one and decoding in
//! the one that has less to do.
//!
//! Batches go through a queue in order and are folded in order, so the result does not depend on
//! the number of threads, nor on how long each of them takes.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{panic, thread};

use super::batch::{BATCH_PACKETS, Batch, Needs};
use super::flow::Flow;
use super::record::Record;
use super::tracker::Tracker;
use crate::capture::Reader;

/// Batches on their way at most.
const N_BATCHES: usize = 6;
/// With fewer batches waiting than this, the thread that folds could do more.
const FEW_WAITING: usize = 2;
/// Fewer packets than this are not worth a thread.
const LEAST_PACKETS: usize = 4 * BATCH_PACKETS;

/// Reads, decodes and folds; its batches are used again and again.
#[derive(Debug)]
pub struct Feed<R: Record = Flow> {
    n_threads: usize,
    batches: Vec<Batch<R>>,
}

impl<R: Record> Feed<R> {
    /// At most `n_threads` threads, the caller's included.
    #[must_use]
    pub fn new(n_threads: usize) -> Self {
        Self {
            n_threads,
            batches: Vec::new(),
        }
    }

    /// Whether so many packets are worth a thread more.
    #[must_use]
    pub fn is_shared(&self, wanted: usize) -> bool {
        self.n_threads > 1 && wanted >= LEAST_PACKETS
    }

    /// Folds the next packets of the stream, up to `wanted`; how many there were. `after` is
    /// called after each batch of them.
    pub fn fold(
        &mut self,
        reader: &mut Reader,
        tracker: &mut Tracker<R>,
        wanted: usize,
        mut after: impl FnMut(&mut Tracker<R>),
    ) -> usize {
        if self.is_shared(wanted)
            && let Ok(n_folded) = self.fold_beside(reader, tracker, wanted, &mut after)
        {
            return n_folded;
        }
        self.fold_alone(reader, tracker, wanted, &mut after)
    }

    fn fold_alone(
        &mut self,
        reader: &mut Reader,
        tracker: &mut Tracker<R>,
        wanted: usize,
        after: &mut impl FnMut(&mut Tracker<R>),
    ) -> usize {
        let mut batch = self.batches.pop().unwrap_or_default();
        let mut n_folded = 0;
        while n_folded < wanted {
            let n_read = batch.read(reader, wanted - n_folded, tracker.needs());
            if n_read == 0 {
                break;
            }
            batch.fold(tracker);
            after(tracker);
            n_folded += n_read;
        }
        self.batches.push(batch);
        n_folded
    }

    /// Folds while another thread reads and decodes what comes next. Fails where there is no
    /// such thread to be had, with nothing read.
    fn fold_beside(
        &mut self,
        reader: &mut Reader,
        tracker: &mut Tracker<R>,
        wanted: usize,
        after: &mut impl FnMut(&mut Tracker<R>),
    ) -> io::Result<usize> {
        let (give_back, unused) = channel();
        let (hand_over, filled) = channel();
        self.batches.resize_with(N_BATCHES, Batch::default);
        for batch in self.batches.drain(..) {
            // Its receiver is in this function.
            let _ = give_back.send(batch);
        }
        reader.read_ahead();
        let needs = tracker.needs();
        // Filled batches that wait to be folded.
        let n_waiting = &AtomicUsize::new(0);
        thread::scope(|scope| {
            let reading = thread::Builder::new()
                .name("decode".into())
                .spawn_scoped(scope, move || {
                    read_all(reader, unused, &hand_over, n_waiting, wanted, needs)
                })?;
            let mut n_folded = 0;
            for mut batch in filled {
                n_waiting.fetch_sub(1, Ordering::Relaxed);
                n_folded += batch.len();
                batch.fold(tracker);
                after(tracker);
                // At the end of the stream nobody wants it back.
                let _ = give_back.send(batch);
            }
            match reading.join() {
                Ok(unused) => self.batches.extend(unused.try_iter()),
                Err(cause) => panic::resume_unwind(cause),
            }
            Ok(n_folded)
        })
    }
}

/// The other thread: fills batches until there are `wanted` packets, or no more. Gives back
/// where unused batches come from.
fn read_all<R: Record>(
    reader: &mut Reader,
    unused: Receiver<Batch<R>>,
    hand_over: &Sender<Batch<R>>,
    n_waiting: &AtomicUsize,
    wanted: usize,
    needs: Needs,
) -> Receiver<Batch<R>> {
    let mut n_left = wanted;
    while n_left > 0
        && let Ok(mut batch) = unused.recv()
    {
        // Who has less to do decodes.
        let n_read = match n_waiting.load(Ordering::Relaxed) < FEW_WAITING {
            true => batch.read_raw(reader, n_left, needs),
            false => batch.read(reader, n_left, needs),
        };
        n_waiting.fetch_add(1, Ordering::Relaxed);
        if n_read == 0 || hand_over.send(batch).is_err() {
            break;
        }
        n_left -= n_read;
    }
    unused
}
