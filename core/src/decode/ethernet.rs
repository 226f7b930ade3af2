//! Ethernet (IEEE 802.3), EtherTypes, VLAN tags (802.1Q, 802.1ad).

use super::bytes::u16_at;
use super::{Bytes, Layer, Packet, Weird, odd, ppp};

/// EtherType values below this are the length of an 802.3 frame.
const LEAST_ETHERTYPE: u16 = 0x0600;

/// Takes a MAC header off.
#[inline]
pub(super) fn header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(header) = bytes.take::<14>() else {
        return odd(packet, Weird::LinkHeaderCut);
    };
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, ..] = *header;
    packet.dst_mac = Some([d0, d1, d2, d3, d4, d5]);
    packet.src_mac = Some([s0, s1, s2, s3, s4, s5]);
    by_type_or_length(u16_at(header, 12), bytes, packet)
}

/// Goes on by an EtherType, or by 802.2 where the field is a length.
#[inline]
fn by_type_or_length<'a>(ethertype: u16, bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    match ethertype {
        0x0800 | 0x86dd => Layer::Ip,
        ..LEAST_ETHERTYPE => Layer::Llc,
        _ => by_type(ethertype, bytes, packet),
    }
}

/// Goes on by an EtherType; a type that carries no IP ends the decoding.
pub(super) fn by_type<'a>(ethertype: u16, bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    match ethertype {
        0x0800 | 0x86dd => Layer::Ip,
        // 802.1Q, 802.1ad, and two numbers used for stacks before 802.1ad.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => vlan(bytes, packet),
        0x8847 | 0x8848 => Layer::Mpls,
        0x8864 => ppp::pppoe(bytes, packet),
        0x6558 => Layer::Ethernet,
        0x880b => ppp::link(bytes, packet),
        _ => Layer::Nothing,
    }
}

/// Takes one tag off: 3 bits priority, 1 bit drop eligible, 12 bits VLAN id.
fn vlan<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(tag) = bytes.take::<4>() else {
        return odd(packet, Weird::LinkHeaderCut);
    };
    packet.vlan.get_or_insert(u16_at(tag, 0) & 0x0fff);
    match u16_at(tag, 2) {
        ..LEAST_ETHERTYPE => Layer::Llc,
        ethertype => Layer::EtherType(ethertype),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

    fn after(ethertype_on: &[u8]) -> (Layer, Packet<'static>) {
        let data: &'static [u8] = [&MACS, ethertype_on].concat().leak();
        let mut packet = Packet::default();
        let layer = header(&mut Bytes::new(data, 0), &mut packet);
        (layer, packet)
    }

    #[test]
    fn addresses_are_destination_first() {
        let (layer, packet) = after(&[0x08, 0]);
        assert_eq!(layer, Layer::Ip);
        assert_eq!(packet.dst_mac, Some([2, 0, 0, 0, 0, 1]));
        assert_eq!(packet.src_mac, Some([2, 0, 0, 0, 0, 2]));
    }

    #[test]
    fn the_outermost_vlan_is_kept() {
        let (layer, mut packet) = after(&[0x88, 0xa8, 0xe0, 100]);
        assert_eq!(
            (layer, packet.weird),
            (Layer::Nothing, Weird::LinkHeaderCut)
        );
        packet = Packet::default();
        let mut stack = Bytes::new(&[0xe0, 100, 0x81, 0, 0, 5, 0x86, 0xdd], 8);
        assert_eq!(
            by_type(0x88a8, &mut stack, &mut packet),
            Layer::EtherType(0x8100)
        );
        assert_eq!(
            by_type(0x8100, &mut stack, &mut packet),
            Layer::EtherType(0x86dd)
        );
        assert_eq!(packet.vlan, Some(100));
    }

    #[test]
    fn a_length_means_802_2() {
        assert_eq!(after(&[0x05, 0xdc]).0, Layer::Llc);
        assert_eq!(after(&[0x08, 0x06]).0, Layer::Nothing);
    }

    #[test]
    fn a_cut_header_is_odd() {
        let mut packet = Packet::default();
        assert_eq!(
            header(&mut Bytes::new(&MACS, 60), &mut packet),
            Layer::Nothing
        );
        assert_eq!((packet.weird, packet.src_mac), (Weird::LinkHeaderCut, None));
    }
}
