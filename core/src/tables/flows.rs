//! The flows table: one row per ended flow. Counts are never null; what was not seen is.

use arrow_array::builder::{
    BinaryViewBuilder, BooleanBuilder, Float64Builder, Int64Builder, LargeListBuilder,
    StringViewBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use super::columns;
use super::text::TextCache;
use crate::track::analysis::Totals;
use crate::track::{Flow, Side};

columns! {
    /// What a flow has once.
    FlowColumns {
        flow_id: UInt64Builder,
        first_packet: UInt64Builder,
        proto: UInt8Builder,
        orig_h: StringViewBuilder,
        orig_p: UInt16Builder,
        resp_h: StringViewBuilder,
        resp_p: UInt16Builder,
        icmp_type: UInt8Builder,
        icmp_code: UInt8Builder,
        vlan: UInt16Builder,
        first_ns: Int64Builder,
        last_ns: Int64Builder,
        conn_state: StringViewBuilder,
        history: StringViewBuilder,
        community_id: StringViewBuilder,
        end_reason: StringViewBuilder,
    }
}

columns! {
    /// What a flow has once per side; `orig_` or `resp_` goes before the names.
    SideColumns {
        mac: StringViewBuilder,
        pkts: UInt64Builder,
        bytes: UInt64Builder,
        ip_bytes: UInt64Builder,
        first_ns: Int64Builder,
        last_ns: Int64Builder,
        ttl: UInt8Builder,
        ttl_min: UInt8Builder,
        ttl_max: UInt8Builder,
        syn: StringViewBuilder,
        n_syn: UInt32Builder,
        isn: UInt32Builder,
        mss: UInt16Builder,
        wscale: UInt8Builder,
        window: UInt16Builder,
        rtt_ns: Int64Builder,
        retransmitted: UInt32Builder,
        ipid_n: UInt32Builder,
        ipid_first: UInt16Builder,
        ipid_last: UInt16Builder,
        ipid_df: UInt32Builder,
        ipid_zero: UInt32Builder,
        ipid_same: UInt32Builder,
        ipid_one: UInt32Builder,
        ipid_small: UInt32Builder,
        ipid_swap_one: UInt32Builder,
        ipid_swap_small: UInt32Builder,
        ts_n: UInt32Builder,
        ts_zero: UInt32Builder,
        ts_syn: BooleanBuilder,
        ts_first: UInt32Builder,
        ts_last: UInt32Builder,
        ts_first_ns: Int64Builder,
        ts_last_ns: Int64Builder,
        ts_back: UInt32Builder,
        ts_apart: UInt32Builder,
        ts_sum_x: Float64Builder,
        ts_sum_v: Float64Builder,
        ts_sum_xx: Float64Builder,
        ts_sum_xv: Float64Builder,
        ts_sum_vv: Float64Builder,
        ts_hull_x: LargeListBuilder<Float64Builder>,
        ts_hull_v: LargeListBuilder<Float64Builder>,
        ts_hull_dropped: UInt32Builder,
        payload: BinaryViewBuilder,
        payload_ns: Int64Builder,
        tos: UInt8Builder,
        tcp_flags: UInt16Builder,
        retransmissions: UInt64Builder,
        out_of_order: UInt64Builder,
        zero_windows: UInt64Builder,
        duplicate_acks: UInt64Builder,
        missing_bytes: UInt64Builder,
        ack_rtt_n: UInt64Builder,
        ack_rtt_min_ns: Int64Builder,
        ack_rtt_mean_ns: Int64Builder,
        ack_rtt_max_ns: Int64Builder,
    }
}

/// Collects ended flows and hands them out as record batches.
#[derive(Default)]
pub(crate) struct FlowTable {
    flows: FlowColumns,
    sides: [SideColumns; 2],
    texts: Texts,
    n_rows: usize,
}

/// Addresses as text.
#[derive(Default)]
struct Texts {
    addresses: TextCache,
    macs: TextCache,
}

impl FlowTable {
    /// Rows appended since the last `finish`.
    pub fn len(&self) -> usize {
        self.n_rows
    }

    /// Appends a flow.
    pub fn push(&mut self, flow: &Flow) {
        self.n_rows += 1;
        let (columns, texts) = (&mut self.flows, &mut self.texts);
        columns.flow_id.append_value(flow.head.id);
        columns.first_packet.append_value(flow.first_packet);
        columns.proto.append_value(flow.head.key.proto);
        columns
            .orig_h
            .append_value(texts.addresses.address(&flow.address(0)));
        columns.orig_p.append_value(flow.port(0));
        columns
            .resp_h
            .append_value(texts.addresses.address(&flow.address(1)));
        columns.resp_p.append_value(flow.port(1));
        columns
            .icmp_type
            .append_option(flow.icmp.map(|(kind, _)| kind));
        columns
            .icmp_code
            .append_option(flow.icmp.map(|(_, code)| code));
        columns.vlan.append_option(flow.vlan);
        columns.first_ns.append_value(flow.head.first_ns);
        columns.last_ns.append_value(flow.head.last_ns);
        columns.conn_state.append_value(flow.conn_state());
        columns.history.append_value(flow.history.as_str());
        columns.community_id.append_value(flow.community_id());
        columns.end_reason.append_value(flow.end.name());
        for (i, columns) in self.sides.iter_mut().enumerate() {
            columns.push(&flow.sides[i], texts);
            columns.push_totals(flow.analysis_totals(i));
        }
    }

    /// The rows appended since the last call.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.n_rows = 0;
        let mut columns = named(&self.flows.finish()?, "");
        for (prefix, side) in ["orig_", "resp_"].into_iter().zip(&mut self.sides) {
            columns.extend(named(&side.finish()?, prefix));
        }
        let nullable = columns
            .into_iter()
            .map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(nullable)
    }
}

