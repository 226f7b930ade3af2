//! Ctrl-C while the core waits for a stream that is silent.

use std::cell::Cell;

use pyo3::prelude::*;

use crate::capture::while_waiting;

thread_local! {
    /// What a signal's handler raised in this thread, until Python is told.
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// From now on waits are ended by a signal whose handler raises.
pub(super) fn listen() {
    while_waiting(|| {
        let signals = Python::try_attach(|py| py.check_signals());
        let Some(Err(error)) = signals else {
            return false;
        };
        RAISED.set(Some(error));
        true
    });
}

/// Raises what ended a wait; to be asked wherever a stream was read.
pub(super) fn check() -> PyResult<()> {
    RAISED.take().map_or(Ok(()), Err)
}
