//! `wiretell._core.Reader`: captures as a stream of packet batches.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{ArrowBatch, interrupt};
use crate::capture::{self, FileInfo, Interface, OpenError, bpf};
use crate::decode::decode;
use crate::tables::PacketTable;

/// Packets decoded between two looks for a signal (Ctrl-C).
const CHUNK_PACKETS: usize = 65_536;

/// A reader and the rows it has not handed out yet; an interrupted call loses none.
struct State {
    reader: capture::Reader,
    table: PacketTable,
}

/// Reads captures as one stream in time order.
#[pyclass(frozen, module = "wiretell._core")]
pub(crate) struct Reader(Mutex<State>);

impl Reader {
    /// Lends the reader out. The caller holds no GIL, or another thread that waits for both
    /// would never get either.
    pub fn with<R>(&self, use_it: impl FnOnce(&mut capture::Reader) -> R) -> R {
        self.with_state(|state| use_it(&mut state.reader))
    }

    fn with_state<R>(&self, use_it: impl FnOnce(&mut State) -> R) -> R {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Reader {
    #[new]
    #[pyo3(signature = (paths, *, filters=None, payloads=false, checksums=false))]
    fn new(
        py: Python<'_>,
        paths: Vec<PathBuf>,
        filters: Option<HashMap<u16, Vec<u8>>>,
        payloads: bool,
        checksums: bool,
    ) -> PyResult<Self> {
        let programs = filters.map(compile).transpose()?;
        let opened = py.detach(|| capture::Reader::open(&paths, programs));
        interrupt::check()?;
        let reader = opened.map_err(|error| open_error(py, error))?;
        Ok(Self(Mutex::new(State {
            reader,
            table: PacketTable::with(payloads, checksums),
        })))
    }

    fn packets(&self, py: Python<'_>, max_packets: usize) -> PyResult<Option<ArrowBatch>> {
        if max_packets == 0 {
            return Err(PyValueError::new_err("max_packets must be at least 1"));
        }
        loop {
            let is_full = py.detach(|| {
                self.with_state(|state| {
                    let wanted = max_packets.min(state.table.len() + CHUNK_PACKETS);
                    state.fill(wanted) < wanted || wanted == max_packets
                })
            });
            interrupt::check()?;
            if is_full {
                break;
            }
            py.check_signals()?;
        }
        let batch = py.detach(|| {
            self.with_state(|state| (state.table.len() > 0).then(|| state.table.finish()))
        });
        batch.map(ArrowBatch::new).transpose()
    }

    fn position(&self, py: Python<'_>) -> (u64, Option<u64>) {
        py.detach(|| self.with(|reader| reader.position()))
    }

    fn counters(&self, py: Python<'_>) -> HashMap<&'static str, u64> {
        let counters = py.detach(|| self.with(|reader| reader.counters()));
        HashMap::from([
            ("frames", counters.frames),
            ("filtered_out", counters.filtered_out),
            ("captured_bytes", counters.captured_bytes),
            ("wire_bytes", counters.wire_bytes),
            ("time_backwards", counters.time_backwards),
            ("damaged", counters.damaged),
        ])
    }

    fn files<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let files = py.detach(|| self.with(|reader| reader.files()));
        files.iter().map(|file| file_dict(py, file)).collect()
    }

    fn damage<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let places = py.detach(|| self.with(|reader| reader.damage()));
        places
            .iter()
            .map(|place| {
                let dict = PyDict::new(py);
                dict.set_item("file", place.file.to_string_lossy())?;
                dict.set_item("packet", place.packet)?;
                dict.set_item("offset", place.offset)?;
                dict.set_item("kind", place.kind.as_str())?;
                dict.set_item("message", &place.message)?;
                Ok(dict)
            })
            .collect()
    }
}

impl State {
    /// Decodes until the table has `wanted` rows or the stream ends; how many it has then.
    fn fill(&mut self, wanted: usize) -> usize {
        while self.table.len() < wanted
            && let Some(frame) = self.reader.next_frame()
        {
            self.table.push(&frame, &decode(&frame));
        }
        self.table.len()
    }
}

fn compile(filters: HashMap<u16, Vec<u8>>) -> PyResult<HashMap<u16, bpf::Program>> {
    let compile_one = |(link_type, bytes): (u16, Vec<u8>)| {
        bpf::Program::from_bytes(&bytes)
            .map(|program| (link_type, program))
            .map_err(|error| {
                PyValueError::new_err(format!("filter for link type {link_type}: {error}"))
            })
    };
    filters.into_iter().map(compile_one).collect()
}

/// `OSError` with number and path, or `wiretell.errors.CaptureError`.
fn open_error(py: Python<'_>, error: OpenError) -> PyErr {
    let raised = match error {
        OpenError::Io { path, error } => os_error(py, &path, &error),
        OpenError::NotACapture {
            path,
            offset,
            message,
        } => py
            .import("wiretell.errors")
            .and_then(|errors| errors.getattr("CaptureError"))
            .and_then(|class| class.call1((path.to_string_lossy(), offset, message))),
    };
    raised.map_or_else(|error| error, PyErr::from_value)
}

/// Python picks the subclass (`FileNotFoundError`, ...) from the number.
pub(super) fn os_error<'py>(
    py: Python<'py>,
    path: &std::path::Path,
    error: &std::io::Error,
) -> PyResult<Bound<'py, PyAny>> {
    let class = py.get_type::<pyo3::exceptions::PyOSError>();
    let Some(number) = error.raw_os_error() else {
        return class.call1((format!("{}: {error}", path.display()),));
    };
    let message = py.import("os")?.getattr("strerror")?.call1((number,))?;
    class.call1((number, message, path.to_string_lossy()))
}

fn file_dict<'py>(py: Python<'py>, file: &FileInfo) -> PyResult<Bound<'py, PyDict>> {
    let interfaces = file
        .interfaces
        .iter()
        .map(|interface| interface_dict(py, interface))
        .collect::<PyResult<Vec<_>>>()?;
    let dict = PyDict::new(py);
    dict.set_item("path", file.path.to_string_lossy())?;
    dict.set_item("format", file.format.as_str())?;
    dict.set_item("compression", file.compression)?;
    dict.set_item("link_types", &file.link_types)?;
    dict.set_item("n_packets", file.n_packets)?;
    dict.set_item("interfaces", interfaces)?;
    dict.set_item("comments", &file.comments)?;
    dict.set_item("hardware", &file.hardware)?;
    dict.set_item("os", &file.os)?;
    dict.set_item("application", &file.application)?;
    Ok(dict)
}

fn interface_dict<'py>(py: Python<'py>, interface: &Interface) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("index", interface.index)?;
    dict.set_item("name", &interface.name)?;
    dict.set_item("description", &interface.description)?;
    dict.set_item("link_type", interface.link_type)?;
    dict.set_item("snaplen", interface.snaplen)?;
    dict.set_item("tsresol", interface.tsresol)?;
    dict.set_item("received", interface.received)?;
    dict.set_item("dropped", interface.dropped)?;
    Ok(dict)
}
