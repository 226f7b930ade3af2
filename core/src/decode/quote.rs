//! The packet that an ICMP error quotes: at least its IP header and eight bytes (RFC 792).

use super::bytes::{u16_at, u32_at};
use super::{Bytes, Layer, Packet, Quoted, ipv4, ipv6};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// Reads the quoted header, `None` where not even the IP header is whole. Lengths in it are
/// not judged: routers quote what they have.
pub(super) fn read(bytes: Bytes<'_>) -> Option<Quoted> {
    let mut bytes = bytes;
    let mut inner = Packet::default();
    let layer = match bytes.data.first()? >> 4 {
        4 => ipv4::header(&mut bytes, &mut inner),
        6 => ipv6::header(&mut bytes, &mut inner),
        _ => return None,
    };
    if inner.ip_version == 0 {
        return None;
    }
    let mut quoted = Quoted {
        src: inner.src,
        dst: inner.dst,
        proto: inner.proto,
        ipid: inner.ipid.unwrap_or(0),
        ttl: inner.ttl,
        ..Quoted::default()
    };
    if let (Layer::Protocol(TCP | UDP | SCTP), Some(ports)) = (layer, bytes.data.first_chunk::<4>())
    {
        quoted.sport = u16_at(ports, 0);
        quoted.dport = u16_at(ports, 2);
    }
    if let (Layer::Protocol(ICMP | ICMPV6), Some(header)) = (layer, bytes.data.first_chunk::<8>()) {
        quoted.icmp = Some((header[0], header[1], u16_at(header, 4)));
    }
    if let (Layer::Protocol(TCP), Some(header)) = (layer, bytes.data.first_chunk::<8>()) {
        quoted.seq = Some(u32_at(header, 4));
    }
    Some(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTE: [u8; 28] = [
        0x45, 0, 5, 0xdc, 0, 9, 0x40, 0, 1, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x40, 0, 80,
        1, 2, 3, 4,
    ];

    #[test]
    fn eight_bytes_give_ports_and_sequence_number() {
        let quoted = read(Bytes::new(&QUOTE, 28)).expect("a whole quote");
        assert_eq!((quoted.proto, quoted.sport, quoted.dport), (6, 40_000, 80));
        assert_eq!((quoted.ipid, quoted.ttl), (9, 1));
        assert_eq!(quoted.seq, Some(0x0102_0304));
        assert_eq!(quoted.dst[12..], [10, 0, 0, 2]);
    }

    #[test]
    fn a_quoted_echo_has_its_identifier() {
        let mut echo = QUOTE;
        echo[9] = 1;
        echo[20..].copy_from_slice(&[8, 0, 0, 0, 1, 2, 0, 9]);
        let quoted = read(Bytes::new(&echo, 28)).expect("a whole quote");
        assert_eq!((quoted.icmp, quoted.sport), (Some((8, 0, 0x0102)), 0));
    }

    #[test]
    fn shorter_quotes_give_less() {
        let quoted = read(Bytes::new(&QUOTE[..24], 24)).expect("addresses");
        assert_eq!((quoted.sport, quoted.seq), (40_000, None));
        assert_eq!(read(Bytes::new(&QUOTE[..19], 19)), None);
        assert_eq!(read(Bytes::new(&[], 0)), None);
    }
}
