//! The segments table: the connection tracker's word on each packet.

use arrow_array::RecordBatch;
use arrow_array::builder::{
    BooleanBuilder, Int64Builder, LargeListBuilder, StringViewBuilder, UInt8Builder, UInt32Builder,
    UInt64Builder,
};
use arrow_schema::ArrowError;

use super::columns;
use crate::track::SegmentRow;
use crate::track::conntrack::{CtState, Reason, Verdict};

columns! {
    /// Builders of the segments table.
    SegmentColumns {
        packet: UInt64Builder,
        time_ns: Int64Builder,
        flow_id: UInt64Builder,
        side: UInt8Builder,
        ct_state: StringViewBuilder,
        reply: BooleanBuilder,
        tcp_state: StringViewBuilder,
        timeout_s: UInt32Builder,
        assured: BooleanBuilder,
        reason: StringViewBuilder,
        note: StringViewBuilder,
        bound: UInt32Builder,
        excess: Int64Builder,
        bound_packet: UInt64Builder,
        parent_flow: UInt64Builder,
        seq_rel: UInt32Builder,
        ack_rel: UInt32Builder,
        next_seq_rel: UInt32Builder,
        window_bytes: UInt64Builder,
        analysis: LargeListBuilder<StringViewBuilder>,
        duplicate_ack: UInt32Builder,
        bytes_in_flight: UInt32Builder,
        what_if_ct_state: StringViewBuilder,
        what_if_tcp_state: StringViewBuilder,
        what_if_reason: StringViewBuilder,
    }
}

/// Collects rows and hands them out as record batches.
#[derive(Default)]
pub(crate) struct SegmentTable {
    columns: SegmentColumns,
}

/// The state's name, where the packet left its entry in one.
fn tcp_state(verdict: &Verdict) -> Option<&'static str> {
    let state = verdict.after.and_then(|after| after.tcp_state);
    state.map(|state| state.name())
}

fn name(reason: Reason) -> Option<&'static str> {
    (reason != Reason::None).then(|| reason.name())
}

impl SegmentTable {
    /// Appends a row.
    pub fn push(&mut self, row: &SegmentRow) {
        let c = &mut self.columns;
        c.packet.append_value(row.packet);
        c.time_ns.append_value(row.time_ns);
        c.flow_id.append_value(row.flow_id);
        c.side.append_value(row.side);
        let verdict = &row.verdict;
        let invalid = verdict.ct_state == CtState::Invalid;
        let odd = name(verdict.reason);
        c.ct_state.append_value(verdict.ct_state.name());
        c.reply.append_value(verdict.reply);
        c.tcp_state.append_option(tcp_state(verdict));
        c.timeout_s
            .append_option(verdict.after.map(|after| after.timeout_s));
        c.assured
            .append_option(verdict.after.map(|after| after.assured));
        c.reason.append_option(odd.filter(|_| invalid));
        c.note.append_option(odd.filter(|_| !invalid));
        c.bound
            .append_option(verdict.bound.map(|bound| bound.number));
        c.excess
            .append_option(verdict.bound.map(|bound| bound.excess));
        let set_by = verdict.bound.map(|bound| bound.packet);
        c.bound_packet
            .append_option(set_by.filter(|&packet| packet != 0));
        c.parent_flow.append_option(verdict.parent_flow);
        let numbers = row.numbers;
        c.seq_rel
            .append_option(numbers.map(|numbers| numbers.seq_rel));
        c.ack_rel
            .append_option(numbers.and_then(|numbers| numbers.ack_rel));
        c.next_seq_rel
            .append_option(numbers.map(|numbers| numbers.next_seq_rel));
        c.window_bytes
            .append_option(numbers.map(|numbers| numbers.window_bytes));
        let finding = row.finding;
        for mark in finding.iter().flat_map(|finding| finding.marks.iter()) {
            c.analysis.values().append_value(mark.name());
        }
        c.analysis.append(finding.is_some());
        let number = finding.map(|finding| finding.duplicate_ack);
        c.duplicate_ack.append_option(number.filter(|&n| n > 0));
        c.bytes_in_flight
            .append_option(finding.and_then(|finding| finding.bytes_in_flight));
        let other = row.what_if.as_ref();
        c.what_if_ct_state
            .append_option(other.map(|other| other.ct_state.name()));
        c.what_if_tcp_state.append_option(other.and_then(tcp_state));
        c.what_if_reason
            .append_option(other.and_then(|other| name(other.reason)));
    }

    /// The rows appended since the last call.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.columns.finish()
    }
}
