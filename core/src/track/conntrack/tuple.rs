//! Which entry a packet belongs to.
//!
//! TCP, UDP and the rest share the flow table's key. ICMP does not: there, an entry is one
//! end's requests under one identifier and code, and what answers them.

use super::super::key::{Directed, Key, Ports, proto};
use crate::decode::{Address, Icmp, Packet, Quoted, Transport};

/// GRE, generic routing encapsulation (RFC 2784).
pub(super) const GRE: u8 = 47;
/// UDP-Lite (RFC 3828).
pub(super) const UDP_LITE: u8 = 136;

/// PPP, as GRE numbers it.
const PPP: [u8; 2] = [0x88, 0x0b];

/// ICMP types that ask, and the answers to them, by protocol.
const REQUESTS: [(u8, u8, u8); 6] = [
    (proto::ICMP, 8, 0),
    (proto::ICMP, 13, 14),
    (proto::ICMP, 15, 16),
    (proto::ICMP, 17, 18),
    (proto::ICMPV6, 128, 129),
    (proto::ICMPV6, 139, 140),
];

/// The entry of a packet that has a flow; None where no entry could hold it (an ICMP message
/// that neither asks nor answers).
#[inline]
pub(super) fn tuple(packet: &Packet<'_>, flow: Directed) -> Option<Directed> {
    match packet.transport {
        Transport::Tcp(_) | Transport::Udp => Some(flow),
        Transport::Icmp(ref icmp) => icmp_tuple(packet.proto, packet.src, packet.dst, icmp),
        Transport::None => {
            let (sport, dport) = match (packet.proto, packet.payload.first_chunk::<4>()) {
                (proto::SCTP | UDP_LITE, Some(&[a, b, c, d])) => {
                    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
                }
                (GRE, _) => (0, call_id(packet).unwrap_or(0)),
                _ => (0, 0),
            };
            let ends = (packet.src, packet.dst);
            Some(between(packet.proto, ends, (sport, dport)))
        }
    }
}

/// GRE's version: 1 is the enhanced one of PPTP.
pub(super) fn gre_version(packet: &Packet<'_>) -> Option<u8> {
    packet.payload.get(1).map(|low| low & 7)
}

/// The call that a packet of PPTP's GRE belongs to (RFC 2637 section 4.1): its receiver's
/// number, so each direction has its own.
pub(super) fn call_id(packet: &Packet<'_>) -> Option<u16> {
    let &[_, _, protocol_high, protocol_low, _, _, a, b] = packet.payload.first_chunk::<8>()?;
    let is_ppp = [protocol_high, protocol_low] == PPP && gre_version(packet) == Some(1);
    is_ppp.then(|| u16::from_be_bytes([a, b]))
}

/// The entry of the packet that an ICMP error quotes.
pub(super) fn quoted_tuple(quoted: &Quoted) -> Option<Directed> {
    match quoted.icmp {
        Some((kind, code, id)) => {
            let icmp = Icmp {
                kind,
                code,
                id,
                ..Icmp::default()
            };
            icmp_tuple(quoted.proto, quoted.src, quoted.dst, &icmp)
        }
        None => {
            let ports = (quoted.sport, quoted.dport);
            let needs_more = match quoted.proto {
                proto::TCP | proto::UDP | proto::SCTP => ports == (0, 0),
                of => matches!(of, proto::ICMP | proto::ICMPV6),
            };
            // Cut, or a later fragment.
            (!needs_more).then(|| between(quoted.proto, (quoted.src, quoted.dst), ports))
        }
    }
}

/// Type, code and identifier of the requests that an ICMP entry's key stands for.
pub(super) fn request_of(key: &Key) -> (u8, u8, u16) {
    let [code, number] = key.high_port.to_be_bytes();
    let request = REQUESTS.get(usize::from(number >> 1));
    (request.map_or(0, |request| request.1), code, key.low_port)
}

/// Whether an ICMP message asks for an answer.
pub(super) fn is_request(of: u8, kind: u8) -> bool {
    REQUESTS
        .iter()
        .any(|&(proto, asks, _)| (proto, asks) == (of, kind))
}

fn icmp_tuple(of: u8, src: Address, dst: Address, icmp: &Icmp) -> Option<Directed> {
    let (number, asks) = (0u16..).zip(REQUESTS).find_map(|(number, request)| {
        let (proto, question, answer) = request;
        let fits = proto == of && (icmp.kind == question || icmp.kind == answer);
        fits.then_some((number, icmp.kind == question))
    })?;
    let from_high = src > dst;
    let (low, high) = if from_high { (dst, src) } else { (src, dst) };
    let asker_is_high = asks == from_high;
    let key = Key {
        low,
        high,
        low_port: icmp.id,
        high_port: u16::from(icmp.code) << 8 | number << 1 | u16::from(asker_is_high),
        proto: of,
        ports: Ports::Echo,
    };
    Some(Directed { key, from_high })
}

fn between(of: u8, ends: (Address, Address), ports: (u16, u16)) -> Directed {
    Directed::between(of, ends, Ports::Endpoints, ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(src: u8, dst: u8, kind: u8, code: u8) -> Option<Directed> {
        let icmp = Icmp {
            kind,
            code,
            id: 7,
            ..Icmp::default()
        };
        icmp_tuple(proto::ICMP, [src; 16], [dst; 16], &icmp)
    }

    #[test]
    fn an_answer_belongs_to_its_question_and_to_no_other() {
        let asked = echo(1, 2, 8, 0).unwrap();
        let answered = echo(2, 1, 0, 0).unwrap();
        assert_eq!(asked.key, answered.key);
        assert_ne!(asked.from_high, answered.from_high);
        // The other end asks on its own, under the same number.
        assert_ne!(asked.key, echo(2, 1, 8, 0).unwrap().key);
        assert_ne!(asked.key, echo(1, 2, 8, 1).unwrap().key);
        assert_ne!(asked.key, echo(1, 2, 13, 0).unwrap().key);
        assert_eq!(echo(1, 2, 5, 0), None);
        assert_eq!(request_of(&asked.key), (8, 0, 7));
        assert!(is_request(proto::ICMP, 8) && !is_request(proto::ICMP, 0));
    }

    #[test]
    fn the_key_is_the_flow_tables() {
        let packet = Packet {
            ip_version: 4,
            src: [9; 16],
            dst: [3; 16],
            sport: 1,
            dport: 2,
            proto: proto::UDP,
            transport: Transport::Udp,
            ..Packet::default()
        };
        let flow = Directed::of(&packet).unwrap();
        let quoted = Quoted {
            src: packet.src,
            dst: packet.dst,
            proto: proto::UDP,
            sport: 1,
            dport: 2,
            ..Quoted::default()
        };
        assert_eq!(quoted_tuple(&quoted), Some(flow));
    }
}
