//! Folds a packet into the side that sent it.

use super::clock::Clock;
use super::config::Config;
use super::flow::{Flow, Side, Syn};
use super::payload::Budget;
use super::samples::Sample;
use super::signature::signature;
use crate::decode::flags::{ACK, FIN, RST, SYN};
use crate::decode::{Packet, Tcp, Transport};

/// A packet's time and whether to believe its date.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Nanoseconds since 1970 UTC; the tracker's own where the packet's is absurd.
    pub time_ns: i64,
    /// False: keep it out of clocks and samples.
    pub believed: bool,
}

impl Side {
    /// Counts a packet that is not a later fragment.
    #[inline]
    pub(super) fn count(&mut self, packet: &Packet<'_>, moment: Moment, config: &Config) {
        if self.n_packets == 0 {
            self.first_ns = moment.time_ns;
            self.last_ns = moment.time_ns;
            self.mac = packet.src_mac;
            self.ttl = packet.ttl;
            (self.ttl_min, self.ttl_max) = (packet.ttl, packet.ttl);
            self.tos = packet.tos;
        }
        self.ttl_min = self.ttl_min.min(packet.ttl);
        self.ttl_max = self.ttl_max.max(packet.ttl);
        self.count_bytes(packet.payload_len, packet.ip_len, moment);
        let ipid = packet.ipid.filter(|_| packet.ip_version == 4);
        if let Some(ipid) = ipid {
            self.ipid.push(ipid, packet.dont_fragment);
        }
        let tsval = match packet.transport {
            Transport::Tcp(ref tcp) => tcp.options.timestamps.map(|(tsval, _)| tsval),
            _ => None,
        };
        if config.samples_per_side > 0 && moment.believed && (ipid.is_some() || tsval.is_some()) {
            let sample = Sample {
                time_ns: moment.time_ns,
                tsval,
                ipid,
            };
            self.samples.push(sample, config.samples_per_side);
        }
    }

    /// Counts the bytes of a packet, or of a later fragment.
    #[inline]
    pub(super) fn count_bytes(&mut self, payload_len: u32, ip_len: u32, moment: Moment) {
        self.n_packets += 1;
        self.payload_bytes = self.payload_bytes.saturating_add(payload_len.into());
        self.ip_bytes = self.ip_bytes.saturating_add(ip_len.into());
        self.last_ns = self.last_ns.max(moment.time_ns);
    }

    /// Folds a segment's timestamp into the clock.
    #[inline]
    fn push_timestamp(&mut self, tcp: &Tcp, moment: Moment, max_hull: usize) {
        let Some((tsval, _)) = tcp.options.timestamps else {
            return;
        };
        if tsval == 0 {
            self.tcp.n_ts_zero = self.tcp.n_ts_zero.saturating_add(1);
        } else if moment.believed {
            let position = (tcp.seq, tcp.ack);
            match &mut self.tcp.clock {
                Some(clock) => clock.push(moment.time_ns, tsval, position, max_hull),
                none => *none = Some(Box::new(Clock::new(moment.time_ns, tsval, position))),
            }
        }
    }

    /// Advances the sequence number. True: the payload had been sent before.
    #[inline]
    fn push_sequence(&mut self, tcp: &Tcp, payload_len: u32) -> bool {
        let controls = u32::from(tcp.flags & SYN != 0) + u32::from(tcp.flags & FIN != 0);
        let end = tcp.seq.wrapping_add(payload_len).wrapping_add(controls);
        let next = self.tcp.next_seq.unwrap_or(end.wrapping_sub(1));
        let advances = end.wrapping_sub(next) as i32 > 0;
        // A RST's number may be anything, and its payload is not of the stream.
        if tcp.flags & RST != 0 {
            return false;
        }
        if advances {
            self.tcp.next_seq = Some(end);
        }
        let repeated = !advances && payload_len > 0;
        self.tcp.n_retransmitted = self.tcp.n_retransmitted.saturating_add(repeated.into());
        repeated
    }
}

