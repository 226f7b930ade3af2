//! The table of entries, and what each protocol makes of a packet.

use super::super::key::{Directed, KeyHasher, proto};
use super::config::CtConfig;
use super::entry::{Entry, Inner};
use super::listing::EntryRow;
use super::sctp::Association;
use super::store::{Sought, Store, number_of};
use super::tcp::{Connection, Marks, Outcome, header_fault};
use super::tcp_window::Segment;
use super::timeout::Timeout;
use super::tuple::{GRE, UDP_LITE, call_id, gre_version, is_request, quoted_tuple, tuple};
use super::verdict::{CtState, Finding, Reason, Verdict};
use crate::decode::{Icmp, Packet, Transport, Weird};

const NS_PER_S: i64 = 1_000_000_000;
/// UDP both ways for longer than this is a stream.
const STREAM_NS: i64 = 2 * NS_PER_S;
/// Greatest assigned type of ICMP that is tracked at all.
const MAX_ICMP_TYPE: u8 = 18;

/// What the connection tracker met, all counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CtCounters {
    /// Entries begun.
    pub entries: u64,
    /// Packets in each state, in the order of [`CtState`].
    pub states: [u64; 5],
    /// Unassured entries dropped since the table was full.
    pub early_dropped: u64,
    /// Packets without an entry since the table was full of assured ones.
    pub refused: u64,
    /// Entries whose time ran out.
    pub expired: u64,
    /// Connections announced.
    pub expected: u64,
    /// Of them those that came.
    pub fulfilled: u64,
    /// Announcements of an address that is not the sender's.
    pub third_party: u64,
    /// Expectations given up and connections not read, for want of room.
    pub expectations_dropped: u64,
}

/// Tells of each packet what a firewall's connection tracker would.
#[derive(Debug)]
pub struct Conntrack {
    config: CtConfig,
    store: Store,
    hasher: KeyHasher,
    /// Second up to which expired entries were removed.
    swept_s: u64,
    /// When the next second begins.
    next_sweep_ns: i64,
    counters: CtCounters,
}

/// A packet on its way through the table.
#[derive(Clone, Copy)]
struct Arrival<'a, 'p> {
    packet: &'a Packet<'p>,
    directed: &'a Directed,
    hash: u64,
    flow_id: u64,
    now_ns: i64,
}

impl Conntrack {
    /// An empty table; `hasher` is the flow table's, so that hashes are shared.
    pub fn new(config: CtConfig, hasher: KeyHasher) -> Self {
        Self {
            config,
            store: Store::new(config.timeouts),
            hasher,
            swept_s: 0,
            next_sweep_ns: NS_PER_S,
            counters: CtCounters::default(),
        }
    }

    /// Its settings.
    pub fn config(&self) -> &CtConfig {
        &self.config
    }

    /// What it met.
    pub fn counters(&self) -> CtCounters {
        CtCounters {
            entries: self.store.n_begun,
            early_dropped: self.store.n_early_dropped,
            expired: self.store.n_expired,
            expectations_dropped: self.store.expectations.n_dropped,
            ..self.counters
        }
    }

    /// Entries alive, expired ones that were not looked at since included.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries alive at `now_ns`, in order of their flows.
    pub(in crate::track) fn rows(&self, now_ns: i64) -> Vec<EntryRow> {
        self.store.rows(now_ns)
    }

    /// Asks for an entry, guessed by its number.
    #[inline]
    pub(in crate::track) fn prefetch(&self, hint: u32) {
        self.store.prefetch(hint);
    }

    /// Judges a packet and moves its entry. `flow` is its key in the flow table with that
    /// key's hash, `flow_id` its flow; `hint` is where the flow's entry was last, `now_ns` runs
    /// with packet time and never back.
    #[inline]
    pub(in crate::track) fn judge(
        &mut self,
        packet: &Packet<'_>,
        (flow, flow_hash): (&Directed, u64),
        flow_id: u64,
        now_ns: i64,
        hint: &mut u32,
    ) -> Verdict {
        if now_ns >= self.next_sweep_ns {
            let now_s = now_ns / NS_PER_S;
            self.next_sweep_ns = now_s.saturating_add(1).saturating_mul(NS_PER_S);
            self.swept_s = now_s as u64;
            self.store.sweep(self.swept_s);
        }
        let mut verdict = Verdict::default();
        self.judge_any(
            packet,
            (flow, flow_hash),
            flow_id,
            now_ns,
            hint,
            &mut verdict,
        );
        if verdict.after.is_some() && packet.payload_len > 0 {
            self.read(packet, flow, &mut verdict, now_ns, *hint);
        }
        self.counters.states[verdict.ct_state as usize] += 1;
        verdict
    }

