//! The border to Python, nothing else: `wiretell._core`.

mod annotator;
mod flow_counter;
mod interrupt;
mod lent;
mod reader;
mod tracker;
mod writer;

use std::sync::Arc;

use arrow_array::{RecordBatch, StructArray};
use arrow_schema::{ArrowError, Field};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::{to_array_pycapsules, to_schema_pycapsule};

use crate::decode::Weird;
use crate::track::conntrack::{
    PROFILES, Reason, tcp_state,
    timeout::{Timeout, Timeouts},
};

/// Rows of a table, handed over by the Arrow PyCapsule interface without a copy.
#[pyclass(frozen, module = "wiretell._core")]
pub(crate) struct ArrowBatch(RecordBatch);

impl ArrowBatch {
    /// A batch of columns; an error can only be a mistake of ours.
    pub fn new(batch: Result<RecordBatch, ArrowError>) -> PyResult<Self> {
        batch
            .map(Self)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }
}

#[pymethods]
impl ArrowBatch {
    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyArrowResult<Bound<'py, PyCapsule>> {
        to_schema_pycapsule(py, self.0.schema_ref().as_ref())
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyTuple>> {
        let field = Field::new_struct("", self.0.schema_ref().fields().clone(), false);
        let rows = StructArray::from(self.0.clone());
        to_array_pycapsules(py, Arc::new(field), &rows, requested_schema)
    }
}

/// Every weird the core knows: its name and what it means.
#[pyfunction]
fn weird_meanings() -> Vec<(&'static str, &'static str)> {
    Weird::ALL
        .iter()
        .map(|weird| (weird.name(), weird.meaning()))
        .collect()
}

/// Every reason the connection tracker knows: its name and what it means.
#[pyfunction]
fn ct_reasons() -> Vec<(&'static str, &'static str)> {
    Reason::ALL
        .iter()
        .map(|reason| (reason.name(), reason.meaning()))
        .collect()
}

/// The tables of TCP's states as rows: direction, state, event, outcome.
#[pyfunction]
fn tcp_transitions() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    tcp_state::rows()
        .map(|[direction, state, event, outcome]| (direction, state, event, outcome))
        .collect()
}

/// The names of profiles, and the names and Linux's defaults of timeouts.
#[pyfunction]
fn ct_settings() -> (Vec<&'static str>, Vec<(&'static str, u32)>) {
    let timeouts = Timeout::ALL
        .iter()
        .map(|&timeout| (timeout.name(), Timeouts::LINUX.seconds(timeout)))
        .collect();
    (PROFILES.to_vec(), timeouts)
}

#[pymodule]
#[pyo3(name = "_core")]
fn core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    interrupt::listen();
    module.add_class::<ArrowBatch>()?;
    module.add_class::<reader::Reader>()?;
    module.add_class::<tracker::Tracker>()?;
    module.add_class::<flow_counter::FlowCounter>()?;
    module.add_class::<annotator::Annotator>()?;
    module.add_class::<writer::PcapWriter>()?;
    module.add_function(wrap_pyfunction!(weird_meanings, module)?)?;
    module.add_function(wrap_pyfunction!(ct_reasons, module)?)?;
    module.add_function(wrap_pyfunction!(ct_settings, module)?)?;
    module.add_function(wrap_pyfunction!(tcp_transitions, module)?)
}
