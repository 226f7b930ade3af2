//! Limits and timeouts of the tracker.

/// What bounds the tracker's memory and when it gives a flow up. All times are packet time.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Most flows alive at once; the one idle longest is evicted for a new one.
    pub max_flows: usize,
    /// Most payload bytes kept per side of a flow.
    pub max_payload_bytes: usize,
    /// Most payload bytes kept in all flows alive together.
    pub payload_budget_bytes: usize,
    /// Most samples kept per side of a flow.
    pub samples_per_side: usize,
    /// Most vertices of a clock's upper hull (at least 3); 0: no timestamp clocks at all.
    pub max_hull: usize,
    /// Idle time after which a TCP connection past its first SYN ends, seconds.
    pub tcp_timeout_s: u32,
    /// The same for a SYN without an answer.
    pub tcp_opening_timeout_s: u32,
    /// How long a closed or reset connection still gathers its stragglers, seconds.
    pub tcp_linger_s: u32,
    /// Idle time after which a UDP flow of less than two seconds ends, seconds. Linux has 30: a NAT
    /// of it gives the port to another machine then.
    pub udp_brief_timeout_s: u32,
    /// The same for a UDP flow that goes on.
    pub udp_timeout_s: u32,
    /// The same for ICMP.
    pub icmp_timeout_s: u32,
    /// The same for every other protocol.
    pub other_timeout_s: u32,
    /// Age at which a flow that goes on is handed out and counted anew, as exporters do; 0: never.
    pub active_timeout_s: u32,
    /// Keep per side what the analysis of segments finds (`Analysis`); on with segments.
    pub analysis: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_flows: 1_000_000,
            max_payload_bytes: 4096,
            payload_budget_bytes: 256 << 20,
            samples_per_side: 16,
            max_hull: 64,
            tcp_timeout_s: 3600,
            tcp_opening_timeout_s: 120,
            tcp_linger_s: 5,
            udp_brief_timeout_s: 30,
            udp_timeout_s: 60,
            icmp_timeout_s: 60,
            other_timeout_s: 60,
            active_timeout_s: 0,
            analysis: false,
        }
    }
}