/// The columns of a batch under their names behind a prefix.
fn named(batch: &RecordBatch, prefix: &str) -> Vec<(String, ArrayRef)> {
    let fields = batch.schema_ref().fields().iter();
    let names = fields.map(|field| format!("{prefix}{}", field.name()));
    names.zip(batch.columns().iter().cloned()).collect()
}

impl SideColumns {
    fn push(&mut self, side: &Side, texts: &mut Texts) {
        let seen = side.n_packets > 0;
        self.mac
            .append_option(side.mac.map(|mac| texts.macs.mac(mac)));
        self.pkts.append_value(side.n_packets);
        self.bytes.append_value(side.payload_bytes);
        self.ip_bytes.append_value(side.ip_bytes);
        self.first_ns.append_option(seen.then_some(side.first_ns));
        self.last_ns.append_option(seen.then_some(side.last_ns));
        self.ttl.append_option(seen.then_some(side.ttl));
        self.ttl_min.append_option(seen.then_some(side.ttl_min));
        self.ttl_max.append_option(seen.then_some(side.ttl_max));
        let head = side.head.bytes();
        self.payload.append_option(head.map(|(bytes, _)| bytes));
        self.payload_ns
            .append_option(head.map(|(_, time_ns)| time_ns));
        self.tos.append_option(seen.then_some(side.tos));
        let flags = side.tcp.flags;
        self.tcp_flags
            .append_option((seen && flags != 0).then_some(flags));
        self.push_syn(side);
        self.push_ipid(side);
        self.push_clock(side);
    }

    fn push_syn(&mut self, side: &Side) {
        let syn = side.tcp.syn.as_deref();
        self.syn.append_option(syn.map(|syn| &syn.signature));
        self.n_syn.append_value(syn.map_or(0, |syn| syn.n));
        self.isn.append_option(syn.map(|syn| syn.isn));
        self.mss.append_option(syn.and_then(|syn| syn.mss));
        self.wscale.append_option(syn.and_then(|syn| syn.wscale));
        self.window
            .append_option(syn.map(|syn| syn.window).or(side.tcp.first_window));
        self.rtt_ns.append_option(side.tcp.rtt_ns);
        self.retransmitted.append_value(side.tcp.n_retransmitted);
        self.ts_syn.append_option(syn.map(|syn| syn.has_timestamp));
    }

    fn push_totals(&mut self, totals: Option<Totals>) {
        self.retransmissions
            .append_option(totals.map(|totals| totals.n_retransmitted));
        self.out_of_order
            .append_option(totals.map(|totals| totals.n_out_of_order));
        self.zero_windows
            .append_option(totals.map(|totals| totals.n_zero_windows));
        self.duplicate_acks
            .append_option(totals.map(|totals| totals.n_duplicate_acks));
        self.missing_bytes
            .append_option(totals.map(|totals| totals.missing_bytes));
        let trips = totals.map(|totals| totals.round_trips);
        self.ack_rtt_n.append_option(trips.map(|trips| trips.n));
        let trips = trips.filter(|trips| trips.n > 0);
        self.ack_rtt_min_ns
            .append_option(trips.map(|trips| trips.min_ns));
        self.ack_rtt_mean_ns
            .append_option(trips.and_then(|trips| trips.mean_ns()));
        self.ack_rtt_max_ns
            .append_option(trips.map(|trips| trips.max_ns));
    }

    fn push_ipid(&mut self, side: &Side) {
        let steps = &side.ipid;
        let seen = steps.n > 0;
        self.ipid_n.append_value(steps.n);
        self.ipid_first.append_option(seen.then_some(steps.first));
        self.ipid_last.append_option(seen.then_some(steps.last));
        self.ipid_df.append_value(steps.n_df);
        self.ipid_zero.append_value(steps.n_zero);
        self.ipid_same.append_value(steps.n_same);
        self.ipid_one.append_value(steps.n_one);
        self.ipid_small.append_value(steps.n_small);
        self.ipid_swap_one.append_value(steps.n_swap_one);
        self.ipid_swap_small.append_value(steps.n_swap_small);
    }

    fn push_clock(&mut self, side: &Side) {
        let clock = side.tcp.clock.as_deref();
        self.ts_n.append_value(clock.map_or(0, |clock| clock.n));
        self.ts_zero.append_value(side.tcp.n_ts_zero);
        self.ts_first.append_option(clock.map(|clock| clock.first));
        self.ts_last.append_option(clock.map(|clock| clock.last));
        self.ts_first_ns
            .append_option(clock.map(|clock| clock.first_ns));
        self.ts_last_ns
            .append_option(clock.map(|clock| clock.last_ns));
        self.ts_back
            .append_value(clock.map_or(0, |clock| clock.n_back));
        self.ts_apart
            .append_value(clock.map_or(0, |clock| clock.n_apart));
        let sums = [
            &mut self.ts_sum_x,
            &mut self.ts_sum_v,
            &mut self.ts_sum_xx,
            &mut self.ts_sum_xv,
            &mut self.ts_sum_vv,
        ];
        for (i, column) in sums.into_iter().enumerate() {
            column.append_option(clock.map(|clock| clock.sums[i]));
        }
        for &(x, v) in clock.map_or(&[][..], |clock| &clock.hull) {
            self.ts_hull_x.values().append_value(x);
            self.ts_hull_v.values().append_value(v);
        }
        self.ts_hull_x.append(clock.is_some());
        self.ts_hull_v.append(clock.is_some());
        self.ts_hull_dropped
            .append_value(clock.map_or(0, |clock| clock.n_dropped));
    }
}
