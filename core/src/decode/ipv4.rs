//! IPv4, RFC 791.

use super::bytes::u16_at;
use super::{Bytes, Layer, Packet, Weird, extension, odd};

/// The greatest IPv4 packet, bytes.
const MAX_PACKET: u32 = 65_535;

/// Takes the header and its options off and ends the packet where its length says.
#[inline]
pub(super) fn header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let frame_len = bytes.wire_len;
    let Some(header) = bytes.take::<20>() else {
        return odd(packet, Weird::IpHeaderCut);
    };
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header_len < 20 {
        return odd(packet, Weird::IpBadHeaderLength);
    }
    let mut total_len = usize::from(u16_at(header, 2));
    if total_len == 0 {
        // Segmentation offload: the card fills the length in after the capture.
        packet.note(Weird::IpNoLength);
        total_len = frame_len;
    }
    let fragment = u16_at(header, 6);
    packet.ip_version = 4;
    packet.tos = header[1];
    packet.ip_len = total_len as u32;
    packet.ipid = Some(u16_at(header, 4));
    packet.reserved_bit = fragment & 0x8000 != 0;
    packet.dont_fragment = fragment & 0x4000 != 0;
    packet.more_fragments = fragment & 0x2000 != 0;
    packet.fragment_offset = (fragment & 0x1fff) * 8;
    packet.ttl = header[8];
    packet.proto = header[9];
    packet.src = mapped(header, 12);
    packet.dst = mapped(header, 16);
    packet.ip_options_len = (header_len - 20) as u16;
    if total_len < header_len {
        return odd(packet, Weird::IpBadLength);
    }
    if total_len > frame_len {
        packet.note(Weird::IpBeyondFrame);
    }
    bytes.end_after(total_len - 20);
    if header_len > 20 {
        if bytes.data.len() < header_len - 20 {
            return odd(packet, Weird::IpHeaderCut);
        }
        bytes.skip(header_len - 20);
    }
    if packet.fragment_offset > 0 {
        return later_fragment(header_len, bytes, packet);
    }
    match packet.proto {
        extension::AUTHENTICATION => extension::authentication(bytes, packet),
        proto => Layer::Protocol(proto),
    }
}

/// A fragment that does not begin the packet has no transport header.
#[cold]
fn later_fragment(header_len: usize, bytes: &Bytes<'_>, packet: &mut Packet<'_>) -> Layer {
    let end = u32::from(packet.fragment_offset) + (header_len + bytes.wire_len) as u32;
    if end > MAX_PACKET {
        packet.note(Weird::FragmentOverflow);
    }
    Layer::Payload
}

/// An IPv4 address as an IPv4-mapped IPv6 address, RFC 4291 section 2.5.5.2.
#[inline]
pub(super) fn mapped<const N: usize>(header: &[u8; N], at: usize) -> [u8; 16] {
    let (a, b, c, d) = (header[at], header[at + 1], header[at + 2], header[at + 3]);
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [u8; 20] = [
        0x45, 0xb8, 0, 24, 0x12, 0x34, 0x40, 0, 63, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7,
    ];

    fn read(header_bytes: &[u8], wire_len: u32) -> (Layer, Packet<'static>, Bytes<'static>) {
        let data: &'static [u8] = header_bytes.to_vec().leak();
        let mut packet = Packet::default();
        let mut bytes = Bytes::new(data, wire_len);
        let layer = header(&mut bytes, &mut packet);
        (layer, packet, bytes)
    }

    fn with(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut data = [&HEADER[..], &[1, 2, 3, 4, 0, 0]].concat();
        change(&mut data);
        data
    }

    #[test]
    fn fields_and_padding() {
        let (layer, packet, bytes) = read(&with(|_| ()), 26);
        assert_eq!(layer, Layer::Protocol(17));
        assert_eq!(
            (packet.ip_version, packet.ttl, packet.tos, packet.proto),
            (4, 63, 0xb8, 17)
        );
        assert_eq!((packet.ipid, packet.ip_len), (Some(0x1234), 24));
        assert!(packet.dont_fragment && !packet.more_fragments && !packet.reserved_bit);
        assert_eq!(packet.src[10..], [0xff, 0xff, 192, 0, 2, 1]);
        assert_eq!(packet.dst[12..], [198, 51, 100, 7]);
        assert_eq!((bytes.data, bytes.wire_len), (&[1u8, 2, 3, 4][..], 4));
    }

    #[test]
    fn options_are_passed_over_and_counted() {
        let data = with(|d| {
            d[0] = 0x46;
            d[3] = 26;
        });
        let (layer, packet, bytes) = read(&data, 26);
        assert_eq!((layer, packet.ip_options_len), (Layer::Protocol(17), 4));
        assert_eq!(bytes.data, [0, 0]);
    }

    #[test]
    fn no_length_means_the_frames() {
        let (_, packet, bytes) = read(&with(|d| d[3] = 0), 9_000);
        assert_eq!((packet.ip_len, packet.weird), (9_000, Weird::IpNoLength));
        assert_eq!(bytes.wire_len, 8_980);
    }

    #[test]
    fn later_fragments_have_no_transport() {
        let (layer, packet, _) = read(&with(|d| d[6..8].copy_from_slice(&[0x20, 0x03])), 26);
        assert_eq!((layer, packet.fragment_offset), (Layer::Payload, 24));
        assert!(packet.more_fragments);
        let (_, packet, _) = read(&with(|d| d[6..8].copy_from_slice(&[0x1f, 0xff])), 26);
        assert_eq!(packet.weird, Weird::FragmentOverflow);
    }

    #[test]
    fn bad_lengths() {
        assert_eq!(
            read(&with(|d| d[0] = 0x44), 26).1.weird,
            Weird::IpBadHeaderLength
        );
        assert_eq!(read(&with(|d| d[3] = 19), 26).1.weird, Weird::IpBadLength);
        let (layer, packet, bytes) = read(&with(|d| d[3] = 99), 26);
        assert_eq!(
            (layer, packet.weird),
            (Layer::Protocol(17), Weird::IpBeyondFrame)
        );
        assert_eq!((bytes.data.len(), bytes.wire_len), (6, 79));
    }

    #[test]
    fn a_cut_header_is_odd() {
        assert_eq!(read(&HEADER[..19], 60).1.weird, Weird::IpHeaderCut);
    }
}
