//! Community ID flow hash, version 1, seed 0 (github.com/corelight/community-id-spec).

use super::key::proto;
use crate::decode::Address;
use sha1::{Digest, Sha1};

/// ICMP types that ask, and those that answer them.
const ICMP_PAIRS: [(u8, u8); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];
/// The same for ICMPv6.
const ICMPV6_PAIRS: [(u8, u8); 6] = [
    (128, 129),
    (130, 131),
    (133, 134),
    (135, 136),
    (139, 140),
    (144, 145),
];

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// Address; IPv4 mapped.
    pub address: Address,
    /// Port; ICMP: the type at the sender, the code at the receiver.
    pub port: u16,
}

/// The ID as text, `1:` and base64 of SHA-1. Both directions give the same.
pub fn community_id(ip_version: u8, proto: u8, sender: End, receiver: End) -> String {
    let (mut from, mut to) = (sender, receiver);
    let mut one_way = false;
    let pairs: &[(u8, u8)] = match proto {
        proto::ICMP => &ICMP_PAIRS,
        proto::ICMPV6 => &ICMPV6_PAIRS,
        _ => &[],
    };
    if matches!(proto, proto::ICMP | proto::ICMPV6) {
        match counterpart(pairs, from.port) {
            Some(answer) => to.port = answer,
            None => one_way = true,
        }
    }
    if !one_way && from > to {
        std::mem::swap(&mut from, &mut to);
    }
    let width = if ip_version == 4 { 12..16 } else { 0..16 };
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    hash.update(&from.address[width.clone()]);
    hash.update(&to.address[width]);
    hash.update([proto, 0]);
    if matches!(
        proto,
        proto::ICMP | proto::TCP | proto::UDP | proto::ICMPV6 | proto::SCTP
    ) {
        hash.update(from.port.to_be_bytes());
        hash.update(to.port.to_be_bytes());
    }
    let mut text = String::from("1:");
    push_base64(&mut text, &hash.finalize());
    text
}

fn counterpart(pairs: &[(u8, u8)], kind: u16) -> Option<u16> {
    pairs.iter().find_map(|&(ask, answer)| match kind {
        kind if kind == u16::from(ask) => Some(answer.into()),
        kind if kind == u16::from(answer) => Some(ask.into()),
        _ => None,
    })
}

/// Base64 with padding (RFC 4648, section 4).
fn push_base64(text: &mut String, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= chunk.len() { letter.into() } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn end(address: &str, port: u16) -> End {
        let address = match address.parse().unwrap() {
            IpAddr::V4(v4) => Ipv4Addr::to_ipv6_mapped(&v4).octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        End { address, port }
    }

    /// Values computed with the reference implementation in Python.
    #[test]
    fn agrees_with_the_reference() {
        let cases = [
            (
                4,
                6,
                ("128.232.110.120", 34855),
                ("66.35.250.204", 80),
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            ),
            (
                4,
                17,
                ("192.168.1.52", 54585),
                ("8.8.8.8", 53),
                "1:d/FP5EW3wiY1vCndhwleRRKHowQ=",
            ),
            (
                4,
                132,
                ("192.168.170.8", 7),
                ("192.168.170.56", 80),
                "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=",
            ),
            (
                4,
                1,
                ("192.168.0.89", 8),
                ("192.168.0.1", 0),
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            ),
            (
                4,
                1,
                ("192.168.0.1", 0),
                ("192.168.0.89", 0),
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            ),
            (
                4,
                1,
                ("192.168.0.89", 20),
                ("192.168.0.1", 0),
                "1:3o2RFccXzUgjl7zDpqmY7yJi8rI=",
            ),
            (
                4,
                1,
                ("192.168.0.89", 3),
                ("192.168.0.1", 1),
                "1:LXCfhMUFbYXe+CEMrQuZCbiLY3o=",
            ),
            (
                6,
                58,
                ("fe80::200:86ff:fe05:80da", 135),
                ("fe80::260:97ff:fe07:69ea", 0),
                "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
            ),
            (
                6,
                58,
                ("3ffe:507:0:1:260:97ff:fe07:69ea", 3),
                ("3ffe:507:0:1:200:86ff:fe05:80da", 0),
                "1:NdobDX8PQNJbAyfkWxhtL2Pqp5w=",
            ),
            (
                6,
                6,
                ("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943),
                ("2607:f8b0:400c:c03::1a", 25),
                "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            ),
            (
                4,
                46,
                ("10.1.24.4", 0),
                ("10.1.12.1", 0),
                "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=",
            ),
        ];
        for (version, proto, from, to, expected) in cases {
            let (from, to) = (end(from.0, from.1), end(to.0, to.1));
            assert_eq!(community_id(version, proto, from, to), expected);
            if !matches!(proto, 1 | 58) {
                assert_eq!(community_id(version, proto, to, from), expected);
            }
        }
    }
}
