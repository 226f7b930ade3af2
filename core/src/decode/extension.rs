//! Headers between IP and its transport: IPv6 extension headers (RFC 8200, RFC 6275, RFC 7401,
//! RFC 5533) and the authentication header (RFC 4302), which IPv4 has too.

use super::bytes::{u16_at, u32_at};
use super::{Bytes, Layer, Packet, Weird, odd};

const HOP_BY_HOP: u8 = 0;
pub(super) const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
/// Protocol number of the authentication header.
pub(super) const AUTHENTICATION: u8 = 51;
/// "No next header."
pub(super) const NONE: u8 = 59;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// Most extension headers taken off one IP header.
const MAX_EXTENSIONS: usize = 12;

/// The greatest payload that fragments make up, bytes.
const MAX_PAYLOAD: usize = 65_535;

/// Takes extension headers off, the first announced by `next`, and leaves the last next
/// header in `packet.proto`.
#[inline]
pub(super) fn chain<'a>(next: u8, bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let mut next = next;
    for _ in 0..MAX_EXTENSIONS {
        packet.proto = next;
        let (length, of_next) = match (next, bytes.data) {
            (FRAGMENT, _) => match fragment(bytes, packet) {
                Some(of_next) => {
                    next = of_next;
                    continue;
                }
                None => return Layer::Payload,
            },
            (AUTHENTICATION, &[of_next, length, ..]) => ((usize::from(length) + 2) * 4, of_next),
            (
                HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HOST_IDENTITY | SHIM6,
                &[of_next, length, ..],
            ) => ((usize::from(length) + 1) * 8, of_next),
            (
                AUTHENTICATION | HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HOST_IDENTITY
                | SHIM6,
                _,
            ) => return odd(packet, Weird::IpExtensionCut),
            _ => return Layer::Protocol(next),
        };
        if bytes.data.len() < length {
            return odd(packet, Weird::IpExtensionCut);
        }
        bytes.skip(length);
        packet.ip_options_len += length as u16;
        next = of_next;
    }
    packet.note(Weird::TooManyHeaders);
    Layer::Payload
}

/// IPv4's authentication header; what follows becomes `packet.proto`.
pub(super) fn authentication<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(&[next, length, ..]) = bytes.data.first_chunk::<12>() else {
        return odd(packet, Weird::IpExtensionCut);
    };
    let length = (usize::from(length) + 2) * 4;
    if bytes.data.len() < length {
        return odd(packet, Weird::IpExtensionCut);
    }
    bytes.skip(length);
    packet.proto = next;
    Layer::Protocol(next)
}

/// Takes a fragment header off; the next header where a transport header may follow.
fn fragment<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Option<u8> {
    let Some(header) = bytes.take::<8>() else {
        packet.note(Weird::IpExtensionCut);
        bytes.skip(bytes.wire_len);
        return None;
    };
    let offset = u16_at(header, 2);
    packet.ip_options_len += 8;
    packet.proto = header[0];
    packet.fragment_offset = offset & 0xfff8;
    packet.more_fragments = offset & 1 != 0;
    packet.ipid = Some(u32_at(header, 4) as u16);
    if usize::from(packet.fragment_offset) + bytes.wire_len > MAX_PAYLOAD {
        packet.note(Weird::FragmentOverflow);
    }
    (packet.fragment_offset == 0).then_some(header[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authentication_counts_in_words() {
        let mut data = vec![6, 4, 0, 0];
        data.extend([0; 20]);
        data.push(0x99);
        let mut packet = Packet::default();
        let mut bytes = Bytes::new(&data, 0);
        assert_eq!(authentication(&mut bytes, &mut packet), Layer::Protocol(6));
        assert_eq!((packet.proto, bytes.data), (6, &[0x99u8][..]));
        let mut bytes = Bytes::new(&data, 0);
        assert_eq!(
            chain(AUTHENTICATION, &mut bytes, &mut packet),
            Layer::Protocol(6)
        );
        assert_eq!(bytes.data, [0x99]);
    }

    #[test]
    fn a_cut_fragment_header_is_odd() {
        let mut packet = Packet::default();
        assert_eq!(
            chain(FRAGMENT, &mut Bytes::new(&[6, 0], 80), &mut packet),
            Layer::Payload
        );
        assert_eq!(packet.weird, Weird::IpExtensionCut);
    }
}
