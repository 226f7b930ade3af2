//! What makes two packets one flow.

use crate::decode::{Address, Packet, Transport};

/// IP protocol numbers that the tracker treats apart (IANA).
pub mod proto {
    #![allow(missing_docs)]
    pub const ICMP: u8 = 1;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ICMPV6: u8 = 58;
    pub const SCTP: u8 = 132;
}

/// What the two port fields of a [`Key`] mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ports {
    /// A port of each endpoint (0 where the protocol has none).
    #[default]
    Endpoints,
    /// ICMP echo: the identifier, and 0.
    Echo,
    /// ICMP timestamp: the identifier, and 0.
    Timestamp,
    /// Other ICMP: type and code.
    TypeCode,
}

/// A flow's identity: the same for both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key {
    /// The endpoint that sorts first by (address, port).
    pub low: Address,
    /// The other endpoint.
    pub high: Address,
    /// Port of `low`; ICMP: the identifier or the type.
    pub low_port: u16,
    /// Port of `high`; ICMP: 0 or the code.
    pub high_port: u16,
    /// IP protocol number.
    pub proto: u8,
    /// How to read the ports.
    pub ports: Ports,
}

impl Key {
    /// Whether the two are the same: compared as words, for this is asked of every packet.
    #[inline]
    pub fn is(&self, other: &Self) -> bool {
        let words = |key: &Self| {
            let ends = (u128::from_ne_bytes(key.low), u128::from_ne_bytes(key.high));
            (ends, key.numbers())
        };
        words(self) == words(other)
    }

    /// Ports, protocol and what the ports mean.
    #[inline]
    fn numbers(&self) -> u64 {
        u64::from(self.low_port)
            | u64::from(self.high_port) << 16
            | u64::from(self.proto) << 32
            | (self.ports as u64) << 40
    }
}

/// A key and which of its endpoints sent the packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directed {
    /// The flow.
    pub key: Key,
    /// The packet came from `key.high`.
    pub from_high: bool,
}

impl Directed {
    /// The flow of a packet; None without IP or where a transport header that
    /// would name the flow is missing (cut, malformed, a later fragment).
    #[inline]
    pub fn of(packet: &Packet<'_>) -> Option<Self> {
        if packet.ip_version == 0 || packet.fragment_offset != 0 {
            return None;
        }
        let (ports, first, second) = match packet.transport {
            Transport::Tcp(_) | Transport::Udp => (Ports::Endpoints, packet.sport, packet.dport),
            Transport::Icmp(icmp) => match (packet.proto, icmp.kind) {
                (proto::ICMP, 0 | 8) | (proto::ICMPV6, 128 | 129) => (Ports::Echo, icmp.id, 0),
                (proto::ICMP, 13 | 14) => (Ports::Timestamp, icmp.id, 0),
                _ => (Ports::TypeCode, icmp.kind.into(), icmp.code.into()),
            },
            Transport::None => match packet.proto {
                proto::TCP | proto::UDP | proto::ICMP | proto::ICMPV6 => return None,
                _ => (Ports::Endpoints, packet.sport, packet.dport),
            },
        };
        let ends = (packet.src, packet.dst);
        Some(Self::between(packet.proto, ends, ports, (first, second)))
    }

    /// The flow of a packet between two addresses, from the first of them. The numbers are the
    /// ports of each, or what [`Ports`] says: then they belong to the flow, not to an endpoint.
    #[inline]
    pub(super) fn between(
        of: u8,
        (src, dst): (Address, Address),
        ports: Ports,
        (first, second): (u16, u16),
    ) -> Self {
        let by_port = ports == Ports::Endpoints;
        let (from, to) = (u128::from_be_bytes(src), u128::from_be_bytes(dst));
        let from_high = from > to || (from == to && by_port && first > second);
        let (low, high) = if from_high { (dst, src) } else { (src, dst) };
        let (low_port, high_port) = if from_high && by_port {
            (second, first)
        } else {
            (first, second)
        };
        let key = Key {
            low,
            high,
            low_port,
            high_port,
            proto: of,
            ports,
        };
        Self { key, from_high }
    }
}

