//! `wiretell._core.PcapWriter`: frames of a reader into a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::lent::{Lent, in_chunks};
use super::reader::{Reader, os_error};
use crate::capture::{WriteError, Writer};

/// Packets written between two looks for a signal (Ctrl-C).
const CHUNK_PACKETS: usize = 1 << 18;
const BUFFER_BYTES: usize = 1 << 20;

struct State {
    path: PathBuf,
    writer: Writer<BufWriter<File>>,
}

/// Writes frames as they are.
#[pyclass(frozen, module = "wiretell._core")]
pub(crate) struct PcapWriter(Lent<State>);

impl PcapWriter {
    fn with<R: Send>(
        &self,
        py: Python<'_>,
        use_it: impl FnOnce(&mut State) -> Result<R, WriteError> + Send,
    ) -> PyResult<R> {
        let lent = self.0.with(py, |state| {
            use_it(state).map_err(|error| (error, state.path.clone()))
        });
        lent.map_err(|(error, path)| match error {
            WriteError::Io(error) => {
                os_error(py, &path, &error).map_or_else(|error| error, PyErr::from_value)
            }
            other => PyValueError::new_err(other.to_string()),
        })
    }
}

#[pymethods]
impl PcapWriter {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        match py.detach(|| File::create(&path)) {
            Ok(file) => Ok(Self(Lent::new(State {
                path,
                writer: Writer::new(BufWriter::with_capacity(BUFFER_BYTES, file)),
            }))),
            Err(error) => Err(PyErr::from_value(os_error(py, &path, &error)?)),
        }
    }

    fn consume(&self, py: Python<'_>, reader: &Reader, max_packets: usize) -> PyResult<usize> {
        in_chunks(py, max_packets, CHUNK_PACKETS, |wanted| {
            self.with(py, |state| {
                reader.with(|frames| {
                    let mut n_read = 0;
                    while n_read < wanted
                        && let Some(frame) = frames.next_frame()
                    {
                        state.writer.write(&frame)?;
                        n_read += 1;
                    }
                    Ok(n_read)
                })
            })
        })
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |state| state.writer.finish())
    }

    fn counters(&self, py: Python<'_>) -> PyResult<HashMap<&'static str, u64>> {
        self.with(py, |state| {
            Ok(HashMap::from([
                ("packets", state.writer.n_packets()),
                ("times_clamped", state.writer.n_times_clamped()),
            ]))
        })
    }
}
