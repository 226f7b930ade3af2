//! Linux "cooked" captures: LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2.

use super::bytes::u16_at;
use super::{Bytes, Layer, Packet, Weird, odd};

/// ARPHRD_ of devices whose protocol field is no EtherType, or means something else.
const ARPHRD_FRAD: u16 = 770;
const ARPHRD_IPGRE: u16 = 778;
const ARPHRD_NETLINK: u16 = 824;

/// Version 1: packet type, ARPHRD type, address length, address (8 bytes), protocol.
pub(super) fn header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(header) = bytes.take::<16>() else {
        return odd(packet, Weird::LinkHeaderCut);
    };
    if u16_at(header, 4) == 6 {
        let [.., a, b, c, d, e, f, _, _, _, _] = *header;
        packet.src_mac = Some([a, b, c, d, e, f]);
    }
    by_protocol(u16_at(header, 2), u16_at(header, 14))
}

/// Version 2: protocol, reserved, interface index, ARPHRD type, packet type, address length,
/// address (8 bytes).
pub(super) fn header_v2<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(header) = bytes.take::<20>() else {
        return odd(packet, Weird::LinkHeaderCut);
    };
    if header[11] == 6 {
        let [.., a, b, c, d, e, f, _, _] = *header;
        packet.src_mac = Some([a, b, c, d, e, f]);
    }
    by_protocol(u16_at(header, 8), u16_at(header, 0))
}

/// Protocol numbers below 0x600 are Linux's own: 1 is raw 802.3, 4 is 802.2.
fn by_protocol(arphrd: u16, protocol: u16) -> Layer {
    match (arphrd, protocol) {
        (ARPHRD_FRAD | ARPHRD_NETLINK, _) => Layer::Nothing,
        // A GRE device: the number is what GRE carried.
        (ARPHRD_IPGRE, protocol) => Layer::EtherType(protocol),
        (_, 0x0004) => Layer::Llc,
        (_, ..0x0600) => Layer::Nothing,
        (_, protocol) => Layer::EtherType(protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1() {
        let mut packet = Packet::default();
        let data = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0x86, 0xdd];
        let layer = header(&mut Bytes::new(&data, 16), &mut packet);
        assert_eq!(layer, Layer::EtherType(0x86dd));
        assert_eq!(packet.src_mac, Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(packet.dst_mac, None);
    }

    #[test]
    fn version_2() {
        let mut packet = Packet::default();
        let data = [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 2, 0, 0, 0, 0, 9, 0, 0];
        let layer = header_v2(&mut Bytes::new(&data, 20), &mut packet);
        assert_eq!(layer, Layer::EtherType(0x0800));
        assert_eq!(packet.src_mac, Some([2, 0, 0, 0, 0, 9]));
    }

    #[test]
    fn an_address_of_another_length_is_no_mac() {
        let mut packet = Packet::default();
        let data = [0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0];
        header(&mut Bytes::new(&data, 16), &mut packet);
        assert_eq!(packet.src_mac, None);
    }
}
