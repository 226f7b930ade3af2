//! UDP, RFC 768.

use super::bytes::u16_at;
use super::tunnel::VXLAN_PORT;
use super::{Bytes, Layer, Packet, Transport, Weird, odd};

/// Takes the header off and ends the packet where its length says.
#[inline]
pub(super) fn header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(header) = bytes.take::<8>() else {
        return cut_header(bytes, packet);
    };
    packet.sport = u16_at(header, 0);
    packet.dport = u16_at(header, 2);
    packet.transport = Transport::Udp;
    match usize::from(u16_at(header, 4)) {
        // An IPv6 jumbogram (RFC 2675): as long as IP says.
        0 if packet.ip_version == 6 => {}
        0..8 => packet.note(Weird::UdpBadLength),
        length if length - 8 <= bytes.wire_len => bytes.end_after(length - 8),
        // A first fragment carries the length of the whole datagram.
        _ if packet.more_fragments => {}
        _ => packet.note(Weird::UdpBadLength),
    }
    if packet.dport == VXLAN_PORT {
        return Layer::Vxlan;
    }
    Layer::Payload
}

/// Ports are worth having even where the rest of the header was not captured.
#[cold]
fn cut_header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    if let Some(ports) = bytes.data.first_chunk::<4>() {
        packet.sport = u16_at(ports, 0);
        packet.dport = u16_at(ports, 2);
    }
    odd(packet, Weird::UdpHeaderCut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(length: u8, payload: &[u8], fresh: Packet<'static>) -> (Packet<'static>, usize) {
        let data = [&[0, 53, 0x30, 0x39, 0, length, 0, 0][..], payload].concat();
        let mut packet = fresh;
        let mut bytes = Bytes::new(data.leak(), 0);
        header(&mut bytes, &mut packet);
        (packet, bytes.wire_len)
    }

    #[test]
    fn ports_and_length() {
        let (packet, payload_len) = read(10, &[1, 2, 3], Packet::default());
        assert_eq!((packet.sport, packet.dport, payload_len), (53, 12_345, 2));
        assert_eq!(
            (packet.transport, packet.weird),
            (Transport::Udp, Weird::None)
        );
    }

    #[test]
    fn bad_lengths_fall_back_to_ip() {
        for length in [0, 7, 99] {
            let (packet, payload_len) = read(length, &[1, 2, 3], Packet::default());
            assert_eq!((packet.weird, payload_len), (Weird::UdpBadLength, 3));
        }
    }

    #[test]
    fn a_first_fragment_may_claim_more() {
        let fragment = Packet {
            more_fragments: true,
            ..Packet::default()
        };
        assert_eq!(read(99, &[1], fragment).0.weird, Weird::None);
    }

    #[test]
    fn a_jumbogram_has_no_length() {
        let jumbo = Packet {
            ip_version: 6,
            ..Packet::default()
        };
        assert_eq!(read(0, &[1], jumbo).0.weird, Weird::None);
    }
}
