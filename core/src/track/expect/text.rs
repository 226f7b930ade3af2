//! Numbers and addresses as protocols write them. Each reader returns what it read and the rest.

use crate::decode::Address;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(test)]
use super::Ends;

/// An IPv4 address as the core writes it: mapped (RFC 4291, 2.5.5.2).
pub(super) fn mapped(address: [u8; 4]) -> Address {
    Ipv4Addr::from(address).to_ipv6_mapped().octets()
}

/// 0.0.0.0 or ::, which name nobody.
pub(super) fn is_unspecified(address: &Address) -> bool {
    *address == [0; 16] || *address == mapped([0; 4])
}

/// Whether an address is a mapped IPv4 one.
pub(super) fn is_ipv4(address: &Address) -> bool {
    Ipv6Addr::from(*address).to_ipv4_mapped().is_some()
}

/// An unsigned decimal number of at most ten digits.
pub(super) fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let n_digits = text
        .iter()
        .take(11)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = text.split_at(n_digits);
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// A port other than 0.
pub(super) fn port(text: &[u8]) -> Option<(u16, &[u8])> {
    let (value, rest) = number(text)?;
    let port = u16::try_from(value).ok().filter(|port| *port != 0)?;
    Some((port, rest))
}

/// `N` numbers below 256, `separator` between them.
pub(super) fn bytes<const N: usize>(mut text: &[u8], separator: u8) -> Option<([u8; N], &[u8])> {
    let mut values = [0; N];
    for (i, value) in values.iter_mut().enumerate() {
        if i > 0 {
            text = text.strip_prefix(&[separator])?;
        }
        let (read, rest) = number(text)?;
        *value = u8::try_from(read).ok()?;
        text = rest;
    }
    Some((values, text))
}

/// A written address of either version; nothing may follow.
pub(super) fn address(text: &[u8]) -> Option<Address> {
    match std::str::from_utf8(text).ok()?.parse().ok()? {
        IpAddr::V4(v4) => Some(v4.to_ipv6_mapped().octets()),
        IpAddr::V6(v6) => Some(v6.octets()),
    }
}

/// What follows a prefix in any case.
pub(super) fn behind<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// What lies before the first `end`, and what behind it.
pub(super) fn until(text: &[u8], end: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == end)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Where `wanted` first begins.
pub(super) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len().max(1))
        .position(|window| window == wanted)
}

#[cfg(test)]
pub(super) fn ends(proto: u8, src: [u8; 4], sport: u16, dst: [u8; 4], dport: u16) -> Ends {
    Ends {
        proto,
        src: mapped(src),
        sport,
        dst: mapped(dst),
        dport,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_their_digits_do() {
        assert_eq!(number(b"4294967295x"), Some((u32::MAX, &b"x"[..])));
        assert_eq!(number(b"4294967296"), None);
        assert_eq!(number(b"00000000000000001"), Some((0, &b"000001"[..])));
        assert_eq!(number(b"x"), None);
        assert_eq!(port(b"65536"), None);
        assert_eq!(port(b"0"), None);
    }

    #[test]
    fn addresses() {
        assert_eq!(
            bytes::<4>(b"1,2,3,4)", b','),
            Some(([1, 2, 3, 4], &b")"[..]))
        );
        assert_eq!(bytes::<4>(b"1,2,3,256", b','), None);
        assert_eq!(address(b"192.0.2.1"), Some(mapped([192, 0, 2, 1])));
        assert_eq!(address(b"::1").map(|it| it[15]), Some(1));
        assert_eq!(address(b"\xff"), None);
        assert!(is_unspecified(&mapped([0; 4])));
    }
}
