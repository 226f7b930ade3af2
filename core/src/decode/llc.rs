//! IEEE 802.2 logical link control, with and without a SNAP header.

use super::bytes::u16_at;
use super::{Bytes, Layer, Packet, Weird, odd};

const SAP_IP: u8 = 0x06;
const SAP_SNAP: u8 = 0xaa;
const UNNUMBERED_INFORMATION: u8 = 0x03;

/// Takes the header off. Only IP's own service access point and SNAP lead to IP.
pub(super) fn header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some([dsap, _ssap, control]) = bytes.take::<3>() else {
        return odd(packet, Weird::LinkHeaderCut);
    };
    match (*dsap, *control) {
        (SAP_IP, UNNUMBERED_INFORMATION) => Layer::Ip,
        (SAP_SNAP, UNNUMBERED_INFORMATION) => snap(bytes, packet),
        _ => Layer::Nothing,
    }
}

/// SNAP: an organisation, then a number of its own. Organisation 0 (RFC 1042) and 00-00-F8
/// (bridges, IEEE 802.1H) number by EtherType.
fn snap<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    match bytes.take::<5>() {
        Some(header @ [0, 0, 0 | 0xf8, ..]) => Layer::EtherType(u16_at(header, 3)),
        Some(_) => Layer::Nothing,
        None => odd(packet, Weird::LinkHeaderCut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(data: &[u8]) -> Layer {
        let data: &'static [u8] = data.to_vec().leak();
        header(&mut Bytes::new(data, 0), &mut Packet::default())
    }

    #[test]
    fn snap_of_organisation_zero_is_an_ethertype() {
        assert_eq!(
            layer(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
            Layer::EtherType(0x0800)
        );
        assert_eq!(layer(&[0xaa, 0xaa, 3, 0, 0, 0xc, 0x20, 0]), Layer::Nothing);
        assert_eq!(layer(&[0xaa, 0xaa, 3, 0, 0, 0, 8]), Layer::Nothing);
    }

    #[test]
    fn spanning_tree_is_passed_over() {
        assert_eq!(layer(&[0x42, 0x42, 3, 0, 0]), Layer::Nothing);
    }
}
