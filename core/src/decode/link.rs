//! Link types (the LINKTYPE_ numbers of the capture file formats) -> their first layer.

use super::{Bytes, Layer, Packet, Weird, loopback, odd, ppp, sll};

/// What a frame of `link_type` begins with; headers that only a link type has are taken off here.
#[inline]
pub(super) fn first_layer<'a>(
    link_type: u16,
    bytes: &mut Bytes<'a>,
    packet: &mut Packet<'a>,
) -> Layer {
    match link_type {
        ETHERNET => Layer::Ethernet,
        NULL | LOOP => loopback::header(bytes, packet),
        // 12 and 14 are DLT_RAW of some systems, written into files in place of 101.
        RAW | 12 | 14 | IPV4 | IPV6 => Layer::Ip,
        LINUX_SLL => sll::header(bytes, packet),
        LINUX_SLL2 => sll::header_v2(bytes, packet),
        PPP | PPP_HDLC => ppp::link(bytes, packet),
        C_HDLC => ppp::cisco_hdlc(bytes, packet),
        IEEE802_11 => Layer::Wlan,
        IEEE802_11_RADIOTAP => Layer::Radiotap,
        _ => odd(packet, Weird::UnknownLink),
    }
}

const NULL: u16 = 0;
const ETHERNET: u16 = 1;
const PPP: u16 = 9;
const PPP_HDLC: u16 = 50;
const RAW: u16 = 101;
const C_HDLC: u16 = 104;
const IEEE802_11: u16 = 105;
const LOOP: u16 = 108;
const LINUX_SLL: u16 = 113;
const IEEE802_11_RADIOTAP: u16 = 127;
const IPV4: u16 = 228;
const IPV6: u16 = 229;
const LINUX_SLL2: u16 = 276;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Frame;
    use crate::decode::decode;

    /// The smallest IPv4 packet with a payload of one byte, of a protocol nothing decodes.
    const IP: [u8; 21] = [
        0x45, 0, 0, 21, 0, 1, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0xaa,
    ];

    fn ip_version(link_type: u16, header: &[u8]) -> u8 {
        let data = [header, &IP].concat();
        let frame = Frame {
            number: 1,
            time_ns: 0,
            link_type,
            interface: 0,
            data: &data,
            wire_len: u32::try_from(data.len()).unwrap(),
        };
        decode(&frame).ip_version
    }

    #[test]
    fn every_link_type_reaches_ip() {
        for raw in [12, 14, RAW, IPV4, IPV6] {
            assert_eq!(ip_version(raw, &[]), 4, "link type {raw}");
        }
        assert_eq!(ip_version(NULL, &[2, 0, 0, 0]), 4);
        assert_eq!(ip_version(LOOP, &[0, 0, 0, 2]), 4);
        assert_eq!(ip_version(PPP, &[0xff, 3, 0, 0x21]), 4);
        assert_eq!(ip_version(PPP, &[0x21]), 4);
        assert_eq!(ip_version(C_HDLC, &[0x0f, 0, 8, 0]), 4);
    }

    #[test]
    fn an_unknown_link_type_is_said_to_be_unknown() {
        let frame = Frame {
            number: 7,
            time_ns: 0,
            link_type: 147,
            interface: 0,
            data: &IP,
            wire_len: 21,
        };
        let packet = decode(&frame);
        assert_eq!((packet.ip_version, packet.weird), (0, Weird::UnknownLink));
        assert_eq!(packet.captured_len, 21);
    }
}
