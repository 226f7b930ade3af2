//! How long an entry lives without a packet. Names and defaults are those of Linux's
//! `net.netfilter.nf_conntrack_*` settings.

/// Declares [`Timeout`], the names of its settings, Linux's defaults and what pf has.
macro_rules! timeouts {
    ($($variant:ident $name:literal $linux:literal $pf:literal $meaning:literal,)+) => {
        /// Which timeout an entry is under.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Timeout {
            $(#[doc = $meaning] $variant,)+
        }

        impl Timeout {
            /// All of them, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name of its setting.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        /// Seconds per timeout.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Timeouts([u32; Timeout::ALL.len()]);

        impl Timeouts {
            /// Linux's defaults.
            pub const LINUX: Self = Self([$($linux,)+]);
            /// OpenBSD's defaults, from pf.conf(5), where pf has such a state.
            pub const PF: Self = Self([$($pf,)+]);
        }
    };
}

timeouts! {
    SynSent "tcp_timeout_syn_sent" 120 120 "A SYN was sent.",
    SynRecv "tcp_timeout_syn_recv" 60 30 "A SYN/ACK came back.",
    Established "tcp_timeout_established" 432_000 86_400 "The connection is open.",
    FinWait "tcp_timeout_fin_wait" 120 900 "One end sent a FIN.",
    CloseWait "tcp_timeout_close_wait" 60 900 "That FIN was acknowledged.",
    LastAck "tcp_timeout_last_ack" 30 45 "Both ends sent a FIN.",
    TimeWait "tcp_timeout_time_wait" 120 90 "Both FINs were acknowledged.",
    Close "tcp_timeout_close" 10 90 "A RST was seen.",
    SynSent2 "tcp_timeout_syn_sent2" 120 30 "Both ends sent a SYN.",
    Repeated "tcp_timeout_max_retrans" 300 300 "The same ACK came again and again, or the window is closed.",
    Unanswered "tcp_timeout_unacknowledged" 300 300 "Bytes wait to be acknowledged.",
    Udp "udp_timeout" 30 60 "UDP: nothing came back, or only just.",
    UdpStream "udp_timeout_stream" 120 60 "UDP that goes on both ways.",
    Icmp "icmp_timeout" 30 20 "ICMP requests.",
    Icmpv6 "icmpv6_timeout" 30 20 "ICMPv6 requests.",
    Gre "gre_timeout" 30 60 "GRE: nothing came back.",
    GreStream "gre_timeout_stream" 180 60 "GRE both ways.",
    SctpClosed "sctp_timeout_closed" 10 60 "SCTP: an INIT was sent, or the association is over.",
    SctpCookieWait "sctp_timeout_cookie_wait" 3 60 "SCTP: the INIT was answered.",
    SctpCookieEchoed "sctp_timeout_cookie_echoed" 3 60 "SCTP: the cookie was sent back.",
    SctpEstablished "sctp_timeout_established" 210 60 "SCTP: the association is open.",
    SctpShutdownSent "sctp_timeout_shutdown_sent" 3 60 "SCTP: the opening end closes.",
    SctpShutdownRecd "sctp_timeout_shutdown_recd" 3 60 "SCTP: the called end closes.",
    SctpShutdownAckSent "sctp_timeout_shutdown_ack_sent" 3 60 "SCTP: that was acknowledged.",
    SctpHeartbeatSent "sctp_timeout_heartbeat_sent" 30 60 "SCTP: a heartbeat on a new path.",
    Generic "generic_timeout" 600 60 "Every other protocol.",
}

impl Timeouts {
    /// Seconds of one.
    #[inline]
    #[must_use]
    pub const fn seconds(&self, timeout: Timeout) -> u32 {
        self.0[timeout as usize]
    }

    /// The same as nanoseconds.
    #[inline]
    #[must_use]
    pub(super) const fn ns(&self, timeout: Timeout) -> i64 {
        self.seconds(timeout) as i64 * 1_000_000_000
    }

    /// Sets one.
    pub fn set(&mut self, timeout: Timeout, seconds: u32) {
        self.0[timeout as usize] = seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = Timeout::ALL.iter().map(|timeout| timeout.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Timeout::ALL.len());
        assert_eq!(Timeouts::LINUX.seconds(Timeout::Established), 5 * 86_400);
    }
}
