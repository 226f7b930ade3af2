//! Internet checksums (RFC 1071) of decoded packets: are they right?
//!
//! Nothing here runs unless it is asked for: decoding itself takes no look at checksums. Only
//! what was captured whole can be verified, and no fragment.

use super::extension::{AUTHENTICATION, FRAGMENT, ROUTING};
use super::{Packet, Transport, Weird};

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// IPv4's source routes, loose and strict (RFC 791).
const SOURCE_ROUTES: [u8; 2] = [131, 137];

/// What a checksum was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Right.
    Good,
    /// Wrong.
    Bad,
    /// Only the pseudo header's sum: its sender's card does the rest (`CHECKSUM_PARTIAL` of
    /// Linux; NDIS has drivers do the same).
    Partial,
    /// Left at 0, to be filled in.
    Zero,
}

impl Checksum {
    /// Its name in the packets table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Partial => "partial",
            Self::Zero => "zero",
        }
    }
}

/// Of one packet; None: there is none, or it cannot be verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    /// Of the IPv4 header.
    pub ip: Option<Checksum>,
    /// Of TCP, UDP, ICMP or ICMPv6.
    pub transport: Option<Checksum>,
}

impl Checksums {
    /// One of them is wrong, and not left to a card.
    #[must_use]
    pub fn is_bad(self) -> bool {
        [self.ip, self.transport].contains(&Some(Checksum::Bad))
    }
}

/// Verifies the checksums of a packet that was decoded from `frame`: those of its innermost IP
/// packet. Any bytes are fine.
#[must_use]
pub fn verify(frame: &[u8], packet: &Packet<'_>) -> Checksums {
    let found = layout(frame, packet).map(|(header, body)| Checksums {
        ip: (packet.ip_version == 4).then(|| verify_header(header)),
        transport: verify_transport(packet, header, body),
    });
    found.unwrap_or_default()
}

/// The IP header, options and extensions included, and what of its payload was captured.
fn layout<'a>(frame: &'a [u8], packet: &Packet<'_>) -> Option<(&'a [u8], &'a [u8])> {
    let fixed = match packet.ip_version {
        4 => 20,
        6 => 40,
        _ => return None,
    };
    // The payload is a part of the frame, or an empty slice of somewhere else.
    let payload_at = (packet.payload.as_ptr() as usize).checked_sub(frame.as_ptr() as usize)?;
    let behind_ip = match packet.transport {
        // A datagram may be shorter than the packet.
        Transport::Udp => 8,
        Transport::Tcp(tcp) => usize::from(tcp.header_len),
        Transport::Icmp(_) | Transport::None => {
            let headers = packet.ip_len.checked_sub(packet.payload_len)? as usize;
            headers.checked_sub(fixed + usize::from(packet.ip_options_len))?
        }
    };
    let header_len = fixed + usize::from(packet.ip_options_len);
    let start = payload_at.checked_sub(header_len + behind_ip)?;
    let whole = frame.get(start..)?;
    let whole = whole.get(..packet.ip_len as usize).unwrap_or(whole);
    let (header, body) = whole.split_at_checked(header_len)?;
    let is_it = match packet.ip_version {
        // An authentication header moves everything: not followed.
        4 => header[0] >> 4 == 4 && header[9] == packet.proto && ihl(header) == header_len,
        _ => header[0] >> 4 == 6,
    };
    is_it.then_some((header, body))
}

fn ihl(header: &[u8]) -> usize {
    usize::from(header[0] & 0x0f) * 4
}

fn verify_header(header: &[u8]) -> Checksum {
    match fold(sum(header)) {
        0xffff => Checksum::Good,
        _ if header[10..12] == [0, 0] => Checksum::Zero,
        _ => Checksum::Bad,
    }
}