    fn judge_any(
        &mut self,
        packet: &Packet<'_>,
        (flow, flow_hash): (&Directed, u64),
        flow_id: u64,
        now_ns: i64,
        hint: &mut u32,
        verdict: &mut Verdict,
    ) {
        let mut note = Reason::None;
        if packet.is_damaged && self.config.checksum {
            *verdict = Verdict::invalid(Reason::Checksum);
            return;
        }
        match packet.transport {
            Transport::Tcp(ref tcp) => {
                if let Some(fault) = header_fault(packet, tcp.header_len, tcp.flags) {
                    *verdict = Verdict::invalid(fault);
                    return;
                }
            }
            _ => {
                if let Some(early) = self.judge_early(packet, now_ns) {
                    *verdict = early;
                    return;
                }
            }
        }
        let other;
        let (directed, hash) = match packet.transport {
            Transport::Tcp(_) | Transport::Udp => (flow, flow_hash),
            _ => {
                let Some(found) = tuple(packet, *flow) else {
                    *verdict = Verdict::invalid(Reason::IcmpNotRequest);
                    return;
                };
                other = found;
                (&other, self.hasher.hash(&other.key))
            }
        };
        let arrival = Arrival {
            packet,
            directed,
            hash,
            flow_id,
            now_ns,
        };
        let sought = Sought {
            key: &directed.key,
            hash,
            flow_id,
            one_per_flow: matches!(packet.transport, Transport::Tcp(_) | Transport::Udp),
            now_ns,
        };
        if let Some((at, left_ns)) = self.store.find(&sought, *hint) {
            *hint = at;
            if self.follow(at, left_ns, &arrival, verdict) {
                return;
            }
            note = Reason::Reopened;
        }
        *verdict = self.begin(&arrival, hint);
        if verdict.reason == Reason::None {
            verdict.reason = note;
        }
    }

    /// What needs no entry, or another one than its flow's; not TCP.
    fn judge_early(&self, packet: &Packet<'_>, now_ns: i64) -> Option<Verdict> {
        let fault = match (&packet.transport, packet.proto) {
            (Transport::Icmp(icmp), _) => return self.judge_icmp(packet, icmp, now_ns),
            (Transport::Udp, _) if packet.weird == Weird::UdpBadLength => Reason::UdpLength,
            (Transport::None, proto::SCTP) if packet.payload_len < 12 => Reason::SctpCut,
            (Transport::None, UDP_LITE) => udp_lite_fault(packet)?,
            (Transport::None, GRE)
                if gre_version(packet) == Some(1)
                    && packet.payload.len() >= 8
                    && call_id(packet).is_none() =>
            {
                Reason::GreVersion
            }
            _ => return None,
        };
        Some(Verdict::invalid(fault))
    }

    /// Reads a payload for the connections that it announces.
    #[inline]
    fn read(
        &mut self,
        packet: &Packet<'_>,
        flow: &Directed,
        verdict: &mut Verdict,
        now_ns: i64,
        at: u32,
    ) {
        let judged = match verdict.ct_state {
            CtState::Established => true,
            // The helpers of TCP wait until both ends were heard.
            CtState::New | CtState::Related => packet.proto == proto::UDP,
            CtState::Invalid | CtState::Untracked => false,
        };
        // An ICMP error has been judged by another entry than its flow's.
        if !judged || !self.store.is_read(at, &flow.key) {
            return;
        }
        let announced = self.store.read(at, verdict.reply, packet, now_ns);
        self.counters.expected += announced.n_expected as u64;
        self.counters.third_party += announced.n_third_party as u64;
        if announced.n_third_party > 0 && verdict.reason == Reason::None {
            verdict.reason = Reason::ThirdParty;
        }
    }

    /// ICMP that is no request and no answer; None for these.
    fn judge_icmp(&self, packet: &Packet<'_>, icmp: &Icmp, now_ns: i64) -> Option<Verdict> {
        let v6 = packet.proto == proto::ICMPV6;
        let is_error = match icmp.kind {
            // Errors are all types below 128 (RFC 4443 section 2.1).
            0..128 if v6 => true,
            // Multicast listeners and routers, neighbour discovery (RFC 2710, 3810, 4286, 4861).
            130..=136 | 143 | 151 | 152 if v6 => {
                return Some(Verdict {
                    ct_state: CtState::Untracked,
                    ..Verdict::default()
                });
            }
            _ if v6 => false,
            3 | 4 | 5 | 11 | 12 => true,
            _ if icmp.kind > MAX_ICMP_TYPE => return Some(Verdict::invalid(Reason::IcmpType)),
            _ => false,
        };
        is_error.then(|| self.judge_error(packet, icmp, now_ns))
    }

