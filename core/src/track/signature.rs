//! The handwriting of a SYN or SYN/ACK in p0f's raw syntax,
//! `ver:ttl+distance:olen:mss:wsize,scale:olayout:quirks:pclass` (p0f 3 README, section 5).

use crate::decode::{Packet, Tcp, flags};
use std::fmt::{self, Write};

/// Distances above this are not believed and written `?`, as p0f does.
const MAX_DISTANCE: u8 = 35;
const IPV4_AND_TCP: u32 = 40;
const IPV6_AND_TCP: u32 = 60;
const ETHERNET_MTU: u32 = 1500;
const TIMESTAMP_OPTION: u32 = 12;

/// The signature. `peer_mss` is the MSS of the SYN that a SYN/ACK answers, else 0.
pub fn signature(packet: &Packet<'_>, tcp: &Tcp, peer_mss: u16) -> Box<str> {
    let mut text = String::with_capacity(64);
    // Writing into a String cannot fail.
    let _ = write_signature(&mut text, packet, tcp, peer_mss);
    text.into_boxed_str()
}

fn write_signature(out: &mut String, packet: &Packet<'_>, tcp: &Tcp, peer_mss: u16) -> fmt::Result {
    let distance = initial_ttl(packet.ttl) - packet.ttl;
    write!(out, "{}:{}+", packet.ip_version, packet.ttl)?;
    match distance {
        0..=MAX_DISTANCE => write!(out, "{distance}")?,
        _ => out.push('?'),
    }
    let options = &tcp.options;
    write!(
        out,
        ":{}:{}:",
        packet.ip_options_len,
        options.mss.unwrap_or(0)
    )?;
    match window_multiple(packet, tcp, peer_mss) {
        Some((unit, factor)) => write!(out, "{unit}*{factor}")?,
        None => write!(out, "{}", tcp.window)?,
    }
    write!(out, ",{}:", options.wscale.unwrap_or(0))?;
    write_layout(out, tcp)?;
    out.push(':');
    write_quirks(out, packet, tcp);
    out.push_str(if packet.payload_len > 0 { ":+" } else { ":0" });
    Ok(())
}

/// The least customary initial TTL that can have become `ttl`.
pub fn initial_ttl(ttl: u8) -> u8 {
    match ttl {
        0..=32 => 32,
        33..=64 => 64,
        65..=128 => 128,
        129..=255 => 255,
    }
}

/// Whether the window is a multiple of the MSS or MTU, in p0f's order of trials.
fn window_multiple(packet: &Packet<'_>, tcp: &Tcp, peer_mss: u16) -> Option<(&'static str, u32)> {
    let mss = u32::from(tcp.options.mss.unwrap_or(0));
    if tcp.window == 0 || mss < 100 {
        return None;
    }
    let own_stamp = tcp.options.timestamps.is_some_and(|(tsval, _)| tsval != 0);
    let ipv6 = packet.ip_version == 6;
    let ip_header = if ipv6 {
        40
    } else {
        20 + u32::from(packet.ip_options_len)
    };
    let v4 = ETHERNET_MTU - IPV4_AND_TCP;
    let v6 = ETHERNET_MTU - IPV6_AND_TCP;
    let peer = u32::from(peer_mss);
    let trials = [
        ("mss", mss, true),
        ("mss", mss - TIMESTAMP_OPTION, own_stamp),
        ("mss", v4, true),
        ("mss", v4 - TIMESTAMP_OPTION, true),
        ("mss", v6, ipv6),
        ("mss", v6 - TIMESTAMP_OPTION, ipv6),
        ("mtu", mss + IPV4_AND_TCP, true),
        ("mtu", mss + ip_header + u32::from(tcp.header_len), true),
        ("mtu", mss + IPV6_AND_TCP, ipv6),
        ("mtu", ETHERNET_MTU, true),
        ("mss", peer, peer > 0),
        (
            "mss",
            peer.saturating_sub(TIMESTAMP_OPTION),
            peer > TIMESTAMP_OPTION,
        ),
    ];
    let window = u32::from(tcp.window);
    trials
        .into_iter()
        .find(|&(_, divisor, applies)| applies && window % divisor == 0)
        .map(|(unit, divisor, _)| (unit, window / divisor))
}

