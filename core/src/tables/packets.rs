//! The packets table: one row per frame, null where the frame has no such field.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryViewBuilder, BooleanBuilder, Int64Builder, LargeListBuilder, StringViewBuilder,
    UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use super::columns;
use super::text::TextCache;
use crate::capture::Frame;
use crate::decode::{Checksum, Icmp, Packet, Tcp, TcpOptions, Transport, Weird, verify};

columns! {
    /// Builders of the packets table.
    PacketColumns {
        number: UInt64Builder,
        time_ns: Int64Builder,
        interface: UInt32Builder,
        link_type: UInt16Builder,
        wire_len: UInt32Builder,
        captured_len: UInt32Builder,
        src_mac: StringViewBuilder,
        dst_mac: StringViewBuilder,
        vlan: UInt16Builder,
        tunnel_depth: UInt8Builder,
        ip_version: UInt8Builder,
        src: StringViewBuilder,
        dst: StringViewBuilder,
        proto: UInt8Builder,
        ttl: UInt8Builder,
        tos: UInt8Builder,
        flow_label: UInt32Builder,
        ipid: UInt16Builder,
        df: BooleanBuilder,
        frag_offset: UInt16Builder,
        more_fragments: BooleanBuilder,
        ip_len: UInt32Builder,
        sport: UInt16Builder,
        dport: UInt16Builder,
        flags: UInt16Builder,
        seq: UInt32Builder,
        ack: UInt32Builder,
        window: UInt16Builder,
        urgent: UInt16Builder,
        mss: UInt16Builder,
        wscale: UInt8Builder,
        sack_ok: BooleanBuilder,
        tsval: UInt32Builder,
        tsecr: UInt32Builder,
        sack: LargeListBuilder<UInt32Builder>,
        options: StringViewBuilder,
        icmp_type: UInt8Builder,
        icmp_code: UInt8Builder,
        icmp_id: UInt16Builder,
        icmp_seq: UInt16Builder,
        icmp_originate: UInt32Builder,
        icmp_receive: UInt32Builder,
        icmp_transmit: UInt32Builder,
        payload_len: UInt32Builder,
        weird: StringViewBuilder,
    }
}

columns! {
    /// Builders of the columns that are there where checksums are to be verified.
    ChecksumColumns {
        ip_checksum: StringViewBuilder,
        checksum: StringViewBuilder,
    }
}

/// Collects packets and hands them out as record batches.
#[derive(Default)]
pub(crate) struct PacketTable {
    columns: PacketColumns,
    addresses: TextCache,
    macs: TextCache,
    options: String,
    n_rows: usize,
    /// What was captured of the payloads, where they are wanted.
    payloads: Option<BinaryViewBuilder>,
    checksums: Option<ChecksumColumns>,
}

impl PacketTable {
    /// A table with a column `payload`, or what was found of the checksums, behind the others.
    pub fn with(payloads: bool, checksums: bool) -> Self {
        Self {
            payloads: payloads.then(BinaryViewBuilder::default),
            checksums: checksums.then(ChecksumColumns::default),
            ..Self::default()
        }
    }

    /// Rows appended since the last `finish`.
    pub fn len(&self) -> usize {
        self.n_rows
    }

    /// Appends the row of one frame and what was decoded from it.
    pub fn push(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) {
        self.n_rows += 1;
        self.push_frame(frame, packet);
        self.push_ip(packet);
        let has_ports = matches!(packet.transport, Transport::Tcp(_) | Transport::Udp)
            || packet.sport != 0
            || packet.dport != 0;
        let c = &mut self.columns;
        c.sport.append_option(has_ports.then_some(packet.sport));
        c.dport.append_option(has_ports.then_some(packet.dport));
        match &packet.transport {
            Transport::Tcp(tcp) => self.push_tcp(Some(tcp)),
            _ => self.push_tcp(None),
        }
        match &packet.transport {
            Transport::Icmp(icmp) => self.push_icmp(Some(icmp)),
            _ => self.push_icmp(None),
        }
        if let Some(columns) = &mut self.checksums {
            let found = verify(frame.data, packet);
            columns
                .ip_checksum
                .append_option(found.ip.map(Checksum::name));
            columns
                .checksum
                .append_option(found.transport.map(Checksum::name));
        }
    }