/// Whether an ICMP message answers another, so that its sender is the responder.
pub fn is_icmp_reply(proto: u8, kind: u8) -> bool {
    matches!((proto, kind), (proto::ICMP, 0 | 14) | (proto::ICMPV6, 129))
}

/// Hashes keys under a secret.
///
/// The secret is random per tracker, so that nobody who writes packets can aim
/// at one chain of the table. It decides only where an entry lies, never what
/// comes out: two runs with different secrets give the same flows.
#[derive(Clone, Copy, Debug)]
pub struct KeyHasher {
    secret: [u64; 6],
}

impl KeyHasher {
    /// A hasher with a fresh secret.
    pub fn random() -> Self {
        use std::hash::BuildHasher;
        let source = std::collections::hash_map::RandomState::new();
        Self {
            secret: std::array::from_fn(|i| source.hash_one(i) | 1),
        }
    }

    /// Hash of a key: three folded 64 x 64 -> 128 bit multiplications.
    #[inline]
    pub fn hash(&self, key: &Key) -> u64 {
        let s = &self.secret;
        let (low_a, low_b) = halves(&key.low);
        let (high_a, high_b) = halves(&key.high);
        let rest = key.numbers();
        let low = fold(low_a ^ s[0], low_b ^ s[1] ^ rest);
        let high = fold(high_a ^ s[2], high_b ^ s[3] ^ rest.rotate_left(24));
        fold(low ^ s[4], high ^ s[5])
    }
}

#[inline]
fn halves(address: &Address) -> (u64, u64) {
    let both = u128::from_le_bytes(*address);
    (both as u64, (both >> 64) as u64)
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Icmp;

    fn icmp(src: u8, dst: u8, kind: u8, id: u16) -> Packet<'static> {
        Packet {
            ip_version: 4,
            src: [src; 16],
            dst: [dst; 16],
            proto: proto::ICMP,
            transport: Transport::Icmp(Icmp {
                kind,
                id,
                ..Icmp::default()
            }),
            ..Packet::default()
        }
    }

    #[test]
    fn both_directions_share_a_key() {
        let there = Packet {
            ip_version: 4,
            src: [9; 16],
            dst: [3; 16],
            sport: 1,
            dport: 2,
            proto: proto::UDP,
            transport: Transport::Udp,
            ..Packet::default()
        };
        let back = Packet {
            src: [3; 16],
            dst: [9; 16],
            sport: 2,
            dport: 1,
            ..there
        };
        let (a, b) = (Directed::of(&there).unwrap(), Directed::of(&back).unwrap());
        assert_eq!(a.key, b.key);
        assert!(a.from_high && !b.from_high);
        let hasher = KeyHasher::random();
        assert_eq!(hasher.hash(&a.key), hasher.hash(&b.key));
    }

    #[test]
    fn echo_and_its_reply_share_a_key_but_not_with_timestamps_or_errors() {
        let request = Directed::of(&icmp(1, 2, 8, 3)).unwrap().key;
        assert_eq!(request, Directed::of(&icmp(2, 1, 0, 3)).unwrap().key);
        assert_ne!(request, Directed::of(&icmp(1, 2, 13, 3)).unwrap().key);
        assert_ne!(request, Directed::of(&icmp(1, 2, 3, 3)).unwrap().key);
        assert_ne!(request, Directed::of(&icmp(1, 2, 8, 4)).unwrap().key);
    }

    #[test]
    fn a_packet_without_its_transport_header_names_no_flow() {
        let cut = Packet {
            ip_version: 4,
            proto: proto::TCP,
            ..Packet::default()
        };
        assert_eq!(Directed::of(&cut), None);
        assert!(Directed::of(&Packet { proto: 50, ..cut }).is_some());
        assert_eq!(
            Directed::of(&Packet {
                proto: 50,
                fragment_offset: 8,
                ..cut
            }),
            None
        );
    }
}
