//! Feeds a tracker from a reader: in one thread, or in several that are all alike.
//!
//! A thread takes the next packets of the stream while it holds the reader, decodes them while it
//! holds nothing, and folds what is next in order unless another thread is at it: who comes late
//! leaves its batch to the one that folds and goes on reading. So all are busy whatever takes
//! longest, and a batch is mostly folded by the core whose cache it is in.
//!
//! Batches are numbered as they are read and folded in order of their numbers, so the result does
//! not depend on the number of threads, nor on how long each of them takes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{panic, thread};

use super::batch::{BATCH_PACKETS, Batch, Needs};
use super::flow::Flow;
use super::record::Record;
use super::tracker::Tracker;
use crate::capture::{Ahead, POLL, Reader, Stop, shall_stop};

/// Batches on their way at most, for each thread.
const N_BATCHES: usize = 3;
/// Threads that reading and folding in order keep busy: more would wait.
const MOST_THREADS: usize = 4;
/// Fewer packets than this are not worth a thread.
const LEAST_PACKETS: usize = BATCH_PACKETS;

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
            n_threads: n_threads.clamp(1, MOST_THREADS),
            batches: Vec::new(),
        }
    }

    /// Whether so many packets are worth a thread more.
    #[must_use]
    pub fn is_shared(&self, wanted: usize) -> bool {
        self.n_threads > 1 && wanted >= LEAST_PACKETS
    }

    /// Folds the next packets of the stream, up to `wanted`; how many there were. `after` is
    /// called after each batch of them, by one thread at a time.
    pub fn fold(
        &mut self,
        reader: &mut Reader,
        tracker: &mut Tracker<R>,
        wanted: usize,
        after: impl FnMut(&mut Tracker<R>) + Send,
    ) -> usize {
        match self.is_shared(wanted) {
            true => self.fold_together(reader, tracker, wanted, after),
            false => self.fold_alone(reader, tracker, wanted, after),
        }
    }

    fn fold_alone(
        &mut self,
        reader: &mut Reader,
        tracker: &mut Tracker<R>,
        wanted: usize,
        mut after: impl FnMut(&mut Tracker<R>),
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

    /// The same in several threads, or in those that can be had.
    fn fold_together(
        &mut self,
        reader: &mut Reader,
        tracker: &mut Tracker<R>,
        wanted: usize,
        after: impl FnMut(&mut Tracker<R>) + Send,
    ) -> usize {
        let n_batches = N_BATCHES * self.n_threads;
        self.batches.resize_with(n_batches, Batch::default);
        let shared = Shared {
            ahead: reader.ahead(),
            needs: tracker.needs(),
            reading: Mutex::new(Reading {
                reader,
                n_left: wanted,
                n_batches: 0,
            }),
            queue: Mutex::new(Queue {
                unused: std::mem::take(&mut self.batches),
                decoded: VecDeque::new(),
                first: 0,
                is_reading: false,
                is_folding: false,
                failed: false,
            }),
            given_back: Condvar::new(),
            read: Condvar::new(),
            stop: Stop::default(),
            folding: Mutex::new(Folding {
                tracker,
                after,
                n_folded: 0,
            }),
        };
        thread::scope(|scope| {
            let work = || {
                shared.stop.heed();
                shared.work();
            };
            let others: Vec<_> = (1..self.n_threads)
                .filter_map(|_| {
                    let thread = thread::Builder::new().name("fold".into());
                    thread.spawn_scoped(scope, work).ok()
                })
                .collect();
            shared.work();
            for other in others {
                if let Err(cause) = other.join() {
                    panic::resume_unwind(cause);
                }
            }
        });
        self.batches = into_inner(shared.queue).unused;
        into_inner(shared.folding).n_folded
    }
}

/// What the threads share. A thread holds one lock at a time.
struct Shared<'a, R: Record, A> {
    /// Reads ahead while others have the reader.
    ahead: Option<Ahead>,
    needs: Needs,
    reading: Mutex<Reading<'a>>,
    queue: Mutex<Queue<R>>,
    /// An unused batch is there, or something failed.
    given_back: Condvar,
    /// The reader is free, or something failed.
    read: Condvar,
    /// Ends the wait of the thread that reads, where the stream is silent.
    stop: Stop,
    folding: Mutex<Folding<'a, R, A>>,
}

struct Reading<'a> {
    reader: &'a mut Reader,
    n_left: usize,
    /// Batches read, which is the number of the next.
    n_batches: usize,
}