fn write_layout(out: &mut String, tcp: &Tcp) -> fmt::Result {
    let options = &tcp.options;
    let kinds = options.kinds.iter().take(options.n_kinds.into());
    for (i, kind) in kinds.enumerate() {
        if i > 0 {
            out.push(',');
        }
        match kind {
            0 => write!(out, "eol+{}", options.eol_pad)?,
            1 => out.push_str("nop"),
            2 => out.push_str("mss"),
            3 => out.push_str("ws"),
            4 => out.push_str("sok"),
            5 => out.push_str("sack"),
            8 => out.push_str("ts"),
            other => write!(out, "?{other}")?,
        }
    }
    Ok(())
}

fn write_quirks(out: &mut String, packet: &Packet<'_>, tcp: &Tcp) {
    let has = |bits: u16| tcp.flags & bits != 0;
    let ipv4 = packet.ip_version == 4;
    let ipid = if ipv4 { packet.ipid.unwrap_or(0) } else { 0 };
    let df = ipv4 && packet.dont_fragment;
    let (tsval, tsecr) = tcp.options.timestamps.unwrap_or((1, 0));
    let quirks = [
        ("df", df),
        ("id+", df && ipid != 0),
        ("id-", ipv4 && !df && ipid == 0),
        (
            "ecn",
            packet.tos & 3 != 0 || has(flags::ECE | flags::CWR | flags::AE),
        ),
        ("0+", packet.reserved_bit),
        ("flow", packet.flow_label != 0),
        ("seq-", tcp.seq == 0),
        ("ack+", !has(flags::ACK) && tcp.ack != 0),
        ("ack-", has(flags::ACK) && tcp.ack == 0),
        ("uptr+", !has(flags::URG) && tcp.urgent != 0),
        ("urgf+", has(flags::URG)),
        ("pushf+", has(flags::PSH)),
        ("ts1-", tsval == 0),
        ("ts2+", !has(flags::ACK) && tsecr != 0),
        ("opt+", tcp.options.eol_nonzero),
        ("exws", tcp.options.wscale.is_some_and(|shift| shift > 14)),
        ("bad", tcp.options.bad),
    ];
    let mut separator = "";
    for (name, _) in quirks.into_iter().filter(|(_, present)| *present) {
        out.push_str(separator);
        out.push_str(name);
        separator = ",";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{MAX_OPTIONS, TcpOptions};

    fn kinds(list: &[u8]) -> [u8; MAX_OPTIONS] {
        let mut kinds = [0; MAX_OPTIONS];
        kinds[..list.len()].copy_from_slice(list);
        kinds
    }

    #[test]
    fn a_linux_syn() {
        let options = TcpOptions {
            kinds: kinds(&[2, 4, 8, 1, 3]),
            n_kinds: 5,
            mss: Some(1460),
            wscale: Some(7),
            sack_ok: true,
            timestamps: Some((77, 0)),
            ..TcpOptions::default()
        };
        let tcp = Tcp {
            seq: 9,
            flags: flags::SYN,
            window: 29200,
            header_len: 40,
            options,
            ..Tcp::default()
        };
        let packet = Packet {
            ip_version: 4,
            ttl: 62,
            ipid: Some(7),
            dont_fragment: true,
            ..Packet::default()
        };
        let text = signature(&packet, &tcp, 0);
        assert_eq!(&*text, "4:62+2:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0");
    }

    #[test]
    fn odd_things_are_quirks() {
        let options = TcpOptions {
            kinds: kinds(&[3, 77, 0]),
            n_kinds: 3,
            eol_pad: 2,
            eol_nonzero: true,
            bad: true,
            wscale: Some(15),
            timestamps: Some((0, 5)),
            ..TcpOptions::default()
        };
        let tcp = Tcp {
            ack: 1,
            urgent: 1,
            flags: flags::SYN | flags::PSH,
            options,
            ..Tcp::default()
        };
        let packet = Packet {
            ip_version: 6,
            ttl: 90,
            tos: 2,
            flow_label: 1,
            payload_len: 3,
            ..Packet::default()
        };
        let expected = "6:90+?:0:0:0,15:ws,?77,eol+2:ecn,flow,seq-,ack+,uptr+,pushf+,ts1-,ts2+,opt+,exws,bad:+";
        assert_eq!(&*signature(&packet, &tcp, 0), expected);
    }

    #[test]
    fn no_bytes_make_it_divide_by_zero() {
        for peer_mss in [0, 11, 12, 13, u16::MAX] {
            for mss in [0, 99, 100, 112, u16::MAX] {
                let options = TcpOptions {
                    mss: Some(mss),
                    ..TcpOptions::default()
                };
                let tcp = Tcp {
                    window: 7919,
                    options,
                    ..Tcp::default()
                };
                signature(&Packet::default(), &tcp, peer_mss);
            }
        }
    }
}
