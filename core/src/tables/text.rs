//! Addresses as text. Packets repeat a few addresses, so the text is kept, not made anew.

use std::fmt::Write;
use std::net::Ipv6Addr;

use crate::decode::Address;

/// Slots of a cache, a power of two.
const N_SLOTS: usize = 4_096;

/// Text of the keys seen last: a direct-mapped cache, so bounded and without eviction lists.
pub(crate) struct TextCache {
    slots: Box<[(u128, String)]>,
}

impl Default for TextCache {
    fn default() -> Self {
        Self {
            slots: vec![(0, String::new()); N_SLOTS].into(),
        }
    }
}

impl TextCache {
    /// Text of an IP address: dotted for IPv4 (and IPv4-mapped), RFC 5952 for IPv6.
    pub fn address(&mut self, address: &Address) -> &str {
        self.text(u128::from_be_bytes(*address), |text| {
            let ip = Ipv6Addr::from(*address);
            let written = match ip.to_ipv4_mapped() {
                Some(ipv4) => write!(text, "{ipv4}"),
                None => write!(text, "{ip}"),
            };
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        })
    }

    /// Text of a link address, `aa:bb:cc:dd:ee:ff`.
    pub fn mac(&mut self, mac: [u8; 6]) -> &str {
        let [a, b, c, d, e, f] = mac;
        let key = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        self.text(u128::from(key), |text| {
            let written = write!(text, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        })
    }

    fn text(&mut self, key: u128, write: impl FnOnce(&mut String)) -> &str {
        let (slot_key, text) = &mut self.slots[slot_of(key)];
        if *slot_key != key || text.is_empty() {
            *slot_key = key;
            text.clear();
            write(text);
        }
        text
    }
}

/// Fibonacci hashing of both halves; the upper bits are the best mixed.
fn slot_of(key: u128) -> usize {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (key as u64 ^ ((key >> 64) as u64).rotate_left(29)).wrapping_mul(GOLDEN);
    (mixed >> 32) as usize % N_SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(text: &str) -> Address {
        match text.parse::<std::net::IpAddr>().unwrap() {
            std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            std::net::IpAddr::V6(ip) => ip.octets(),
        }
    }

    #[test]
    fn canonical_text() {
        let mut cache = TextCache::default();
        for text in ["192.0.2.7", "0.0.0.0", "::", "2001:db8::1", "fe80::1:0:0:2"] {
            assert_eq!(cache.address(&address(text)), text);
            assert_eq!(cache.address(&address(text)), text);
        }
        assert_eq!(cache.mac([2, 0, 0xab, 0, 0, 9]), "02:00:ab:00:00:09");
    }

    #[test]
    fn keys_that_share_a_slot_do_not_share_their_text() {
        let mut cache = TextCache::default();
        for _ in 0..2 {
            for host in 0..20_000_u32 {
                let ip = Ipv4Addr::from(0x0a00_0000 + host);
                assert_eq!(cache.address(&ip.to_ipv6_mapped().octets()), ip.to_string());
            }
        }
    }
}
