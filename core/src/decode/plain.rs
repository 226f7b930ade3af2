//! Packets with nothing odd about them, which nearly all are: TCP and UDP over IP over Ethernet,
//! read at fixed places after one look at each length.
//!
//! A second way to the same result, for who wants few fields: [`decode`](super::decode) says the
//! same of every packet that is told here, a test and a fuzz target hold it to that.

use super::Address;
use super::bytes::{u16_at, u32_at};
use super::ipv4::mapped;
use super::tunnel::VXLAN_PORT;
use crate::capture::Frame;

const ETHERNET: u16 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What a flow table asks of a packet. Nothing about the packet is weird; it is whole, not a
/// fragment, in no tunnel and without IP options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// 4 or 6.
    pub ip_version: u8,
    /// TCP (6) or UDP (17).
    pub proto: u8,
    /// Source address.
    pub src: Address,
    /// Destination address.
    pub dst: Address,
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Identification, of IPv4.
    pub ipid: Option<u16>,
    /// IP header and payload, bytes.
    pub ip_len: u32,
    /// Transport payload, bytes.
    pub payload_len: u32,
    /// Sequence number; of UDP 0.
    pub seq: u32,
    /// The 12 bits behind the data offset; of UDP 0.
    pub tcp_flags: u16,
}

/// Reads a frame that is plain; None: it is not, or may not be.
#[must_use]
#[inline(always)]
pub fn plain(frame: &Frame<'_>) -> Option<Plain> {
    if frame.link_type != ETHERNET {
        return None;
    }
    let (link, packet) = frame.data.split_first_chunk::<14>()?;
    let on_wire = (frame.wire_len as usize).max(frame.data.len()) - 14;
    match u16_at(link, 12) {
        0x0800 => v4(packet, on_wire),
        0x86dd => v6(packet, on_wire),
        _ => None,
    }
}

#[inline(always)]
fn v4(packet: &[u8], on_wire: usize) -> Option<Plain> {
    let (header, rest) = packet.split_first_chunk::<20>()?;
    let total_len = usize::from(u16_at(header, 2));
    let is_fragment = u16_at(header, 6) & 0x3fff != 0;
    if header[0] != 0x45 || is_fragment || !(20..=on_wire).contains(&total_len) {
        return None;
    }
    let part = transport(header[9], rest, total_len - 20)?;
    Some(Plain {
        ip_version: 4,
        src: mapped(header, 12),
        dst: mapped(header, 16),
        ipid: Some(u16_at(header, 4)),
        ip_len: total_len as u32,
        ..part
    })
}

#[inline]
fn v6(packet: &[u8], on_wire: usize) -> Option<Plain> {
    let (header, rest) = packet.split_first_chunk::<40>()?;
    let payload_len = usize::from(u16_at(header, 4));
    if header[0] >> 4 != 6 || payload_len == 0 || payload_len + 40 > on_wire {
        return None;
    }
    let part = transport(header[6], rest, payload_len)?;
    let (_, addresses) = header.split_at(8);
    Some(Plain {
        ip_version: 6,
        src: *addresses.first_chunk()?,
        dst: *addresses.last_chunk()?,
        ip_len: payload_len as u32 + 40,
        ..part
    })
}

/// The fields above IP, of `len` bytes on the wire.
#[inline(always)]
fn transport(proto: u8, bytes: &[u8], len: usize) -> Option<Plain> {
    let ports = bytes.first_chunk::<8>()?;
    let mut part = Plain {
        ip_version: 0,
        proto,
        src: [0; 16],
        dst: [0; 16],
        sport: u16_at(ports, 0),
        dport: u16_at(ports, 2),
        ipid: None,
        ip_len: 0,
        payload_len: 0,
        seq: 0,
        tcp_flags: 0,
    };
    match proto {
        TCP => {
            let header = bytes.first_chunk::<20>()?;
            let header_len = usize::from(header[12] >> 4) * 4;
            let is_usual = match header_len {
                20 => true,
                // NOP, NOP, timestamps (RFC 7323 appendix A).
                32 => bytes.len() >= 32 && bytes[20..24] == [1, 1, 8, 10],
                _ => false,
            };
            if !is_usual || header_len > len {
                return None;
            }
            part.payload_len = (len - header_len) as u32;
            part.seq = u32_at(header, 4);
            part.tcp_flags = u16_at(header, 12) & 0x0fff;
        }
        UDP => {
            let told = usize::from(u16_at(ports, 4));
            if !(8..=len).contains(&told) || part.dport == VXLAN_PORT {
                return None;
            }
            part.payload_len = told as u32 - 8;
        }
        _ => return None,
    }
    Some(part)
}
