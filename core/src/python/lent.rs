//! State behind a Python object: lent out without the GIL, worked on in chunks.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use super::interrupt;

/// State that one thread has at a time.
pub(super) struct Lent<S>(Mutex<S>);

impl<S: Send> Lent<S> {
    pub fn new(state: S) -> Self {
        Self(Mutex::new(state))
    }

    /// Lends the state out, without the GIL: who holds the lock never waits for it.
    pub fn with<R: Send>(&self, py: Python<'_>, use_it: impl FnOnce(&mut S) -> R + Send) -> R {
        py.detach(|| use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Takes up to `most` packets, `chunk` between two looks for a signal (Ctrl-C). `take` is told how
/// many are wanted and says how many it took, fewer at the end alone; the sum.
pub(super) fn in_chunks(
    py: Python<'_>,
    most: usize,
    chunk: usize,
    mut take: impl FnMut(usize) -> PyResult<usize>,
) -> PyResult<usize> {
    let mut n_taken = 0;
    while n_taken < most {
        let wanted = chunk.min(most - n_taken);
        let n = take(wanted)?;
        interrupt::check()?;
        n_taken += n;
        if n < wanted {
            break;
        }
        py.check_signals()?;
    }
    Ok(n_taken)
}