/// Folds the transport part of a packet into its flow.
#[inline]
pub fn fold_transport(
    flow: &mut Flow,
    side: usize,
    packet: &Packet<'_>,
    moment: Moment,
    config: &Config,
    budget: &mut Budget,
) {
    match packet.transport {
        Transport::Tcp(ref tcp) => fold_segment(flow, side, packet, tcp, moment, config, budget),
        Transport::Udp => {
            flow.history.note(side, b'd');
            let head = &mut flow.sides[side].head;
            if head.is_open() && packet.payload_len > 0 {
                head.push_datagram(
                    moment.time_ns,
                    packet.payload,
                    config.max_payload_bytes,
                    budget,
                );
            }
        }
        Transport::Icmp(_) | Transport::None => {}
    }
}

#[inline]
fn fold_segment(
    flow: &mut Flow,
    side: usize,
    packet: &Packet<'_>,
    tcp: &Tcp,
    moment: Moment,
    config: &Config,
    budget: &mut Budget,
) {
    flow.history.segment(side, tcp.flags, packet.payload_len);
    if tcp.window == 0 && flow.head.state.zero_window_tells(side, tcp.flags) {
        flow.history.note(side, b'w');
    }
    if flow.sides[side].push_sequence(tcp, packet.payload_len) {
        flow.history.note(side, b't');
    }
    flow.head.state.update(side, tcp.flags, packet.payload_len);
    if tcp.flags & (SYN | FIN | RST) == SYN {
        fold_syn(flow, side, packet, tcp, moment);
    } else {
        measure_orig_rtt(flow, side, tcp, moment);
    }

    let own = &mut flow.sides[side];
    own.tcp.first_window.get_or_insert(tcp.window);
    own.tcp.flags |= tcp.flags;
    if config.max_hull > 0 {
        own.push_timestamp(tcp, moment, config.max_hull);
    }
    if packet.payload_len > 0 && own.head.is_open() && tcp.flags & RST == 0 {
        let seq = tcp.seq.wrapping_add(u32::from(tcp.flags & SYN != 0));
        own.head.push_segment(
            moment.time_ns,
            seq,
            packet.payload,
            packet.payload_len,
            config.max_payload_bytes,
            budget,
        );
    }
}

fn fold_syn(flow: &mut Flow, side: usize, packet: &Packet<'_>, tcp: &Tcp, moment: Moment) {
    let [orig, resp] = &mut flow.sides;
    let (own, peer) = if side == 0 {
        (orig, resp)
    } else {
        (resp, orig)
    };
    if let Some(syn) = &mut own.tcp.syn {
        syn.n = syn.n.saturating_add(1);
        return;
    }
    let acknowledges = tcp.flags & ACK != 0;
    let asked = peer.tcp.syn.as_deref().filter(|_| acknowledges);
    // Karn: an answer to one of several SYNs measures nothing.
    if side == 1
        && moment.believed
        && let Some(asked) = asked.filter(|asked| asked.n == 1)
    {
        own.tcp.rtt_ns = moment
            .time_ns
            .checked_sub(asked.time_ns)
            .filter(|rtt| *rtt >= 0);
    }
    let peer_mss = asked.and_then(|asked| asked.mss).unwrap_or(0);
    own.head.starts_at(tcp.seq.wrapping_add(1));
    own.tcp.syn = Some(Box::new(Syn {
        time_ns: moment.time_ns,
        n: 1,
        isn: tcp.seq,
        mss: tcp.options.mss,
        wscale: tcp.options.wscale,
        window: tcp.window,
        has_timestamp: tcp.options.timestamps.is_some(),
        acknowledges,
        signature: signature(packet, tcp, peer_mss),
    }));
}

/// From a SYN/ACK to the acknowledgement of exactly it.
#[inline]
fn measure_orig_rtt(flow: &mut Flow, side: usize, tcp: &Tcp, moment: Moment) {
    let [orig, resp] = &mut flow.sides;
    if side == 0
        && orig.tcp.rtt_ns.is_none()
        && moment.believed
        && tcp.flags & (ACK | RST) == ACK
        && let Some(answer) = resp.tcp.syn.as_deref()
        && answer.acknowledges
        && answer.n == 1
        && tcp.ack == answer.isn.wrapping_add(1)
    {
        orig.tcp.rtt_ns = moment
            .time_ns
            .checked_sub(answer.time_ns)
            .filter(|rtt| *rtt >= 0);
    }
}
