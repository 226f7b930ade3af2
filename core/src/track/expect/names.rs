//! Questions asked of everybody: SNMP requests (RFC 3416) and NetBIOS names (RFC 1002, 4.2).
//!
//! One question to a broadcast address is answered by many hosts, each from its own
//! address: answers come from the port asked to the port that asked. An observer does not
//! know the netmask, so a broadcast is here 255.255.255.255, an IPv4 address ending in 255,
//! or a multicast address. Linux knows the mask but reads neither protocol: it expects
//! answers to any datagram that its own host broadcasts to these ports.

use super::text::is_ipv4;
use super::{Ends, Expectation, Kind, Side};
use crate::decode::Address;
use crate::track::key::proto::UDP;

/// BER: GetRequest, GetNextRequest, GetBulkRequest (RFC 3416, 3).
const SNMP_REQUESTS: [u8; 3] = [0xa0, 0xa1, 0xa5];
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
/// SNMPv3 in its version field (RFC 3412, 6): behind it the request may be encrypted.
const VERSION_3: [u8; 1] = [3];

/// What an SNMP message announces.
pub(super) fn snmp(side: Side, ends: &Ends, payload: &[u8]) -> Option<Expectation> {
    let (body, _) = element(payload, SEQUENCE)?;
    let (version, rest) = element(body, INTEGER)?;
    if version != VERSION_3 {
        let (_community, rest) = element(rest, OCTETS)?;
        SNMP_REQUESTS.contains(rest.first()?).then_some(())?;
    }
    answers(side, ends, Kind::SnmpReply)
}

/// What a NetBIOS name packet announces.
pub(super) fn netbios(side: Side, ends: &Ends, payload: &[u8]) -> Option<Expectation> {
    let header = payload.first_chunk::<12>()?;
    let is_question = header[2] & 0x80 == 0;
    if is_question {
        answers(side, ends, Kind::NetbiosReply)
    } else {
        None
    }
}

fn answers(side: Side, ends: &Ends, kind: Kind) -> Option<Expectation> {
    (side == Side::Orig && is_to_many(&ends.dst)).then_some(Expectation {
        proto: UDP,
        src: None,
        sport: Some(ends.dport),
        dst: ends.src,
        dport: ends.sport,
        kind,
        third_party: false,
    })
}

fn is_to_many(address: &Address) -> bool {
    if is_ipv4(address) {
        address[15] == 255 || (224..240).contains(&address[12])
    } else {
        address[0] == 0xff
    }
}

/// The value of a BER element and what follows it; a value cut short is as long as it is.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<2>()?;
    let (n, rest) = match first[1] {
        short @ 0..=127 => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let (long, rest) = rest.split_first_chunk::<2>()?;
            (u16::from_be_bytes(*long).into(), rest)
        }
        _ => return None,
    };
    (first[0] == tag).then_some(rest.split_at(n.min(rest.len())))
}

#[cfg(test)]
mod tests {
    use super::super::text::{ends, mapped};
    use super::*;

    /// GetRequest of sysDescr.0, community "public", version 1.
    const GET: &[u8] = b"\x30\x26\x02\x01\x00\x04\x06public\xa0\x19\x02\x01\x01\x02\x01\x00\
        \x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00";

    fn asked(dst: [u8; 4], dport: u16) -> Ends {
        ends(UDP, [10, 0, 0, 1], 4000, dst, dport)
    }

    #[test]
    fn a_broadcast_is_answered_by_anybody() {
        let found = snmp(Side::Orig, &asked([10, 0, 0, 255], 161), GET).unwrap();
        assert_eq!((found.src, found.sport), (None, Some(161)));
        assert_eq!((found.dst, found.dport), (mapped([10, 0, 0, 1]), 4000));
        assert_eq!(snmp(Side::Orig, &asked([10, 0, 0, 9], 161), GET), None);
        assert_eq!(snmp(Side::Resp, &asked([10, 0, 0, 255], 161), GET), None);
    }

    #[test]
    fn only_requests_are_answered() {
        let mut trap = GET.to_vec();
        trap[13] = 0xa7;
        assert_eq!(snmp(Side::Orig, &asked([255; 4], 161), &trap), None);
        assert_eq!(
            snmp(Side::Orig, &asked([255; 4], 161), b"\x30\x02\x02"),
            None
        );
        let version_3 = b"\x30\x20\x02\x01\x03\x30\x0e";
        assert!(snmp(Side::Orig, &asked([255; 4], 161), version_3).is_some());
    }

    #[test]
    fn netbios_questions() {
        // RFC 1002, 4.2.12: name query request, recursion desired, broadcast.
        let mut query =
            b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\0 FHEPFCELEHFCEPFFFACACACACACACACA\0".to_vec();
        query.extend(b"\0\x20\0\x01");
        let found = netbios(Side::Orig, &asked([192, 168, 7, 255], 137), &query).unwrap();
        assert_eq!((found.kind, found.sport), (Kind::NetbiosReply, Some(137)));
        query[2] |= 0x80;
        assert_eq!(
            netbios(Side::Orig, &asked([192, 168, 7, 255], 137), &query),
            None
        );
    }
}
