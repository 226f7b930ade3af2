//! PPP (RFC 1661), in HDLC-like framing (RFC 1662), over Ethernet (RFC 2516), and Cisco HDLC.

use super::bytes::u16_at;
use super::{Bytes, Layer, Packet, Weird, odd};

/// LINKTYPE_PPP and LINKTYPE_PPP_HDLC: address and control bytes may be compressed away.
/// LINKTYPE_PPP_HDLC also holds Cisco HDLC, told by its address byte.
pub(super) fn link<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    match bytes.data {
        [0xff, 0x03, ..] => {
            bytes.skip(2);
            Layer::Ppp
        }
        [0x0f | 0x8f, 0, ..] => cisco_hdlc(bytes, packet),
        _ => Layer::Ppp,
    }
}

/// Cisco HDLC: address, control, EtherType.
pub(super) fn cisco_hdlc<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    match bytes.take::<4>() {
        Some(header) => Layer::EtherType(u16_at(header, 2)),
        None => odd(packet, Weird::LinkHeaderCut),
    }
}

/// PPPoE session header: version and type, code, session id, length.
pub(super) fn pppoe<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(header) = bytes.take::<6>() else {
        return odd(packet, Weird::LinkHeaderCut);
    };
    let length = usize::from(u16_at(header, 4));
    if length > bytes.wire_len {
        packet.note(Weird::PppoeBadLength);
    } else {
        bytes.end_after(length);
    }
    Layer::Ppp
}

/// The protocol field: two bytes, or one odd byte where compressed.
pub(super) fn protocol<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let protocol = match *bytes.data {
        [low, ..] if low & 1 == 1 => {
            bytes.skip(1);
            u16::from(low)
        }
        [high, low, ..] => {
            bytes.skip(2);
            u16::from_be_bytes([high, low])
        }
        _ => return odd(packet, Weird::LinkHeaderCut),
    };
    match protocol {
        0x0021 | 0x0057 => Layer::Ip,
        0x0281 | 0x0283 => Layer::Mpls,
        _ => Layer::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_and_full_protocol_fields() {
        for (data, layer) in [
            (&[0x00u8, 0x21][..], Layer::Ip),
            (&[0x21], Layer::Ip),
            (&[0x57], Layer::Ip),
            (&[0x02, 0x81], Layer::Mpls),
            (&[0xc0, 0x21], Layer::Nothing),
        ] {
            let mut bytes = Bytes::new(data, 2);
            assert_eq!(
                protocol(&mut bytes, &mut Packet::default()),
                layer,
                "{data:?}"
            );
        }
    }

    #[test]
    fn a_session_ends_where_its_length_says() {
        let mut bytes = Bytes::new(&[0x11, 0, 0, 1, 0, 3, 0, 0x21, 0x45, 0, 0], 11);
        assert_eq!(pppoe(&mut bytes, &mut Packet::default()), Layer::Ppp);
        assert_eq!(bytes.data, [0, 0x21, 0x45]);
    }

    #[test]
    fn a_session_longer_than_its_frame_is_odd_but_read() {
        let mut packet = Packet::default();
        let mut bytes = Bytes::new(&[0x11, 0, 0, 1, 0, 99, 0, 0x21], 8);
        assert_eq!(pppoe(&mut bytes, &mut packet), Layer::Ppp);
        assert_eq!((packet.weird, bytes.wire_len), (Weird::PppoeBadLength, 2));
    }
}