    /// An error belongs to the entry of the packet that it quotes.
    fn judge_error(&self, packet: &Packet<'_>, icmp: &Icmp, now_ns: i64) -> Verdict {
        let Some(quoted) = icmp.quoted else {
            return Verdict::invalid(Reason::IcmpQuote);
        };
        let Some(directed) = quoted_tuple(&quoted) else {
            return Verdict::invalid(Reason::IcmpQuote);
        };
        let hash = self.hasher.hash(&directed.key);
        let Some(at) = self.store.look_up(&directed.key, hash, now_ns) else {
            return Verdict::invalid(Reason::IcmpNoMatch);
        };
        if packet.dst != quoted.src {
            return Verdict::invalid(Reason::IcmpOtherTarget);
        }
        let entry = self.store.get(at);
        Verdict {
            ct_state: CtState::Related,
            // It goes back to who sent the quoted packet.
            reply: directed.from_high == entry.orig_is_high,
            after: Some(self.store.after(at, now_ns)),
            parent_flow: Some(entry.flow_id),
            ..Verdict::default()
        }
    }

    /// A packet of an entry which has `left_ns` to live. False: it ended the entry and begins
    /// another.
    #[inline]
    fn follow(
        &mut self,
        at: u32,
        left_ns: i64,
        arrival: &Arrival<'_, '_>,
        verdict: &mut Verdict,
    ) -> bool {
        let now = (arrival.now_ns, self.swept_s);
        let mut is_kept = false;
        let entry = self.store.get_mut(at);
        let reply = arrival.directed.from_high != entry.orig_is_high;
        let ct_state = match (reply || entry.seen_reply, entry.parent_flow) {
            (true, _) => CtState::Established,
            (false, Some(_)) => CtState::Related,
            (false, None) => CtState::New,
        };
        let marks = Marks {
            reply,
            seen_reply: entry.seen_reply,
            assured: entry.assured,
            left_ns,
        };
        let mut found = Finding::default();
        let outcome = match &mut entry.inner {
            Inner::Tcp(connection) => {
                judge_tcp(connection, arrival, marks, &self.config, &mut found)
            }
            Inner::Sctp(association) => association.judge(arrival.packet, marks, false, &mut found),
            inner => keep(inner, marks, arrival.now_ns),
        };
        let mut assured = entry.assured;
        (verdict.reply, verdict.reason, verdict.bound) = (reply, found.reason, found.bound);
        match outcome {
            Outcome::Reopened => {
                self.store.remove(at);
                return false;
            }
            Outcome::Ended => {
                verdict.ct_state = ct_state;
                verdict.parent_flow = entry.parent_flow;
                self.store.remove(at);
                return true;
            }
            Outcome::Refused(timeout) => {
                verdict.ct_state = CtState::Invalid;
                if let Some(timeout) = timeout {
                    self.store.keep(at, timeout, assured, now);
                    is_kept = true;
                }
            }
            Outcome::Kept { .. } | Outcome::Unmoved => {
                verdict.ct_state = ct_state;
                verdict.parent_flow = entry.parent_flow;
                entry.seen_reply |= reply;
                if let Outcome::Kept { timeout, assure } = outcome {
                    assured |= assure;
                    self.store.keep(at, timeout, assured, now);
                    is_kept = true;
                }
            }
        }
        verdict.after = Some(if is_kept {
            self.store.after_kept(at)
        } else {
            self.store.after(at, arrival.now_ns)
        });
        true
    }

