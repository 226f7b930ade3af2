//! TCP, RFC 9293.

use super::bytes::{u16_at, u32_at};
use super::{Bytes, Layer, Packet, Tcp, Transport, Weird, odd, tcp_option};

/// Takes the header and its options off.
#[inline]
pub(super) fn header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(header) = bytes.take::<20>() else {
        return cut_header(bytes, packet);
    };
    packet.sport = u16_at(header, 0);
    packet.dport = u16_at(header, 2);
    let offset_and_flags = u16_at(header, 12);
    let header_len = (offset_and_flags >> 12) as u8 * 4;
    let options_len = usize::from(header_len.saturating_sub(20));
    packet.transport = Transport::Tcp(Tcp {
        seq: u32_at(header, 4),
        ack: u32_at(header, 8),
        flags: offset_and_flags & 0x0fff,
        window: u16_at(header, 14),
        urgent: u16_at(header, 18),
        header_len,
        ..Tcp::default()
    });
    if header_len < 20 || options_len > bytes.wire_len {
        return odd(packet, Weird::TcpBadOffset);
    }
    if options_len > 0 {
        let captured = bytes.data.len().min(options_len);
        let (area, _) = bytes.data.split_at(captured);
        if let Transport::Tcp(tcp) = &mut packet.transport {
            tcp_option::parse(area, options_len, &mut tcp.options);
            if tcp.options.bad {
                packet.note(Weird::TcpBadOption);
            } else if captured < options_len {
                packet.note(Weird::TcpOptionsCut);
            }
        }
        bytes.skip(options_len);
    }
    Layer::Payload
}

/// Ports are worth having even where the rest of the header was not captured.
#[cold]
pub(super) fn cut_header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    if let Some(ports) = bytes.data.first_chunk::<4>() {
        packet.sport = u16_at(ports, 0);
        packet.dport = u16_at(ports, 2);
    }
    odd(packet, Weird::TcpHeaderCut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::flags;

    fn segment(offset: u8, rest: &[u8]) -> Vec<u8> {
        let mut data = vec![0x9c, 0x40, 0x01, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8];
        data.extend([offset << 4 | 0x01, 0x12, 0xfa, 0xf0, 0, 0, 0, 7]);
        data.extend(rest);
        data
    }

    fn read(data: &[u8], wire_len: u32) -> (Packet<'static>, Bytes<'static>) {
        let data: &'static [u8] = data.to_vec().leak();
        let mut packet = Packet::default();
        let mut bytes = Bytes::new(data, wire_len);
        header(&mut bytes, &mut packet);
        (packet, bytes)
    }

    fn tcp(packet: &Packet<'_>) -> Tcp {
        match packet.transport {
            Transport::Tcp(tcp) => tcp,
            other => panic!("not TCP: {other:?}"),
        }
    }

    #[test]
    fn fields() {
        let (packet, bytes) = read(&segment(5, b"hello"), 25);
        let tcp = tcp(&packet);
        assert_eq!((packet.sport, packet.dport), (40_000, 443));
        assert_eq!((tcp.seq, tcp.ack), (0x0102_0304, 0x0506_0708));
        assert_eq!(tcp.flags, flags::SYN | flags::ACK | flags::AE);
        assert_eq!((tcp.window, tcp.urgent, tcp.header_len), (64_240, 7, 20));
        assert_eq!(bytes.data, b"hello");
    }

    #[test]
    fn the_payload_begins_behind_the_options() {
        let (packet, bytes) = read(&segment(6, &[2, 4, 5, 0xb4, 9]), 25);
        assert_eq!(tcp(&packet).options.mss, Some(1460));
        assert_eq!(bytes.data, [9]);
    }

    #[test]
    fn a_snap_length_inside_the_options_keeps_the_wire_length() {
        let (packet, bytes) = read(&segment(8, &[1, 1, 8, 10, 0, 0]), 132);
        assert_eq!(packet.weird, Weird::TcpOptionsCut);
        assert_eq!(tcp(&packet).options.timestamps, None);
        assert_eq!((bytes.data.len(), bytes.wire_len), (0, 100));
    }

    #[test]
    fn bad_offsets_keep_the_fields() {
        for (offset, wire_len) in [(4, 20), (15, 30)] {
            let (packet, _) = read(&segment(offset, &[]), wire_len);
            assert_eq!(packet.weird, Weird::TcpBadOffset);
            assert_eq!(tcp(&packet).seq, 0x0102_0304);
        }
    }

    #[test]
    fn a_cut_header_still_gives_ports() {
        let (packet, _) = read(&segment(5, &[])[..8], 40);
        assert_eq!((packet.sport, packet.dport), (40_000, 443));
        assert_eq!(packet.transport, Transport::None);
        assert_eq!(packet.weird, Weird::TcpHeaderCut);
    }
}