struct Queue<R: Record> {
    unused: Vec<Batch<R>>,
    /// Batches that wait to be folded, in order; None: still being decoded.
    decoded: VecDeque<Option<Batch<R>>>,
    /// The number of the first of them.
    first: usize,
    /// A thread has the reader.
    is_reading: bool,
    /// A thread is folding them.
    is_folding: bool,
    /// A thread panicked: nobody waits for what it does not do any more.
    failed: bool,
}

struct Folding<'a, R: Record, A> {
    tracker: &'a mut Tracker<R>,
    after: A,
    n_folded: usize,
}

impl<R: Record, A: FnMut(&mut Tracker<R>)> Shared<'_, R, A> {
    /// What each thread does until the stream ends.
    fn work(&self) {
        let alarm = Alarm(self);
        while let Some(mut batch) = self.unused() {
            if let Some(ahead) = &self.ahead {
                ahead.read();
            }
            let Some(number) = self.read(&mut batch) else {
                lock(&self.queue).unused.push(batch);
                self.given_back.notify_one();
                break;
            };
            batch.decode_raw(self.needs);
            self.fold(number, batch);
        }
        std::mem::forget(alarm);
    }

    /// A batch to fill, as soon as there is one; None: something failed.
    fn unused(&self) -> Option<Batch<R>> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.failed {
                return None;
            }
            if let Some(batch) = queue.unused.pop() {
                return Some(batch);
            }
            queue = wait(&self.given_back, queue);
        }
    }

    /// Fills a batch with the next packets; its number, None at the end.
    fn read(&self, batch: &mut Batch<R>) -> Option<usize> {
        self.take_reader()?;
        let number = {
            let mut reading = lock(&self.reading);
            let Reading {
                reader,
                n_left,
                n_batches,
            } = &mut *reading;
            let n_read = batch.read_raw(reader, *n_left, self.needs);
            *n_left -= n_read;
            *n_batches += usize::from(n_read > 0);
            (n_read > 0).then(|| *n_batches - 1)
        };
        lock(&self.queue).is_reading = false;
        self.read.notify_one();
        number
    }

    /// Waits until no other thread has the reader; None: something failed. A signal (Ctrl-C) comes
    /// to one thread alone: where that one waits here, it ends the wait of the one that reads.
    fn take_reader(&self) -> Option<()> {
        let mut queue = lock(&self.queue);
        while queue.is_reading && !queue.failed {
            let (again, is_long) = wait_for(&self.read, queue, POLL);
            queue = again;
            if is_long {
                drop(queue);
                if shall_stop() {
                    self.stop.tell();
                }
                queue = lock(&self.queue);
            }
        }
        queue.is_reading = true;
        (!queue.failed).then_some(())
    }

    /// Folds a batch and those behind it that are ready, or leaves it to who is folding.
    fn fold(&self, number: usize, batch: Batch<R>) {
        let mut queue = lock(&self.queue);
        let at = number - queue.first;
        if queue.decoded.len() <= at {
            queue.decoded.resize_with(at + 1, || None);
        }
        queue.decoded[at] = Some(batch);
        if queue.is_folding {
            return;
        }
        queue.is_folding = true;
        while let Some(mut batch) = queue.next() {
            drop(queue);
            {
                let mut folding = lock(&self.folding);
                let Folding {
                    tracker,
                    after,
                    n_folded,
                } = &mut *folding;
                *n_folded += batch.len();
                batch.fold(tracker);
                after(tracker);
            }
            queue = lock(&self.queue);
            queue.unused.push(batch);
            self.given_back.notify_one();
        }
        queue.is_folding = false;
    }
}

impl<R: Record> Queue<R> {
    /// Takes out the batch that is to be folded next, if it is decoded.
    fn next(&mut self) -> Option<Batch<R>> {
        let batch = self.decoded.front_mut()?.take()?;
        self.decoded.pop_front();
        self.first += 1;
        Some(batch)
    }
}

/// Tells the other threads where one panics; forgotten where it does not.
struct Alarm<'a, 'b, R: Record, A>(&'a Shared<'b, R, A>);

impl<R: Record, A> Drop for Alarm<'_, '_, R, A> {
    fn drop(&mut self) {
        lock(&self.0.queue).failed = true;
        self.0.given_back.notify_all();
        self.0.read.notify_all();
    }
}

// Who panics raises the alarm, and the panic goes on in the caller: a lock is never just poisoned.

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(signal: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    signal.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// The same, and whether it took as long as `most`.
fn wait_for<'a, T>(
    signal: &Condvar,
    guard: MutexGuard<'a, T>,
    most: Duration,
) -> (MutexGuard<'a, T>, bool) {
    let woken = signal.wait_timeout(guard, most);
    let (guard, waited) = woken.unwrap_or_else(PoisonError::into_inner);
    (guard, waited.timed_out())
}

fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}