    /// The rows appended since the last call, as one batch.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.n_rows = 0;
        let batch = self.columns.finish()?;
        if self.payloads.is_none() && self.checksums.is_none() {
            return Ok(batch);
        }
        let mut columns = nullable(&batch);
        if let Some(payloads) = &mut self.payloads {
            let column: ArrayRef = Arc::new(payloads.finish());
            columns.push(("payload".into(), column, true));
        }
        if let Some(checksums) = &mut self.checksums {
            columns.extend(nullable(&checksums.finish()?));
        }
        RecordBatch::try_from_iter_with_nullable(columns)
    }

    fn push_frame(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) {
        let c = &mut self.columns;
        c.number.append_value(packet.number);
        c.time_ns.append_value(packet.time_ns);
        c.interface.append_value(frame.interface);
        c.link_type.append_value(frame.link_type);
        c.wire_len.append_value(packet.wire_len);
        c.captured_len.append_value(packet.captured_len);
        c.src_mac
            .append_option(packet.src_mac.map(|mac| self.macs.mac(mac)));
        c.dst_mac
            .append_option(packet.dst_mac.map(|mac| self.macs.mac(mac)));
        c.vlan.append_option(packet.vlan);
        let weird = packet.weird;
        c.weird
            .append_option((weird != Weird::None).then(|| weird.name()));
    }

    fn push_ip(&mut self, packet: &Packet<'_>) {
        let c = &mut self.columns;
        let ip = (packet.ip_version != 0).then_some(packet);
        let ipv6 = (packet.ip_version == 6).then_some(packet);
        c.tunnel_depth.append_option(ip.map(|p| p.tunnel_depth));
        c.ip_version.append_option(ip.map(|p| p.ip_version));
        c.src
            .append_option(ip.map(|p| self.addresses.address(&p.src)));
        c.dst
            .append_option(ip.map(|p| self.addresses.address(&p.dst)));
        c.proto.append_option(ip.map(|p| p.proto));
        c.ttl.append_option(ip.map(|p| p.ttl));
        c.tos.append_option(ip.map(|p| p.tos));
        c.flow_label.append_option(ipv6.map(|p| p.flow_label));
        c.ipid.append_option(packet.ipid);
        let ipv4 = ip.filter(|p| p.ip_version == 4);
        c.df.append_option(ipv4.map(|p| p.dont_fragment));
        c.frag_offset.append_option(ip.map(|p| p.fragment_offset));
        c.more_fragments.append_option(ip.map(|p| p.more_fragments));
        c.ip_len.append_option(ip.map(|p| p.ip_len));
        if let Some(payloads) = &mut self.payloads {
            payloads.append_option(ip.map(|p| p.payload));
        }
        c.payload_len
            .append_option(ip.filter(|p| has_payload_len(p)).map(|p| p.payload_len));
    }

    fn push_tcp(&mut self, tcp: Option<&Tcp>) {
        let c = &mut self.columns;
        let options = tcp.map(|tcp| &tcp.options);
        c.flags.append_option(tcp.map(|t| t.flags));
        c.seq.append_option(tcp.map(|t| t.seq));
        c.ack.append_option(tcp.map(|t| t.ack));
        c.window.append_option(tcp.map(|t| t.window));
        c.urgent.append_option(tcp.map(|t| t.urgent));
        c.mss.append_option(options.and_then(|o| o.mss));
        c.wscale.append_option(options.and_then(|o| o.wscale));
        c.sack_ok.append_option(options.map(|o| o.sack_ok));
        let timestamps = options.and_then(|o| o.timestamps);
        c.tsval.append_option(timestamps.map(|(tsval, _)| tsval));
        c.tsecr.append_option(timestamps.map(|(_, tsecr)| tsecr));
        if let Some(options) = options.filter(|o| o.n_sack > 0) {
            for (left, right) in &options.sack[..usize::from(options.n_sack)] {
                c.sack.values().append_slice(&[*left, *right]);
            }
            c.sack.append(true);
        } else {
            c.sack.append(false);
        }
        c.options.append_option(options.map(|o| {
            self.options.clear();
            write_options(&mut self.options, o);
            self.options.as_str()
        }));
    }

    fn push_icmp(&mut self, icmp: Option<&Icmp>) {
        let c = &mut self.columns;
        c.icmp_type.append_option(icmp.map(|i| i.kind));
        c.icmp_code.append_option(icmp.map(|i| i.code));
        c.icmp_id.append_option(icmp.map(|i| i.id));
        c.icmp_seq.append_option(icmp.map(|i| i.seq));
        let stamps = icmp.and_then(|i| i.stamps);
        c.icmp_originate.append_option(stamps.map(|s| s[0]));
        c.icmp_receive.append_option(stamps.map(|s| s[1]));
        c.icmp_transmit.append_option(stamps.map(|s| s[2]));
    }
}