fn verify_transport(packet: &Packet<'_>, header: &[u8], body: &[u8]) -> Option<Checksum> {
    let is_fragment = packet.more_fragments || packet.fragment_offset > 0;
    // Where a length is odd, what the sum covers is not known.
    let is_odd = matches!(packet.weird, Weird::IpNoLength | Weird::UdpBadLength);
    if is_fragment || is_odd || packet.transport == Transport::None || routed(packet, header) {
        return None;
    }
    let length = (packet.ip_len as usize).checked_sub(header.len())?;
    let (at, length) = match packet.proto {
        TCP => (16, length),
        UDP => {
            let told = u16::from_be_bytes(*body.get(4..6)?.first_chunk()?);
            (6, if told == 0 { length } else { told.into() })
        }
        ICMP | ICMPV6 => (2, length),
        _ => return None,
    };
    let covered = body.get(..length)?;
    let stored = u16::from_be_bytes(*covered.get(at..at + 2)?.first_chunk()?);
    if packet.proto == UDP && stored == 0 {
        return None; // RFC 768: there is none
    }
    let pseudo = match packet.proto {
        ICMP => 0,
        proto => sum(addresses(packet, header)?) + u64::from(proto),
    };
    let with_length = pseudo + (length as u64 & 0xffff) + (length as u64 >> 16);
    let total = sum(covered) + if packet.proto == ICMP { 0 } else { with_length };
    // Cards that cut segments want the sum without the length.
    let partial = [fold(with_length), fold(pseudo)];
    Some(match fold(total) {
        0xffff => Checksum::Good,
        _ if stored == 0 => Checksum::Zero,
        _ if packet.proto != ICMP && partial.contains(&stored) => Checksum::Partial,
        _ => Checksum::Bad,
    })
}

/// Source and destination, as they lie in the header.
fn addresses<'a>(packet: &Packet<'_>, header: &'a [u8]) -> Option<&'a [u8]> {
    match packet.ip_version {
        4 => header.get(12..20),
        _ => header.get(8..40),
    }
}

