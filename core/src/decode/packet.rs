//! What one decoded packet is: its fields.

use super::{Bytes, Weird};

/// Addresses are 16 bytes; IPv4 is mapped (`::ffff:a.b.c.d`).
pub type Address = [u8; 16];

/// TCP flag bits as on the wire (RFC 9293, RFC 3168; bit 8 is the former NS / AE).
pub mod flags {
    #![allow(missing_docs)]
    pub const FIN: u16 = 0x001;
    pub const SYN: u16 = 0x002;
    pub const RST: u16 = 0x004;
    pub const PSH: u16 = 0x008;
    pub const ACK: u16 = 0x010;
    pub const URG: u16 = 0x020;
    pub const ECE: u16 = 0x040;
    pub const CWR: u16 = 0x080;
    pub const AE: u16 = 0x100;
}

/// What a packet carries above IP, as far as the snap length let us see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// No transport header was seen (later fragment, cut, unknown protocol, not IP at all).
    #[default]
    None,
    /// TCP, RFC 9293.
    Tcp(Tcp),
    /// UDP, RFC 768.
    Udp,
    /// ICMP and ICMPv6.
    Icmp(Icmp),
}

/// TCP header fields beyond the ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number (as on the wire, whatever the ACK flag says).
    pub ack: u32,
    /// The 12 bits behind the data offset: see [`flags`]; bits 9 to 11 are reserved.
    pub flags: u16,
    /// Window field, unscaled.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Header length in bytes, options included.
    pub header_len: u8,
    /// The options.
    pub options: TcpOptions,
}

/// Most options that one option area can hold: 40 bytes, each an option of one byte.
pub const MAX_OPTIONS: usize = 40;

/// Parsed TCP options; `kinds` keeps the order for the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    /// Option kinds in order; NOP is 1, EOL is 0 (its padding length in `eol_pad`).
    pub kinds: [u8; MAX_OPTIONS],
    /// How many of `kinds` are used.
    pub n_kinds: u8,
    /// Bytes after EOL.
    pub eol_pad: u8,
    /// Bytes after EOL are not all zero.
    pub eol_nonzero: bool,
    /// Malformed: a length below 2, past the end of the area, or wrong for its kind.
    pub bad: bool,
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale shift as sent (RFC 7323 caps it at 14).
    pub wscale: Option<u8>,
    /// SACK permitted.
    pub sack_ok: bool,
    /// Timestamps: (TSval, TSecr), RFC 7323.
    pub timestamps: Option<(u32, u32)>,
    /// SACK blocks (left, right edge).
    pub sack: [(u32, u32); 4],
    /// How many of `sack` are used.
    pub n_sack: u8,
    /// TCP Fast Open cookie length (0 = request), RFC 7413.
    pub tfo: Option<u8>,
    /// Multipath TCP subtype, RFC 8684.
    pub mptcp: Option<u8>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            kinds: [0; MAX_OPTIONS],
            n_kinds: 0,
            eol_pad: 0,
            eol_nonzero: false,
            bad: false,
            mss: None,
            wscale: None,
            sack_ok: false,
            timestamps: None,
            sack: [(0, 0); 4],
            n_sack: 0,
            tfo: None,
            mptcp: None,
        }
    }
}

/// ICMP and ICMPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier of echo and timestamp messages, else 0.
    pub id: u16,
    /// Sequence number of echo and timestamp messages, else 0.
    pub seq: u16,
    /// Timestamp messages (13, 14): originate, receive, transmit as on the wire.
    pub stamps: Option<[u32; 3]>,
    /// Errors: the quoted packet's addresses, protocol, ports.
    pub quoted: Option<Quoted>,
}

/// The header an ICMP error quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Quoted {
    pub src: Address,
    pub dst: Address,
    pub proto: u8,
    pub sport: u16,
    pub dport: u16,
    pub ipid: u16,
    pub ttl: u8,
    /// TCP sequence number, where eight bytes were quoted.
    pub seq: Option<u32>,
    /// ICMP type, code and identifier, where eight bytes were quoted.
    pub icmp: Option<(u8, u8, u16)>,
}

/// One decoded packet: the innermost IP header and its transport.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packet<'a> {
    /// Frame number, from 1.
    pub number: u64,
    /// Capture time, ns since 1970 UTC.
    pub time_ns: i64,
    /// Length on the wire, bytes.
    pub wire_len: u32,
    /// Captured length, bytes.
    pub captured_len: u32,
    /// Source link address where the link has one (Ethernet, SLL, 802.11).
    pub src_mac: Option<[u8; 6]>,
    /// Destination link address.
    pub dst_mac: Option<[u8; 6]>,
    /// Outermost VLAN id.
    pub vlan: Option<u16>,
    /// How many tunnels (GRE, IP in IP, VXLAN) this IP packet was inside.
    pub tunnel_depth: u8,
    /// 4, 6, or 0 where the frame holds no IP.
    pub ip_version: u8,
    /// Source address.
    pub src: Address,
    /// Destination address.
    pub dst: Address,
    /// IP protocol, or the final next header of IPv6.
    pub proto: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS or traffic class.
    pub tos: u8,
    /// IPv6 flow label, else 0.
    pub flow_label: u32,
    /// IPv4 identification (IPv6: the fragment header's, low 16 bits); None without one.
    pub ipid: Option<u16>,
    /// Don't-fragment bit.
    pub dont_fragment: bool,
    /// Reserved ("evil") bit of IPv4.
    pub reserved_bit: bool,
    /// More-fragments bit.
    pub more_fragments: bool,
    /// Fragment offset in bytes.
    pub fragment_offset: u16,
    /// IPv4 options length in bytes (IPv6: extension headers').
    pub ip_options_len: u16,
    /// IP header plus payload length in bytes as the header says.
    pub ip_len: u32,
    /// Source port (0 where there is none).
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Transport header.
    pub transport: Transport,
    /// Transport payload length in bytes by the headers (the wire's, not the capture's).
    pub payload_len: u32,
    /// The captured part of the payload.
    pub payload: &'a [u8],
    /// The first odd thing met.
    pub weird: Weird,
    /// A checksum is wrong; false where nobody looked.
    pub is_damaged: bool,
}

impl<'a> Packet<'a> {
    /// Keeps the first odd thing met.
    #[inline]
    pub(super) fn note(&mut self, weird: Weird) {
        if self.weird == Weird::None {
            self.weird = weird;
        }
    }

    /// What is left of the frame is the payload of the header just read.
    #[inline]
    pub(super) fn carry(&mut self, rest: &Bytes<'a>) {
        self.payload = rest.data;
        self.payload_len = u32::try_from(rest.wire_len).unwrap_or(u32::MAX);
    }

    /// The frame and link fields alone: what a packet is before its (next) IP header.
    pub(super) fn without_ip(&self) -> Self {
        Self {
            number: self.number,
            time_ns: self.time_ns,
            wire_len: self.wire_len,
            captured_len: self.captured_len,
            src_mac: self.src_mac,
            dst_mac: self.dst_mac,
            vlan: self.vlan,
            tunnel_depth: self.tunnel_depth,
            weird: self.weird,
            ..Self::default()
        }
    }
}
