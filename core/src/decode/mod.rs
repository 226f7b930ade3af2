//! Frames -> packets: one protocol, one file.
//!
//! Each protocol is a function that takes its header off the front of the [`Bytes`], writes what
//! it learned into the [`Packet`] and says what comes next ([`Layer`]). [`decode`] walks these
//! steps, so no header can make it recurse, and a bound on the steps is a bound on the time.

mod bytes;
mod checksum;
mod ethernet;
mod extension;
mod icmp;
mod ipv4;
mod ipv6;
mod link;
mod llc;
mod loopback;
mod mpls;
mod packet;
mod plain;
mod ppp;
mod quote;
mod sll;
mod tcp;
mod tcp_option;
mod tunnel;
mod udp;
mod weird;
mod wlan;

#[cfg(test)]
mod hostile;

use crate::capture::Frame;
use bytes::Bytes;
pub use checksum::{Checksum, Checksums, verify};
pub use packet::{Address, Icmp, MAX_OPTIONS, Packet, Quoted, Tcp, TcpOptions, Transport, flags};
pub use plain::{Plain, plain};
pub use weird::Weird;

/// Most headers taken off one frame, of all layers together.
pub const MAX_HEADERS: usize = 32;

/// Most tunnels taken off one frame.
pub const MAX_TUNNELS: u8 = 4;

const ETHERTYPE_IP: u16 = 0x0800;

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    /// An Ethernet header.
    Ethernet,
    /// What an EtherType announces.
    EtherType(u16),
    /// An 802.2 logical link control header.
    Llc,
    /// A PPP protocol field.
    Ppp,
    /// An MPLS label stack.
    Mpls,
    /// An 802.11 header.
    Wlan,
    /// A radiotap header, then 802.11.
    Radiotap,
    /// An IP header; its first four bits say which.
    Ip,
    /// What an IP protocol number (or IPv6 next header) announces.
    Protocol(u8),
    /// A GRE header.
    Gre,
    /// A VXLAN header.
    Vxlan,
    /// A packet inside another, by its EtherType.
    Tunnel(u16),
    /// What the innermost header carries.
    Payload,
    /// Nothing that could be read.
    Nothing,
}

/// Decodes one frame as far as it was captured. Total: any bytes give a packet, odd ones
/// with [`Packet::weird`] set. Where tunnels are nested, the innermost IP packet counts.
#[must_use]
#[inline]
pub fn decode<'a>(frame: &Frame<'a>) -> Packet<'a> {
    let mut packet = Packet {
        number: frame.number,
        time_ns: frame.time_ns,
        wire_len: frame.wire_len,
        captured_len: u32::try_from(frame.data.len()).unwrap_or(u32::MAX),
        ..Packet::default()
    };
    let mut bytes = Bytes::new(frame.data, frame.wire_len);
    let first = link::first_layer(frame.link_type, &mut bytes, &mut packet);
    walk(first, bytes, &mut packet);
    packet
}

/// Decodes as [`decode`], and says whether a checksum is wrong.
#[must_use]
pub fn decode_verified<'a>(frame: &Frame<'a>) -> Packet<'a> {
    let mut packet = decode(frame);
    packet.is_damaged = verify(frame.data, &packet).is_bad();
    packet
}

/// Takes off header after header, from `layer` on.
#[inline]
fn walk<'a>(first: Layer, mut bytes: Bytes<'a>, packet: &mut Packet<'a>) {
    let mut layer = first;
    let mut outer: Option<Packet<'a>> = None;
    let mut n_headers = 0;
    loop {
        n_headers += 1;
        if n_headers > MAX_HEADERS {
            packet.note(Weird::TooManyHeaders);
            break;
        }
        layer = match layer {
            Layer::Ethernet => ethernet::header(&mut bytes, packet),
            Layer::EtherType(ethertype) => ethernet::by_type(ethertype, &mut bytes, packet),
            Layer::Ip => match bytes.data.first().map(|first| first >> 4) {
                Some(4) => ipv4::header(&mut bytes, packet),
                Some(6) => ipv6::header(&mut bytes, packet),
                Some(_) => odd(packet, Weird::IpBadVersion),
                None => odd(packet, Weird::IpHeaderCut),
            },
            Layer::Protocol(6) => tcp::header(&mut bytes, packet),
            Layer::Protocol(17) => udp::header(&mut bytes, packet),
            Layer::Protocol(1) => icmp::v4(&mut bytes, packet),
            Layer::Protocol(58) => icmp::v6(&mut bytes, packet),
            Layer::Protocol(4 | 41) => {
                packet.carry(&bytes);
                Layer::Tunnel(ETHERTYPE_IP)
            }
            Layer::Protocol(47) => Layer::Gre,
            Layer::Protocol(_) => Layer::Payload,
            Layer::Llc => llc::header(&mut bytes, packet),
            Layer::Ppp => ppp::protocol(&mut bytes, packet),
            Layer::Mpls => mpls::stack(&mut bytes, packet),
            Layer::Wlan => wlan::header(&mut bytes, packet),
            Layer::Radiotap => wlan::radiotap(&mut bytes, packet),
            Layer::Gre => {
                packet.carry(&bytes);
                tunnel::gre(&mut bytes, packet)
            }
            Layer::Vxlan => {
                packet.carry(&bytes);
                tunnel::vxlan(&mut bytes)
            }
            Layer::Tunnel(_) if packet.tunnel_depth == MAX_TUNNELS => {
                odd(packet, Weird::TooManyTunnels)
            }
            Layer::Tunnel(ethertype) => {
                outer = Some(*packet);
                *packet = packet.without_ip();
                packet.tunnel_depth += 1;
                Layer::EtherType(ethertype)
            }
            Layer::Payload => {
                packet.carry(&bytes);
                break;
            }
            Layer::Nothing => break,
        };
    }
    // A tunnel that led to no IP is the payload of the packet around it.
    if packet.ip_version == 0
        && let Some(outer) = outer
    {
        let weird = packet.weird;
        *packet = outer;
        packet.note(weird);
    }
}

/// Notes an odd thing that ends the decoding.
#[cold]
fn odd(packet: &mut Packet<'_>, weird: Weird) -> Layer {
    packet.note(weird);
    Layer::Nothing
}
