//! The odd things a frame can hold, each with a name and a meaning.

/// Declares [`Weird`], its names and its meanings from one list.
macro_rules! weirds {
    ($($variant:ident $name:literal $meaning:literal,)+) => {
        /// Why a packet is odd or could not be decoded to its end. Zeek calls such things weirds.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Weird {
            /// Nothing odd.
            #[default]
            None = 0,
            $(#[doc = $meaning] $variant,)+
        }

        impl Weird {
            /// Every weird but `None`, in order of their numbers from 1.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in tables and counters; empty for `None`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::None => "",
                    $(Self::$variant => $name,)+
                }
            }

            /// What it means, in one line; empty for `None`.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    Self::None => "",
                    $(Self::$variant => $meaning,)+
                }
            }
        }
    };
}

weirds! {
    UnknownLink "unknown_link" "the link type has no decoder",
    LinkHeaderCut "link_header_cut" "the capture ends inside a header below IP",
    LoopbackBadFamily "loopback_bad_family" "a loopback header names no known address family",
    RadiotapBadLength "radiotap_bad_length" "a radiotap header is shorter than its own fields",
    WlanProtected "wlan_protected" "an 802.11 data frame is encrypted",
    WlanAggregate "wlan_aggregate" "an 802.11 frame holds several frames in one (A-MSDU)",
    PppoeBadLength "pppoe_bad_length" "a PPPoE session claims more bytes than the frame had",
    MplsNoBottom "mpls_no_bottom" "an MPLS label stack has no bottom",
    TooManyHeaders "too_many_headers" "more headers are stacked than are taken off",
    TooManyTunnels "too_many_tunnels" "more tunnels are nested than are taken off",
    TunnelHeaderCut "tunnel_header_cut" "the capture ends inside a tunnel header",
    IpHeaderCut "ip_header_cut" "the capture ends inside an IP header",
    IpBadVersion "ip_bad_version" "an IP header is neither version 4 nor 6",
    IpBadHeaderLength "ip_bad_header_length" "an IPv4 header claims fewer than 20 bytes",
    IpBadLength "ip_bad_length" "an IPv4 packet claims fewer bytes than its header has",
    IpBeyondFrame "ip_beyond_frame" "an IP packet claims more bytes than the frame had on the wire",
    IpNoLength "ip_no_length" "an IP packet claims no length; the frame's was taken (offloading)",
    IpExtensionCut "ip_extension_cut" "the capture ends inside an IP extension header",
    FragmentOverflow "fragment_overflow" "a fragment reaches beyond the greatest IP packet",
    TcpHeaderCut "tcp_header_cut" "the packet ends inside the TCP header",
    TcpBadOffset "tcp_bad_offset" "the TCP data offset is below 20 bytes or beyond the packet",
    TcpOptionsCut "tcp_options_cut" "the capture ends inside the TCP options",
    TcpBadOption "tcp_bad_option" "a TCP option has a wrong length",
    UdpHeaderCut "udp_header_cut" "the packet ends inside the UDP header",
    UdpBadLength "udp_bad_length" "the UDP length is below 8 bytes or beyond the packet",
    IcmpHeaderCut "icmp_header_cut" "the packet ends inside the ICMP header",
    IcmpQuoteCut "icmp_quote_cut" "an ICMP error quotes less than an IP header and its ports",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_snake_case() {
        let names: HashSet<_> = Weird::ALL.iter().map(|weird| weird.name()).collect();
        assert_eq!(names.len(), Weird::ALL.len());
        for name in names {
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
        }
    }

    #[test]
    fn numbers_follow_the_list() {
        for (position, weird) in Weird::ALL.iter().enumerate() {
            assert_eq!(*weird as usize, position + 1);
            assert!(!weird.meaning().is_empty());
        }
    }
}
