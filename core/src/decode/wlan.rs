//! IEEE 802.11 data frames, with or without a radiotap header.

use super::bytes::u16_at;
use super::{Bytes, Layer, Packet, Weird, odd};

/// Frame control bits, first byte.
const TYPE_MASK: u8 = 0x0c;
const TYPE_DATA: u8 = 0x08;
const SUBTYPE_QOS: u8 = 0x80;
const SUBTYPE_NO_DATA: u8 = 0x40;

/// Frame control bits, second byte.
const TO_DS: u8 = 0x01;
const FROM_DS: u8 = 0x02;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;

/// QoS control: the body is an aggregate of frames.
const QOS_AMSDU: u8 = 0x80;

/// Radiotap's flags field: the 802.11 header is padded to a multiple of four bytes.
const RADIOTAP_PADDED: u8 = 0x20;

/// Takes an 802.11 header off.
pub(super) fn header<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    data_frame(bytes, packet, false)
}

/// Takes a radiotap header and the 802.11 header off.
pub(super) fn radiotap<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(&[_version, _, low, high, ..]) = bytes.data.first_chunk::<8>() else {
        return odd(packet, Weird::LinkHeaderCut);
    };
    let length = usize::from(u16::from_le_bytes([low, high]));
    let Some(fields) = bytes.data.get(..length) else {
        return odd(packet, Weird::LinkHeaderCut);
    };
    let Some(flags) = radiotap_flags(fields) else {
        return odd(packet, Weird::RadiotapBadLength);
    };
    bytes.skip(length);
    data_frame(bytes, packet, flags & RADIOTAP_PADDED != 0)
}

/// Radiotap's flags field, 0 where it has none; `None` where the header is too short for what
/// it says is present. Only the field before it (an 8-byte time, aligned) matters.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    let word = |at: usize| {
        let bytes = header.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let present = word(4)?;
    let mut at = 4;
    // Bit 31 of each presence word says that another follows.
    while word(at)? >> 31 == 1 {
        at += 4;
    }
    at += 4;
    if present & 2 == 0 {
        return Some(0);
    }
    if present & 1 == 1 {
        at = at.next_multiple_of(8) + 8;
    }
    header.get(at).copied()
}

