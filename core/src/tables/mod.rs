//! Tables as Arrow record batches: one file per table, declared with `columns!`.

mod entries;
mod flows;
mod packets;
mod samples;
mod segments;
mod text;

pub(crate) use entries::entry_table;
pub(crate) use flows::FlowTable;
pub(crate) use packets::PacketTable;
pub(crate) use samples::SampleTable;
pub(crate) use segments::SegmentTable;

/// Declares the Arrow builders of a table, one public field per column, in the table's order.
/// Every column is nullable. `finish` hands the rows out and starts anew.
macro_rules! columns {
    ($(#[$meta:meta])* $table:ident { $($column:ident: $builder:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Default)]
        pub(crate) struct $table {
            $(pub $column: $builder,)+
        }

        impl $table {
            /// The rows appended since the last call.
            pub fn finish(
                &mut self,
            ) -> Result<arrow_array::RecordBatch, arrow_schema::ArrowError> {
                let columns: Vec<(&str, arrow_array::ArrayRef, bool)> = vec![
                    $((
                        stringify!($column),
                        std::sync::Arc::new(self.$column.finish()),
                        true,
                    ),)+
                ];
                arrow_array::RecordBatch::try_from_iter_with_nullable(columns)
            }
        }
    };
}
pub(crate) use columns;
