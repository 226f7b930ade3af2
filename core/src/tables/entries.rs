//! The entries table: what the connection tracker remembers.

use arrow_array::RecordBatch;
use arrow_array::builder::{
    BooleanBuilder, StringViewBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_schema::ArrowError;

use super::columns;
use super::text::TextCache;
use crate::track::conntrack::EntryRow;

columns! {
    /// Builders of the entries table.
    EntryColumns {
        flow_id: UInt64Builder,
        parent_flow: UInt64Builder,
        proto: UInt8Builder,
        src: StringViewBuilder,
        dst: StringViewBuilder,
        sport: UInt16Builder,
        dport: UInt16Builder,
        icmp_type: UInt8Builder,
        icmp_code: UInt8Builder,
        icmp_id: UInt16Builder,
        tcp_state: StringViewBuilder,
        timeout_s: UInt32Builder,
        replied: BooleanBuilder,
        assured: BooleanBuilder,
        helper: StringViewBuilder,
    }
}

/// One batch of all rows.
pub(crate) fn entry_table(rows: &[EntryRow]) -> Result<RecordBatch, ArrowError> {
    let mut c = EntryColumns::default();
    let mut addresses = TextCache::default();
    for row in rows {
        c.flow_id.append_value(row.flow_id);
        c.parent_flow.append_option(row.parent_flow);
        c.proto.append_value(row.proto);
        c.src.append_value(addresses.address(&row.src));
        c.dst.append_value(addresses.address(&row.dst));
        c.sport.append_option(row.sport);
        c.dport.append_option(row.dport);
        c.icmp_type.append_option(row.icmp.map(|icmp| icmp.0));
        c.icmp_code.append_option(row.icmp.map(|icmp| icmp.1));
        c.icmp_id.append_option(row.icmp.map(|icmp| icmp.2));
        let state = row.after.tcp_state;
        c.tcp_state.append_option(state.map(|state| state.name()));
        c.timeout_s.append_value(row.after.timeout_s);
        c.replied.append_value(row.replied);
        c.assured.append_value(row.after.assured);
        c.helper.append_option(row.helper);
    }
    c.finish()
}
