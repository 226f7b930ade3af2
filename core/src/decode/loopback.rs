//! BSD loopback (LINKTYPE_NULL, LINKTYPE_LOOP): an address family before the packet.

use super::{Bytes, Layer, Packet, Weird, odd};

/// Takes the family off. NULL has it in the byte order of the capturing machine, LOOP in
/// network order; families are small numbers, so the order shows in the bytes.
pub(super) fn header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(family) = bytes.take::<4>() else {
        return odd(packet, Weird::LinkHeaderCut);
    };
    let family = u32::from_be_bytes(*family);
    match family.min(family.swap_bytes()) {
        // AF_INET everywhere; AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS.
        2 | 10 | 24 | 28 | 30 => Layer::Ip,
        _ => odd(packet, Weird::LoopbackBadFamily),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_is_read_in_either_byte_order() {
        for family in [[0, 0, 0, 30], [30, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 24]] {
            let mut packet = Packet::default();
            assert_eq!(header(&mut Bytes::new(&family, 4), &mut packet), Layer::Ip);
        }
    }

    #[test]
    fn another_family_is_odd() {
        let mut packet = Packet::default();
        let layer = header(&mut Bytes::new(&[0, 0, 0, 7], 4), &mut packet);
        assert_eq!(
            (layer, packet.weird),
            (Layer::Nothing, Weird::LoopbackBadFamily)
        );
    }
}