    /// A packet without an entry.
    fn begin(&mut self, arrival: &Arrival<'_, '_>, hint: &mut u32) -> Verdict {
        let marks = Marks {
            reply: false,
            seen_reply: false,
            assured: false,
            left_ns: 0,
        };
        let packet = arrival.packet;
        let mut inner = match (packet.transport, packet.proto) {
            (Transport::Tcp(ref tcp), _) => {
                let segment = Segment::new(packet.number, arrival.now_ns, tcp, packet.payload_len);
                match Connection::begin(&segment, &self.config) {
                    Ok(connection) => Inner::Tcp(connection),
                    Err(reason) => return Verdict::invalid(reason),
                }
            }
            (Transport::Icmp(icmp), of) if !is_request(of, icmp.kind) => {
                return Verdict::invalid(Reason::IcmpNotRequest);
            }
            (_, proto::UDP) => Inner::Udp {
                stream_after_ns: arrival.now_ns.saturating_add(STREAM_NS),
            },
            // An answer is enough.
            (_, UDP_LITE) => Inner::Udp {
                stream_after_ns: i64::MIN,
            },
            (_, proto::ICMP) => Inner::Icmp,
            (_, proto::ICMPV6) => Inner::Icmpv6,
            (_, proto::SCTP) => match Association::begin(packet) {
                Ok(association) => Inner::Sctp(association),
                Err(reason) => return Verdict::invalid(reason),
            },
            (_, GRE) => Inner::Gre,
            _ => Inner::Generic,
        };
        let mut found = Finding::default();
        let outcome = match &mut inner {
            Inner::Tcp(connection) => {
                judge_tcp(connection, arrival, marks, &self.config, &mut found)
            }
            Inner::Sctp(association) => association.judge(arrival.packet, marks, true, &mut found),
            inner => keep(inner, marks, arrival.now_ns),
        };
        let picked_up = match &inner {
            Inner::Tcp(connection) => connection.state != super::tcp_state::State::SynSent,
            _ => false,
        };
        let timeout = match outcome {
            Outcome::Kept { timeout, .. } => timeout,
            // Its windows speak against a first segment only under rules stricter than Linux's.
            Outcome::Refused(_) => {
                return Verdict {
                    bound: found.bound,
                    ..Verdict::invalid(found.reason)
                };
            }
            _ => Timeout::SynSent,
        };
        let most = self.config.max_entries;
        if self.len() >= most && !self.store.make_room(most, arrival.now_ns) {
            self.counters.refused += 1;
            return Verdict::invalid(Reason::TableFull);
        }
        let expected = match inner {
            Inner::Tcp(_) | Inner::Udp { .. } => {
                self.store.expectations.fulfil(packet, arrival.now_ns)
            }
            _ => None,
        };
        self.counters.fulfilled += u64::from(expected.is_some());
        let parent_flow = expected.map(|expected| expected.parent_flow);
        let at = self.store.insert(Entry {
            key: arrival.directed.key,
            hash: arrival.hash,
            flow_id: arrival.flow_id,
            parent_flow,
            refreshed_ns: arrival.now_ns,
            touched_s: (arrival.now_ns / NS_PER_S) as u64,
            timeout,
            queue: number_of(timeout, false) as u8,
            orig_is_high: arrival.directed.from_high,
            seen_reply: false,
            assured: false,
            is_alive: true,
            is_read: false,
            inner,
        });
        *hint = at;
        if self.config.helpers {
            self.store
                .note_helper(at, expected.and_then(|expected| expected.helper));
        }
        Verdict {
            ct_state: match parent_flow {
                Some(_) => CtState::Related,
                None => CtState::New,
            },
            reply: false,
            after: Some(self.store.after(at, arrival.now_ns)),
            reason: if picked_up {
                Reason::PickedUp
            } else {
                Reason::None
            },
            bound: None,
            parent_flow,
        }
    }
}

/// What is wrong with a UDP-Lite header (RFC 3828 section 3.1); a cut one is not judged.
fn udp_lite_fault(packet: &Packet<'_>) -> Option<Reason> {
    if packet.payload_len < 8 {
        return Some(Reason::UdpLength);
    }
    let &[_, _, _, _, coverage_high, coverage_low, a, b] = packet.payload.first_chunk::<8>()?;
    match u32::from(u16::from_be_bytes([coverage_high, coverage_low])) {
        1..8 => Some(Reason::UdpLength),
        coverage if coverage > packet.payload_len => Some(Reason::UdpLength),
        _ if [a, b] == [0, 0] => Some(Reason::UdpLiteChecksum),
        _ => None,
    }
}

#[inline]
fn judge_tcp(
    connection: &mut Connection,
    arrival: &Arrival<'_, '_>,
    marks: Marks,
    config: &CtConfig,
    found: &mut Finding,
) -> Outcome {
    let packet = arrival.packet;
    let Transport::Tcp(ref tcp) = packet.transport else {
        return Outcome::Unmoved;
    };
    let segment = Segment::new(packet.number, arrival.now_ns, tcp, packet.payload_len);
    connection.judge(&segment, marks, config, found)
}

/// What becomes of an entry that is not TCP's: every packet keeps it.
fn keep(inner: &Inner, marks: Marks, now_ns: i64) -> Outcome {
    let both_ways = marks.seen_reply;
    let (timeout, assure) = match *inner {
        Inner::Udp { stream_after_ns } if both_ways && now_ns > stream_after_ns => {
            (Timeout::UdpStream, true)
        }
        Inner::Udp { .. } => (Timeout::Udp, false),
        Inner::Gre if both_ways => (Timeout::GreStream, true),
        Inner::Gre => (Timeout::Gre, false),
        Inner::Icmp => (Timeout::Icmp, false),
        Inner::Icmpv6 => (Timeout::Icmpv6, false),
        Inner::Tcp(_) | Inner::Sctp(_) | Inner::Generic => (Timeout::Generic, false),
    };
    Outcome::Kept { timeout, assure }
}
