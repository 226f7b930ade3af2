//! MPLS label stacks, RFC 3032.

use super::{Bytes, Layer, Packet, Weird, odd};

/// Most labels of one stack.
const MAX_LABELS: usize = 16;

/// Takes the whole stack off. The labels do not say what they carry: a first half-byte of 4
/// or 6 is IP; 0 is a pseudowire's control word (RFC 4385), taken to carry Ethernet.
pub(super) fn stack<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    for _ in 0..MAX_LABELS {
        let Some([_, _, label_end, _ttl]) = bytes.take::<4>() else {
            return odd(packet, Weird::LinkHeaderCut);
        };
        if label_end & 1 == 1 {
            return match bytes.data.first().map(|first| first >> 4) {
                Some(4 | 6) => Layer::Ip,
                Some(0) => {
                    bytes.skip(4);
                    Layer::Ethernet
                }
                _ => Layer::Nothing,
            };
        }
    }
    odd(packet, Weird::MplsNoBottom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_ends_at_its_bottom() {
        let mut bytes = Bytes::new(&[0, 1, 0, 64, 0, 2, 1, 64, 0x45], 9);
        assert_eq!(stack(&mut bytes, &mut Packet::default()), Layer::Ip);
        assert_eq!(bytes.data, [0x45]);
    }

    #[test]
    fn a_stack_without_bottom_is_odd() {
        let mut packet = Packet::default();
        assert_eq!(
            stack(&mut Bytes::new(&[0; 400], 400), &mut packet),
            Layer::Nothing
        );
        assert_eq!(packet.weird, Weird::MplsNoBottom);
    }
}
