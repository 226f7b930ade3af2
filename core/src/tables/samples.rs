//! The samples table: a few packets of each side of a flow.

use arrow_array::RecordBatch;
use arrow_array::builder::{
    Int64Builder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_schema::ArrowError;

use super::columns;
use crate::track::Flow;

columns! {
    /// Builders of the samples table.
    SampleColumns {
        flow_id: UInt64Builder,
        side: UInt8Builder,
        time_ns: Int64Builder,
        ipid: UInt16Builder,
        tsval: UInt32Builder,
    }
}

/// Collects samples and hands them out as record batches.
#[derive(Default)]
pub(crate) struct SampleTable {
    columns: SampleColumns,
    n_rows: usize,
}

impl SampleTable {
    /// Rows appended since the last `finish`.
    pub fn len(&self) -> usize {
        self.n_rows
    }

    /// Appends the samples of a flow, at most `samples_per_side` of each side.
    pub fn push(&mut self, flow: &Flow, samples_per_side: usize) {
        let columns = &mut self.columns;
        for (number, side) in (0u8..).zip(&flow.sides) {
            for sample in side.samples.rows(samples_per_side) {
                columns.flow_id.append_value(flow.head.id);
                columns.side.append_value(number);
                columns.time_ns.append_value(sample.time_ns);
                columns.ipid.append_option(sample.ipid);
                columns.tsval.append_option(sample.tsval);
                self.n_rows += 1;
            }
        }
    }

    /// The rows appended since the last call.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.n_rows = 0;
        self.columns.finish()
    }
}
