//! `wiretell._core.Annotator`: frames of a reader into a pcapng file with comments.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::net::IpAddr;
use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::interrupt;
use super::lent::Lent;
use super::reader::{Reader, os_error};
use crate::capture;

const BUFFER_BYTES: usize = 1 << 20;

struct State {
    path: PathBuf,
    writer: capture::Annotator<BufWriter<File>>,
}

/// Writes frames as they are, with comments.
#[pyclass(frozen, module = "wiretell._core")]
pub(crate) struct Annotator(Lent<State>);

impl Annotator {
    fn with<R: Send>(
        &self,
        py: Python<'_>,
        use_it: impl FnOnce(&mut State) -> io::Result<R> + Send,
    ) -> PyResult<R> {
        let lent = self.0.with(py, |state| {
            use_it(state).map_err(|error| (error, state.path.clone()))
        });
        lent.map_err(|(error, path)| {
            os_error(py, &path, &error).map_or_else(|error| error, PyErr::from_value)
        })
    }
}

#[pymethods]
impl Annotator {
    #[new]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        application: &str,
        names: Vec<(String, String)>,
    ) -> PyResult<Self> {
        let names = names
            .into_iter()
            .map(|(address, name)| match address.parse::<IpAddr>() {
                Ok(address) => Ok((address, name)),
                Err(error) => Err(PyValueError::new_err(format!("{address}: {error}"))),
            })
            .collect::<PyResult<Vec<_>>>()?;
        let made = py.detach(|| {
            let file = BufWriter::with_capacity(BUFFER_BYTES, File::create(&path)?);
            capture::Annotator::new(file, application, &names)
        });
        match made {
            Ok(writer) => Ok(Self(Lent::new(State { path, writer }))),
            Err(error) => Err(PyErr::from_value(os_error(py, &path, &error)?)),
        }
    }

    fn consume(
        &self,
        py: Python<'_>,
        reader: &Reader,
        max_packets: usize,
        numbers: &[u8],
        codes: &[u8],
        texts: Vec<String>,
    ) -> PyResult<usize> {
        let (numbers, rest) = numbers.as_chunks::<8>();
        let (codes, odd) = codes.as_chunks::<4>();
        if !rest.is_empty() || !odd.is_empty() || numbers.len() != codes.len() {
            return Err(PyValueError::new_err(
                "a packet number (8 bytes) and a code (4 bytes) for each commented packet",
            ));
        }
        let n_read = self.with(py, |state| {
            reader.with(|frames| {
                let mut told = numbers
                    .iter()
                    .zip(codes)
                    .map(|(number, code)| (u64::from_le_bytes(*number), u32::from_le_bytes(*code)))
                    .peekable();
                let mut n_read = 0;
                while n_read < max_packets
                    && let Some(frame) = frames.next_frame()
                {
                    while told.next_if(|(number, _)| *number < frame.number).is_some() {}
                    let comment = told
                        .next_if(|(number, _)| *number == frame.number)
                        .and_then(|(_, code)| texts.get(code as usize));
                    state.writer.write(&frame, comment.map(String::as_str))?;
                    n_read += 1;
                }
                Ok(n_read)
            })
        })?;
        interrupt::check()?;
        Ok(n_read)
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