/// A batch's columns with their names.
fn nullable(batch: &RecordBatch) -> Vec<(String, ArrayRef, bool)> {
    let fields = batch.schema_ref().fields().iter();
    fields
        .zip(batch.columns())
        .map(|(field, column)| (field.name().clone(), column.clone(), true))
        .collect()
}

/// Where the capture or the packet ends inside a transport header, the payload's length is
/// not known.
fn has_payload_len(packet: &Packet<'_>) -> bool {
    let headed = matches!(packet.proto, 1 | 6 | 17 | 58) && packet.fragment_offset == 0;
    !headed || packet.transport != Transport::None
}

/// The options in order, in p0f's names: `mss,sok,ts,nop,ws`; `eol+N` has N bytes behind it.
fn write_options(text: &mut String, options: &TcpOptions) {
    for kind in &options.kinds[..usize::from(options.n_kinds)] {
        if !text.is_empty() {
            text.push(',');
        }
        let name = match kind {
            0 => "eol+",
            1 => "nop",
            2 => "mss",
            3 => "ws",
            4 => "sok",
            5 => "sack",
            8 => "ts",
            _ => "?",
        };
        text.push_str(name);
        let number = match kind {
            0 => options.eol_pad,
            1..=5 | 8 => continue,
            other => *other,
        };
        let written = write!(text, "{number}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{UInt16Type, UInt32Type};

    fn rows(frames: &[&[u8]]) -> RecordBatch {
        let mut table = PacketTable::default();
        for data in frames {
            let frame = Frame {
                number: 1,
                time_ns: 5,
                link_type: 101,
                interface: 0,
                data,
                wire_len: data.len() as u32,
            };
            table.push(&frame, &decode(&frame));
        }
        assert_eq!(table.len(), frames.len());
        table.finish().expect("columns of equal length")
    }

    #[test]
    fn a_syn_and_something_else() {
        let syn = [
            0x45, 0, 0, 48, 0, 9, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, 0x9c, 0x40,
            0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x70, 2, 0xff, 0xff, 0, 0, 0, 0, 2, 4, 5, 0xb4, 99, 2,
            0, 0,
        ];
        let batch = rows(&[&syn, &[0x00]]);
        let text = |name: &str| batch[name].as_string_view().clone();
        assert_eq!(text("dst").value(0), "198.51.100.7");
        assert_eq!(text("options").value(0), "mss,?99,eol+1");
        assert_eq!(batch["mss"].as_primitive::<UInt16Type>().value(0), 1460);
        assert_eq!(
            batch["payload_len"].as_primitive::<UInt32Type>().value(0),
            0
        );
        assert!(text("weird").is_null(0));
        assert_eq!(text("weird").value(1), "ip_bad_version");
        for name in ["src", "sport", "seq", "payload_len", "icmp_type"] {
            assert!(batch[name].is_null(1), "{name}");
        }
    }

    #[test]
    fn a_table_can_be_used_again() {
        let mut table = PacketTable::default();
        assert_eq!(table.finish().expect("an empty batch").num_rows(), 0);
        assert_eq!(table.len(), 0);
    }
}
