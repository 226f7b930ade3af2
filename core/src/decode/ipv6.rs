//! IPv6, RFC 8200.

use super::bytes::{u16_at, u32_at};
use super::{Bytes, Layer, Packet, Weird, extension, odd};

/// Takes the header and its extension headers off and ends the packet where its length says.
#[inline]
pub(super) fn header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(header) = bytes.take::<40>() else {
        return odd(packet, Weird::IpHeaderCut);
    };
    let first = u32_at(header, 0);
    let mut payload_len = usize::from(u16_at(header, 4));
    let next = header[6];
    if payload_len == 0 && next != extension::NONE {
        // A jumbogram (RFC 2675), or offloading: the packet fills its frame.
        packet.note(Weird::IpNoLength);
        payload_len = bytes.wire_len;
    }
    packet.ip_version = 6;
    packet.tos = (first >> 20) as u8;
    packet.flow_label = first & 0x000f_ffff;
    packet.ip_len = 40 + payload_len as u32;
    packet.ttl = header[7];
    packet.proto = next;
    packet.src = address(header, 8);
    packet.dst = address(header, 24);
    if payload_len > bytes.wire_len {
        packet.note(Weird::IpBeyondFrame);
    }
    bytes.end_after(payload_len);
    extension::chain(next, bytes, packet)
}

/// The 16 bytes at `at`; the caller has checked the length.
#[inline]
pub(super) fn address<const N: usize>(header: &[u8; N], at: usize) -> [u8; 16] {
    std::array::from_fn(|i| header[at + i])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet_with(next: u8, payload_len: u8, payload: &[u8]) -> &'static [u8] {
        let mut data = vec![0x6a, 0xb1, 0x23, 0x45, 0, payload_len, next, 57];
        data.extend([0x20; 16]);
        data.extend([0xfe; 16]);
        data.extend(payload);
        data.leak()
    }

    fn read(data: &'static [u8]) -> (Layer, Packet<'static>, Bytes<'static>) {
        let mut packet = Packet::default();
        let mut bytes = Bytes::new(data, 0);
        let layer = header(&mut bytes, &mut packet);
        (layer, packet, bytes)
    }

    #[test]
    fn fields_and_padding() {
        let (layer, packet, bytes) = read(packet_with(17, 2, &[1, 2, 0]));
        assert_eq!((layer, bytes.data), (Layer::Protocol(17), &[1u8, 2][..]));
        assert_eq!((packet.tos, packet.flow_label), (0xab, 0x12345));
        assert_eq!((packet.ip_version, packet.ttl, packet.ip_len), (6, 57, 42));
        assert_eq!((packet.src, packet.dst), ([0x20; 16], [0xfe; 16]));
        assert_eq!(packet.ipid, None);
    }

    #[test]
    fn no_length_means_the_frames() {
        let (_, packet, bytes) = read(packet_with(6, 0, &[0; 30]));
        assert_eq!((packet.ip_len, bytes.wire_len), (70, 30));
        assert_eq!(packet.weird, Weird::IpNoLength);
        assert_eq!(read(packet_with(59, 0, &[])).1.weird, Weird::None);
    }

    #[test]
    fn extension_headers_are_taken_off() {
        let hop_by_hop = [43, 0, 1, 4, 0, 0, 0, 0];
        let routing = [17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let payload = [&hop_by_hop[..], &routing, &[9, 9]].concat();
        let (layer, packet, bytes) = read(packet_with(0, 26, &payload));
        assert_eq!((layer, packet.proto), (Layer::Protocol(17), 17));
        assert_eq!((packet.ip_options_len, bytes.data), (24, &[9u8, 9][..]));
    }

    #[test]
    fn fragments() {
        let first = read(packet_with(44, 9, &[17, 0, 0, 1, 0, 0, 0xbe, 0xef, 5]));
        assert_eq!(first.0, Layer::Protocol(17));
        assert_eq!(first.1.ipid, Some(0xbeef));
        assert!(first.1.more_fragments);
        let later = read(packet_with(44, 9, &[17, 0, 0, 0x10, 0, 0, 0xbe, 0xef, 5]));
        assert_eq!((later.0, later.1.proto), (Layer::Payload, 17));
        assert_eq!(
            (later.1.fragment_offset, later.1.more_fragments),
            (16, false)
        );
    }

    #[test]
    fn a_long_chain_is_given_up() {
        let (layer, packet, _) = read(packet_with(60, 200, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(25)));
        assert_eq!(
            (layer, packet.weird),
            (Layer::Payload, Weird::TooManyHeaders)
        );
    }

    #[test]
    fn a_cut_extension_is_odd() {
        let (layer, packet, _) = read(packet_with(0, 4, &[6, 1, 0, 0]));
        assert_eq!(
            (layer, packet.weird),
            (Layer::Nothing, Weird::IpExtensionCut)
        );
    }
}