/// Takes the 802.11 header off a data frame; frames without data end the decoding.
fn data_frame<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>, padded: bool) -> Layer {
    let Some(header) = bytes.data.first_chunk::<24>() else {
        return match bytes.data.first() {
            // Control frames are shorter and carry no data.
            Some(control) if control & TYPE_MASK != TYPE_DATA => Layer::Nothing,
            _ => odd(packet, Weird::LinkHeaderCut),
        };
    };
    let [kind, control, ..] = *header;
    if kind & TYPE_MASK != TYPE_DATA || kind & SUBTYPE_NO_DATA != 0 {
        return Layer::Nothing;
    }
    let address = |at: usize| std::array::from_fn(|i| header[at + i]);
    let (to_ds, from_ds) = (control & TO_DS != 0, control & FROM_DS != 0);
    let mut length = 24;
    let mut source = address(if from_ds { 16 } else { 10 });
    if to_ds && from_ds {
        // Between bridges: the source is the fourth address.
        let Some(fourth) = bytes.data.get(24..).and_then(<[u8]>::first_chunk::<6>) else {
            return odd(packet, Weird::LinkHeaderCut);
        };
        source = *fourth;
        length += 6;
    }
    packet.src_mac = Some(source);
    packet.dst_mac = Some(address(if to_ds { 16 } else { 4 }));
    if control & PROTECTED != 0 {
        return odd(packet, Weird::WlanProtected);
    }
    if kind & SUBTYPE_QOS != 0 {
        if bytes
            .data
            .get(length)
            .is_some_and(|qos| qos & QOS_AMSDU != 0)
        {
            return odd(packet, Weird::WlanAggregate);
        }
        length += if control & ORDER != 0 { 6 } else { 2 };
    }
    if padded {
        length = length.next_multiple_of(4);
    }
    // A later fragment of a frame begins in the middle of a packet.
    if u16_at(header, 22).swap_bytes() & 0x000f != 0 {
        return Layer::Nothing;
    }
    bytes.skip(length);
    Layer::Llc
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESSES: [u8; 20] = [
        1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 0x10, 0,
    ];

    fn frame(kind: u8, control: u8, rest: &[u8]) -> &'static [u8] {
        [&[kind, control, 0, 0][..], &ADDRESSES, rest]
            .concat()
            .leak()
    }

    fn read(data: &'static [u8]) -> (Layer, Packet<'static>, Bytes<'static>) {
        let mut packet = Packet::default();
        let mut bytes = Bytes::new(data, 0);
        let layer = header(&mut bytes, &mut packet);
        (layer, packet, bytes)
    }

    #[test]
    fn addresses_by_direction() {
        for (control, destination, source) in [(0, 1, 2), (TO_DS, 3, 2), (FROM_DS, 1, 3)] {
            let (layer, packet, _) = read(frame(TYPE_DATA, control, &[]));
            assert_eq!(layer, Layer::Llc);
            assert_eq!(packet.dst_mac, Some([destination; 6]));
            assert_eq!(packet.src_mac, Some([source; 6]));
        }
        let (_, packet, bytes) = read(frame(TYPE_DATA, TO_DS | FROM_DS, &[4, 4, 4, 4, 4, 4, 9]));
        assert_eq!(packet.src_mac, Some([4; 6]));
        assert_eq!(bytes.data, [9]);
    }

    #[test]
    fn quality_of_service_and_order_lengthen_the_header() {
        let (_, _, bytes) = read(frame(TYPE_DATA | SUBTYPE_QOS, 0, &[0, 0, 0xaa]));
        assert_eq!(bytes.data, [0xaa]);
        let (_, _, bytes) = read(frame(
            TYPE_DATA | SUBTYPE_QOS,
            ORDER,
            &[0, 0, 0, 0, 0, 0, 9],
        ));
        assert_eq!(bytes.data, [9]);
    }

    #[test]
    fn encrypted_and_aggregated_frames_are_odd() {
        assert_eq!(
            read(frame(TYPE_DATA, PROTECTED, &[])).1.weird,
            Weird::WlanProtected
        );
        let aggregate = frame(TYPE_DATA | SUBTYPE_QOS, 0, &[QOS_AMSDU, 0]);
        assert_eq!(read(aggregate).1.weird, Weird::WlanAggregate);
    }

    #[test]
    fn frames_without_data_are_not_odd() {
        assert_eq!(
            read(&[0xd4, 0, 0, 0, 1, 1, 1, 1, 1, 1]).1.weird,
            Weird::None
        );
        let (layer, packet, _) = read(frame(TYPE_DATA | SUBTYPE_NO_DATA, 0, &[]));
        assert_eq!((layer, packet.weird), (Layer::Nothing, Weird::None));
    }

    #[test]
    fn radiotap_pads_only_where_its_flags_say_so() {
        // Presence: time (aligned to 8) and flags; a QoS header of 26 bytes padded to 28.
        let mut data = vec![
            0,
            0,
            17,
            0,
            3,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            RADIOTAP_PADDED,
        ];
        data.extend(frame(TYPE_DATA | SUBTYPE_QOS, 0, &[0, 0, 0, 0, 0xaa]));
        let mut bytes = Bytes::new(&data, 0);
        assert_eq!(radiotap(&mut bytes, &mut Packet::default()), Layer::Llc);
        assert_eq!(bytes.data, [0xaa]);
    }

    #[test]
    fn a_radiotap_header_shorter_than_its_fields_is_odd() {
        let mut packet = Packet::default();
        let data = [0, 0, 8, 0, 0, 0, 0, 0x80, 0, 0, 0, 0];
        assert_eq!(
            radiotap(&mut Bytes::new(&data, 12), &mut packet),
            Layer::Nothing
        );
        assert_eq!(packet.weird, Weird::RadiotapBadLength);
    }
}
