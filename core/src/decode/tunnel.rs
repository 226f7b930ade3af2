//! Tunnels: GRE (RFC 2784, RFC 2890), VXLAN (RFC 7348). IP in IP (RFC 2003, RFC 4213) has no
//! header of its own.

use super::bytes::u16_at;
use super::{Bytes, Layer, Packet, Weird, odd};

/// UDP destination port of VXLAN.
pub(super) const VXLAN_PORT: u16 = 4789;

/// GRE flag bits.
const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// EtherTypes that are followed into a tunnel.
const IPV4: u16 = 0x0800;
const ETHERNET: u16 = 0x6558;
const IPV6: u16 = 0x86dd;
const MPLS: u16 = 0x8847;
const PPP: u16 = 0x880b;

/// Takes a GRE header off: version 0, or version 1 as PPTP has it (RFC 2637). Source routes,
/// which RFC 2784 gave up, are not followed.
pub(super) fn gre<'a>(bytes: &mut Bytes<'a>, packet: &mut Packet<'a>) -> Layer {
    let Some(header) = bytes.take::<4>() else {
        return odd(packet, Weird::TunnelHeaderCut);
    };
    let (flags, carried) = (u16_at(header, 0), u16_at(header, 2));
    let optional = match flags & VERSION {
        0 => CHECKSUM | KEY | SEQUENCE,
        1 => KEY | SEQUENCE | ACKNOWLEDGEMENT,
        _ => return Layer::Nothing,
    };
    if flags & ROUTING != 0 {
        return Layer::Nothing;
    }
    // Each optional field has four bytes.
    bytes.skip((flags & optional).count_ones() as usize * 4);
    match carried {
        // PPTP acknowledges in packets that carry nothing.
        PPP if bytes.wire_len == 0 => Layer::Nothing,
        IPV4 | IPV6 | ETHERNET | MPLS | PPP => Layer::Tunnel(carried),
        _ => Layer::Nothing,
    }
}

/// Takes a VXLAN header off: flags (bit 3: the network identifier is valid), identifier.
pub(super) fn vxlan(bytes: &mut Bytes<'_>) -> Layer {
    match bytes.take::<8>() {
        Some([flags, ..]) if flags & 0x08 != 0 => Layer::Tunnel(ETHERNET),
        _ => Layer::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Frame;
    use crate::decode::{MAX_TUNNELS, decode};

    /// An IPv4 packet of protocol `proto` from 10.0.0.`host`.
    fn ip(host: u8, proto: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(20 + payload.len()).unwrap();
        let header = [
            0x45, 0, 0, length, 0, host, 0, 0, 64, proto, 0, 0, 10, 0, 0, host, 10, 0, 9, 9,
        ];
        [&header, payload].concat()
    }

    fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
        let [high, low] = port.to_be_bytes();
        let length = u8::try_from(8 + payload.len()).unwrap();
        [&[0x30, 0x39, high, low, 0, length, 0, 0], payload].concat()
    }

    fn innermost(data: Vec<u8>) -> Packet<'static> {
        let data: &'static [u8] = data.leak();
        decode(&Frame {
            number: 1,
            time_ns: 0,
            link_type: 101,
            interface: 0,
            data,
            wire_len: u32::try_from(data.len()).unwrap(),
        })
    }

    #[test]
    fn ip_in_ip() {
        let packet = innermost(ip(1, 4, &ip(2, 17, &udp(53, &[7]))));
        assert_eq!(
            (packet.tunnel_depth, packet.ipid, packet.dport),
            (1, Some(2), 53)
        );
        assert_eq!(packet.payload, [7]);
    }

    #[test]
    fn gre_with_all_options() {
        let header = [0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        let packet = innermost(ip(1, 47, &[&header[..], &ip(2, 253, &[7])].concat()));
        assert_eq!(
            (packet.tunnel_depth, packet.ipid, packet.proto),
            (1, Some(2), 253)
        );
    }

    #[test]
    fn gre_of_pptp() {
        let header = [
            0x30, 0x81, 0x88, 0x0b, 0, 23, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0x21,
        ];
        let packet = innermost(ip(1, 47, &[&header[..], &ip(2, 253, &[7])].concat()));
        assert_eq!(
            (packet.tunnel_depth, packet.ipid, packet.weird),
            (1, Some(2), Weird::None)
        );
        let acknowledgement = [0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 2];
        let packet = innermost(ip(1, 47, &acknowledgement));
        assert_eq!(
            (packet.tunnel_depth, packet.proto, packet.weird),
            (0, 47, Weird::None)
        );
    }

    #[test]
    fn gre_with_source_routes_is_payload() {
        let packet = innermost(ip(1, 47, &[0x40, 0, 8, 0, 0, 0, 0, 0]));
        assert_eq!(
            (packet.tunnel_depth, packet.proto, packet.payload_len),
            (0, 47, 8)
        );
    }

    #[test]
    fn vxlan_gives_the_inner_link_addresses() {
        let mut frame = vec![
            8, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
        ];
        frame.extend(ip(2, 253, &[7]));
        let packet = innermost(ip(1, 17, &udp(VXLAN_PORT, &frame)));
        assert_eq!((packet.tunnel_depth, packet.ipid), (1, Some(2)));
        assert_eq!(packet.src_mac, Some([2, 0, 0, 0, 0, 2]));
        assert_eq!(
            (packet.sport, packet.transport),
            (0, crate::decode::Transport::None)
        );
    }

    #[test]
    fn a_tunnel_that_leads_to_no_ip_is_payload() {
        let mut arp = vec![
            8, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6,
        ];
        arp.extend([0; 28]);
        let packet = innermost(ip(1, 17, &udp(VXLAN_PORT, &arp)));
        assert_eq!(
            (packet.tunnel_depth, packet.ipid, packet.dport),
            (0, Some(1), VXLAN_PORT)
        );
        assert_eq!((packet.payload_len, packet.src_mac), (50, None));
        let packet = innermost(ip(1, 4, &[0x45, 0]));
        assert_eq!((packet.tunnel_depth, packet.ipid), (0, Some(1)));
        assert_eq!(packet.weird, Weird::IpHeaderCut);
    }

    #[test]
    fn nesting_is_bounded() {
        let mut data = ip(9, 253, &[]);
        for host in 0..=MAX_TUNNELS {
            data = ip(host, 4, &data);
        }
        let packet = innermost(data);
        assert_eq!(packet.tunnel_depth, MAX_TUNNELS);
        assert_eq!(
            (packet.ipid, packet.weird),
            (Some(0), Weird::TooManyTunnels)
        );
    }
}
