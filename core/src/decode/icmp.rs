//! ICMP (RFC 792) and ICMPv6 (RFC 4443).

use super::bytes::{u16_at, u32_at};
use super::{Bytes, Icmp, Layer, Packet, Transport, Weird, odd, quote};

/// ICMP of IPv4.
pub(super) fn v4<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    message(bytes, packet, |kind| match kind {
        0 | 8 | 15..=18 => Form::Query,
        13 | 14 => Form::Timestamp,
        3 | 4 | 5 | 11 | 12 => Form::Error,
        _ => Form::Other,
    })
}

/// ICMPv6.
pub(super) fn v6<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    message(bytes, packet, |kind| match kind {
        128 | 129 => Form::Query,
        1..=4 => Form::Error,
        _ => Form::Other,
    })
}

/// What the bytes behind the checksum are.
enum Form {
    /// Identifier and sequence number.
    Query,
    /// The same, then three times.
    Timestamp,
    /// Four bytes of the error's own, then the packet that caused it.
    Error,
    /// Something else.
    Other,
}

/// Takes the first eight bytes off and reads what the kind of message has.
fn message<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>, form_of: fn(u8) -> Form) -> Layer {
    let Some(&[kind, code, _, _]) = bytes.take::<4>() else {
        return odd(packet, Weird::IcmpHeaderCut);
    };
    let mut icmp = Icmp {
        kind,
        code,
        ..Icmp::default()
    };
    let rest = bytes.take::<4>();
    match (form_of(kind), rest) {
        (Form::Other, _) => {}
        (_, None) => packet.note(Weird::IcmpHeaderCut),
        (Form::Error, Some(_)) => {
            icmp.quoted = quote::read(*bytes);
            if icmp.quoted.is_none() {
                packet.note(Weird::IcmpQuoteCut);
            }
        }
        (Form::Query | Form::Timestamp, Some(rest)) => {
            icmp.id = u16_at(rest, 0);
            icmp.seq = u16_at(rest, 2);
        }
    }
    if let Form::Timestamp = form_of(kind) {
        icmp.stamps = bytes
            .data
            .first_chunk::<12>()
            .map(|stamps| [0, 4, 8].map(|at| u32_at(stamps, at)));
        if icmp.stamps.is_none() {
            packet.note(Weird::IcmpHeaderCut);
        }
    }
    packet.transport = Transport::Icmp(icmp);
    Layer::Payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(v6_message: bool, data: &[u8]) -> (Icmp, Packet<'static>, usize) {
        let mut packet = Packet::default();
        let mut bytes = Bytes::new(data.to_vec().leak(), 0);
        if v6_message {
            v6(&mut bytes, &mut packet);
        } else {
            v4(&mut bytes, &mut packet);
        }
        match packet.transport {
            Transport::Icmp(icmp) => (icmp, packet, bytes.wire_len),
            other => panic!("not ICMP: {other:?}"),
        }
    }

    #[test]
    fn echo_has_id_and_sequence() {
        for (v6_message, kind) in [(false, 8), (false, 0), (true, 128), (true, 129)] {
            let (icmp, _, payload_len) = read(v6_message, &[kind, 0, 1, 1, 0, 7, 0, 9, 5]);
            assert_eq!((icmp.kind, icmp.id, icmp.seq, payload_len), (kind, 7, 9, 1));
        }
    }

    #[test]
    fn timestamps_have_three_stamps() {
        let data = [
            14, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0x80, 0, 0, 5,
        ];
        let (icmp, packet, _) = read(false, &data);
        assert_eq!(icmp.stamps, Some([3, 4, 0x8000_0005]));
        assert_eq!((icmp.id, icmp.seq, packet.weird), (1, 2, Weird::None));
        let (icmp, packet, _) = read(false, &data[..16]);
        assert_eq!((icmp.stamps, packet.weird), (None, Weird::IcmpHeaderCut));
    }

    #[test]
    fn other_messages_have_neither() {
        let (icmp, packet, _) = read(true, &[135, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!((icmp.id, icmp.seq, packet.weird), (0, 0, Weird::None));
    }

    #[test]
    fn an_error_without_a_packet_is_odd() {
        let (icmp, packet, _) = read(false, &[3, 1, 0, 0, 0, 0, 0, 0, 0x45]);
        assert_eq!((icmp.quoted, packet.weird), (None, Weird::IcmpQuoteCut));
    }
}