/// On its way to another destination than the header's: the sum has the last one.
fn routed(packet: &Packet<'_>, header: &[u8]) -> bool {
    if packet.ip_version == 4 {
        return has_source_route(header.get(20..).unwrap_or_default());
    }
    let (mut next, mut rest) = (header[6], header.get(40..).unwrap_or_default());
    while let &[of_next, length, _, left, ..] = rest {
        if next == ROUTING && left > 0 {
            return true;
        }
        let length = match next {
            FRAGMENT => 8,
            AUTHENTICATION => (usize::from(length) + 2) * 4,
            _ => (usize::from(length) + 1) * 8,
        };
        next = of_next;
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

fn has_source_route(mut options: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        match (kind, rest.first()) {
            (0, _) => return false,
            (1, _) => options = rest,
            (kind, _) if SOURCE_ROUTES.contains(kind) => return true,
            (_, Some(&length)) if length >= 2 => {
                options = options.get(usize::from(length)..).unwrap_or_default();
            }
            _ => return false,
        }
    }
    false
}

/// Of 16-bit words, big-endian; an odd last byte is followed by a zero.
fn sum(bytes: &[u8]) -> u64 {
    let (pairs, last) = bytes.as_chunks::<2>();
    let words: u64 = pairs
        .iter()
        .map(|pair| u64::from(u16::from_be_bytes(*pair)))
        .sum();
    words + last.first().map_or(0, |byte| u64::from(*byte) << 8)
}

/// The ones' complement sum; 0xffff where a right checksum is part of what was summed.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Frame;
    use crate::decode::decode;

    const RAW: u16 = 101;

    fn verified(data: &[u8]) -> Checksums {
        let frame = Frame {
            number: 1,
            time_ns: 0,
            link_type: RAW,
            interface: 0,
            data,
            wire_len: data.len() as u32,
        };
        verify(data, &decode(&frame))
    }

    /// RFC 1071's way, word by word: not the code under test.
    fn by_hand(parts: &[&[u8]]) -> u16 {
        let bytes = parts.concat();
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    fn ipv4(proto: u8, body: &[u8]) -> Vec<u8> {
        let mut header = vec![
            0x45,
            0,
            0,
            20 + body.len() as u8,
            0,
            7,
            0x40,
            0,
            64,
            proto,
            0,
            0,
            192,
            0,
            2,
            1,
            198,
            51,
            100,
            7,
        ];
        let sum = by_hand(&[&header]);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        [&header, body].concat()
    }

    fn pseudo(proto: u8, length: u8) -> [u8; 12] {
        [192, 0, 2, 1, 198, 51, 100, 7, 0, proto, 0, length]
    }

    fn segment() -> Vec<u8> {
        let mut tcp = vec![
            0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 9, 0x50, 0x18, 4, 0, 0, 0, 0, 0,
        ];
        tcp.extend(b"odd");
        let sum = by_hand(&[&pseudo(6, 23), &tcp]);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        tcp
    }

    #[test]
    fn tcp_right_damaged_and_left_to_the_card() {
        let right = ipv4(6, &segment());
        let good = Some(Checksum::Good);
        let of = |transport| Checksums {
            ip: good,
            transport,
        };
        assert_eq!(verified(&right), of(good));
        let padded = [&right[..], &[0xaa; 6]].concat();
        assert_eq!(verified(&padded), of(good));
        let mut damaged = right.clone();
        damaged[41] ^= 0x10;
        assert_eq!(verified(&damaged), of(Some(Checksum::Bad)));
        let mut header = right.clone();
        header[8] = 63;
        assert_eq!(verified(&header).ip, Some(Checksum::Bad));
        header[10..12].fill(0);
        assert_eq!(verified(&header).ip, Some(Checksum::Zero));
        for length in [23, 0] {
            let mut partial = right.clone();
            let sum = !by_hand(&[&pseudo(6, length)]);
            partial[36..38].copy_from_slice(&sum.to_be_bytes());
            assert_eq!(verified(&partial), of(Some(Checksum::Partial)));
        }
        let mut zero = right.clone();
        zero[36..38].fill(0);
        assert_eq!(verified(&zero), of(Some(Checksum::Zero)));
        for cut in [right.len() - 1, 30] {
            assert_eq!(verified(&right[..cut]).transport, None, "{cut}");
        }
        assert_eq!(verified(&right[..right.len() - 1]).ip, good);
    }

    #[test]
    fn udp_may_have_none_and_be_shorter_than_its_packet() {
        let mut udp = vec![0, 53, 0x30, 0x39, 0, 10, 0, 0, 1, 2];
        assert_eq!(verified(&ipv4(17, &udp)).transport, None);
        let sum = by_hand(&[&pseudo(17, 10), &udp]);
        udp[6..8].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(verified(&ipv4(17, &udp)).transport, Some(Checksum::Good));
        udp.extend([9, 9, 9]);
        assert_eq!(verified(&ipv4(17, &udp)).transport, Some(Checksum::Good));
        udp[8] ^= 1;
        assert_eq!(verified(&ipv4(17, &udp)).transport, Some(Checksum::Bad));
    }

    #[test]
    fn icmp_has_no_pseudo_header_and_icmpv6_has() {
        let mut echo = vec![8, 0, 0, 0, 0, 1, 0, 2, 7];
        let sum = by_hand(&[&echo]);
        echo[2..4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(verified(&ipv4(1, &echo)).transport, Some(Checksum::Good));
        let mut asked = vec![128, 0, 0, 0, 0, 1, 0, 2];
        let mut header = vec![0x60, 0, 0, 0, 0, 16, 43, 64];
        header.extend([0x20; 16]);
        header.extend([0xfe; 16]);
        let sum = by_hand(&[&header[8..], &[0, 0, 0, 8, 0, 0, 0, 58], &asked]);
        asked[2..4].copy_from_slice(&sum.to_be_bytes());
        for (left, word) in [(0, Some(Checksum::Good)), (1, None)] {
            let routing = [58, 0, 4, left, 0, 0, 0, 0];
            let packet = [&header[..], &routing, &asked].concat();
            assert_eq!(verified(&packet).transport, word, "{left}");
        }
    }

    #[test]
    fn fragments_and_source_routes_are_left_alone() {
        let mut fragment = ipv4(6, &segment());
        fragment[6] = 0x20;
        assert_eq!(verified(&fragment).transport, None);
        assert!(has_source_route(&[1, 131, 3, 4]));
        assert!(!has_source_route(&[7, 3, 131, 0, 137]));
        assert!(!has_source_route(&[68, 1]));
    }

    #[test]
    fn any_cut_and_any_byte_is_taken() {
        let whole = ipv4(6, &segment());
        for at in 0..whole.len() {
            let _ = verified(&whole[..at]);
            for bits in [0xff, 0x0f, 0x40] {
                let mut other = whole.clone();
                other[at] ^= bits;
                let _ = verified(&other);
            }
        }
    }
}
