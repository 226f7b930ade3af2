//! The tracker: one packet in, ended flows out.

use super::analysis::Finding;
use super::batch::Needs;
use super::config::Config;
use super::conntrack::{Conntrack, CtConfig, EntryRow};
use super::earlier::Earlier;
use super::flow::{EndReason, Flow};
use super::fragments::{Fragments, Owner};
use super::idle::{CLASSES, Class, slack_s};
use super::key::{Directed, KeyHasher, is_icmp_reply, proto};
use super::payload::Budget;
use super::segments::{SegmentRow, Tracking};
use super::side::{Moment, fold_transport};
use super::slab::Slab;
use crate::decode::flags::{ACK, FIN, RST, SYN};
use crate::decode::{Packet, Tcp, Transport, Weird};
use crate::time_guard::{MAX_STEP_NS, TimeGuard};
use std::collections::BTreeMap;

const NS_PER_S: i64 = 1_000_000_000;
/// A SYN with a new ISN on ports idle for this long opens a new connection, closed or not.
const REUSE_IDLE_NS: i64 = 5 * NS_PER_S;

/// What the tracker met, all counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames folded.
    pub packets: u64,
    /// Frames without IP.
    pub not_ip: u64,
    /// Later fragments.
    pub fragments: u64,
    /// Of them without a known first fragment.
    pub fragments_unmatched: u64,
    /// IP packets of a known protocol whose transport header is missing or malformed.
    pub no_transport: u64,
    /// Flows begun.
    pub flows: u64,
    /// Flows evicted since the table was full.
    pub evicted_flows: u64,
    /// Packets left out of the samples of ended flows, by thinning.
    pub samples_thinned: u64,
    /// Hull vertices of ended flows given up to the cap.
    pub hull_vertices_dropped: u64,
    /// Frames whose date was not believed.
    pub time_absurd: u64,
    /// Frames dated before an earlier frame.
    pub time_backwards: u64,
}

/// The tracker's own clock: follows packet time, never runs back.
#[derive(Clone, Copy, Debug, Default)]
struct PacketClock {
    latest_ns: Option<i64>,
    elapsed_ns: i64,
    /// Of what elapsed: whole seconds, and where the next begins.
    second: u64,
    next_second_ns: i64,
}

impl PacketClock {
    /// True: the time lies before an earlier one.
    #[inline]
    fn advance(&mut self, time_ns: i64) -> bool {
        let step = time_ns.saturating_sub(*self.latest_ns.get_or_insert(time_ns));
        // A jump back of days is another recording: it ends what was, as one forward does.
        if !(-MAX_STEP_NS..=0).contains(&step) {
            self.elapsed_ns = self.elapsed_ns.saturating_add(step.saturating_abs());
            self.latest_ns = Some(time_ns);
            if self.elapsed_ns >= self.next_second_ns {
                let second = self.elapsed_ns / NS_PER_S;
                self.second = second as u64;
                self.next_second_ns = second.saturating_add(1).saturating_mul(NS_PER_S);
            }
        }
        step < 0
    }
}

/// The key of a packet, and what is known of it beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub directed: &'a Directed,
    /// Of its key.
    pub hash: u64,
    /// The number of its flow, probably.
    pub guess: Option<u32>,
}

/// A frame that waits for the next one to tell whether its date is to be believed.
#[derive(Debug)]
struct Held {
    packet: Packet<'static>,
    payload: Box<[u8]>,
}

/// Folds packets into flows.
#[derive(Debug)]
pub struct Tracker {
    config: Config,
    pub(super) slab: Slab,
    fragments: Fragments,
    guard: TimeGuard,
    held: Vec<Held>,
    clock: PacketClock,
    /// Second up to which idle flows were ended.
    swept_s: u64,
    budget: Budget,
    counters: Counters,
    weirds: BTreeMap<Weird, u64>,
    ended: Vec<Flow>,
    /// The connection table beside the flows, where it is asked for.
    pub(super) tracking: Option<Box<Tracking>>,
    /// Connections that are over, where segments are analysed.
    earlier: Option<Earlier>,
}

impl Tracker {
    /// A tracker without flows.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            slab: Slab::new(),
            fragments: Fragments::default(),
            guard: TimeGuard::default(),
            held: Vec::new(),
            clock: PacketClock::default(),
            swept_s: 0,
            budget: Budget {
                left_bytes: config.payload_budget_bytes,
                n_dropped_bytes: 0,
            },
            counters: Counters::default(),
            weirds: BTreeMap::new(),
            ended: Vec::new(),
            tracking: None,
            earlier: config.analysis.then(Earlier::default),
        }
    }

    /// A tracker with a connection table under `ct`, and a second one under `what_if`. With
    /// `segments` it makes a row of each packet of a flow: take them out now and then.
    pub fn with_conntrack(
        config: Config,
        ct: CtConfig,
        what_if: Option<CtConfig>,
        segments: bool,
    ) -> Self {
        let mut tracker = Self::new(Config {
            analysis: config.analysis || segments,
            ..config
        });
        let tracking = Tracking::new(ct, what_if, segments, tracker.slab.hasher());
        tracker.tracking = Some(Box::new(tracking));
        tracker
    }

    /// The connection table, where there is one.
    pub fn conntrack(&self) -> Option<&Conntrack> {
        self.tracking.as_ref().map(|tracking| tracking.conntrack())
    }

    /// The entries of the connection table alive now, in order of their flows.
    pub fn entries(&self) -> Vec<EntryRow> {
        let conntrack = self.conntrack();
        conntrack.map_or_else(Vec::new, |conntrack| conntrack.rows(self.clock.elapsed_ns))
    }

    /// The rows of segments since the last call, in the packets' order.
    pub fn drain_segments(&mut self) -> Vec<SegmentRow> {
        let tracking = self.tracking.as_mut();
        tracking
            .map(|tracking| tracking.drain())
            .unwrap_or_default()
    }

    /// Its limits.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What hashes the keys of its flows.
    pub fn hasher(&self) -> KeyHasher {
        self.slab.hasher()
    }

    /// What it needs to know of packets besides what is decoded.
    pub fn needs(&self) -> Needs {
        let tracking = self.tracking.as_ref();
        Needs {
            hasher: self.hasher(),
            checksums: tracking.is_some_and(|tracking| tracking.needs_checksums()),
        }
    }

    /// Takes the next packet of the stream into account.
    pub fn fold(&mut self, packet: &Packet<'_>) {
        let directed = Directed::of(packet);
        self.fold_known(packet, directed.as_ref().map(|it| self.name(it)));
    }

    /// The same, where the packet's key and its hash are known already.
    #[inline]
    pub(super) fn fold_known(&mut self, packet: &Packet<'_>, flow: Option<Named<'_>>) {
        self.counters.packets += 1;
        if self.guard.follows(packet.time_ns) {
            let moment = Moment {
                time_ns: packet.time_ns,
                believed: true,
            };
            self.fold_at(packet, flow, moment);
        } else {
            self.judge(packet, flow);
        }
    }

    /// Ends every flow; packets may follow and begin new ones.
    pub fn finish(&mut self) {
        let fates = self.guard.settle();
        self.release(fates);
        while let Some(at) = self.slab.oldest() {
            self.end(at, EndReason::End);
        }
    }

    /// The flows that ended since the last call, in order of their ends.
    pub fn drain(&mut self) -> Vec<Flow> {
        std::mem::take(&mut self.ended)
    }

    /// Flows that [`Tracker::drain`] would give.
    pub fn n_ended(&self) -> usize {
        self.ended.len()
    }

    /// Flows alive.
    pub fn n_active(&self) -> usize {
        self.slab.len()
    }

    /// Payload bytes refused by the budget.
    pub fn n_payload_bytes_dropped(&self) -> u64 {
        self.budget.n_dropped_bytes
    }

    /// What it met.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Odd packets by their first oddity.
    pub fn weirds(&self) -> &BTreeMap<Weird, u64> {
        &self.weirds
    }

    #[cold]
    fn judge(&mut self, packet: &Packet<'_>, flow: Option<Named<'_>>) {
        let verdict = self.guard.judge(packet.time_ns);
        self.release(verdict.held);
        if verdict.hold {
            let payload = packet.payload.into();
            self.held.push(Held {
                packet: Packet {
                    payload: &[],
                    ..*packet
                },
                payload,
            });
        } else {
            let moment = Moment {
                time_ns: packet.time_ns,
                believed: true,
            };
            self.fold_at(packet, flow, moment);
        }
    }

    /// Folds the held frames whose fate is known.
    fn release(&mut self, fates: [Option<bool>; 2]) {
        let n_known = fates.into_iter().flatten().count().min(self.held.len());
        let known: Vec<Held> = self.held.drain(..n_known).collect();
        let fates = || known.iter().zip(fates.into_iter().flatten());
        let believed_ns = fates()
            .find(|(_, believed)| *believed)
            .map(|(held, _)| held.packet.time_ns);
        for (held, believed) in fates() {
            let packet = Packet {
                payload: &held.payload,
                ..held.packet
            };
            // An absurd frame came when its neighbour did.
            let own_ns = believed_ns
                .or(self.guard.current())
                .unwrap_or(packet.time_ns);
            let time_ns = if believed { packet.time_ns } else { own_ns };
            self.counters.time_absurd += u64::from(!believed);
            let directed = Directed::of(&packet);
            let flow = directed.as_ref().map(|it| self.name(it));
            self.fold_at(&packet, flow, Moment { time_ns, believed });
        }
    }

    #[inline]
    fn fold_at(&mut self, packet: &Packet<'_>, flow: Option<Named<'_>>, moment: Moment) {
        self.counters.time_backwards += u64::from(self.clock.advance(moment.time_ns));
        if packet.weird != Weird::None {
            *self.weirds.entry(packet.weird).or_default() += 1;
        }
        let now_s = self.clock.second;
        if now_s != self.swept_s {
            self.sweep(now_s);
        }
        if let Some(named) = flow {
            self.fold_named(packet, named, moment);
        } else if packet.ip_version == 0 {
            self.counters.not_ip += 1;
        } else if packet.fragment_offset != 0 {
            self.fold_fragment(packet, moment);
        } else {
            self.counters.no_transport += 1;
        }
    }

    fn name<'a>(&self, directed: &'a Directed) -> Named<'a> {
        Named {
            directed,
            hash: self.slab.hash(&directed.key),
            guess: None,
        }
    }

    #[inline]
    fn fold_named(&mut self, packet: &Packet<'_>, named: Named<'_>, moment: Moment) {
        let Named {
            directed,
            hash,
            guess,
        } = named;
        let known = match guess {
            Some(at) if self.slab.has(at, &directed.key) => guess,
            _ => self.slab.find(&directed.key, hash),
        };
        let at = match known {
            Some(at) => match self.succeeds(at, directed, packet) {
                None => at,
                Some(reason) => {
                    self.end(at, reason);
                    self.begin(packet, directed, hash, moment)
                }
            },
            None => self.begin(packet, directed, hash, moment),
        };
        if self
            .slab
            .get(at)
            .is_older_than(moment.time_ns, self.config.active_timeout_s)
        {
            self.cut(at, packet, moment);
        }
        let flow = self.slab.get_mut(at);
        if flow.state.ends[0] == Default::default() || flow.state.ends[1] == Default::default() {
            turn_to_opener(flow, directed, packet);
        }
        let side = usize::from(directed.from_high != flow.orig_is_high);
        flow.last_ns = flow.last_ns.max(moment.time_ns);
        flow.seen_ns = self.clock.elapsed_ns;
        flow.sides[side].count(packet, moment, &self.config);
        fold_transport(flow, side, packet, moment, &self.config, &mut self.budget);
        let finding = match (&mut self.earlier, &packet.transport) {
            (Some(earlier), Transport::Tcp(tcp)) => {
                Some(analyse(flow, earlier, directed, packet, tcp, moment))
            }
            _ => None,
        };
        if let Some(tracking) = &mut self.tracking {
            let key = (directed, hash);
            tracking.judge(flow, side, packet, key, moment.time_ns, finding);
        }
        let class = class_of(flow);
        if packet.more_fragments {
            let owner = Owner {
                flow: at,
                id: flow.id,
                from_high: directed.from_high,
            };
            self.fragments.remember(packet, owner);
        }
        self.touch(at, class);
    }

    /// Why the flow under the packet's key is over and the packet begins another; None: it goes on.
    #[inline]
    fn succeeds(&self, at: u32, directed: &Directed, packet: &Packet<'_>) -> Option<EndReason> {
        let flow = self.slab.get(at);
        let idle_ns = self.clock.elapsed_ns - flow.seen_ns;
        let over = flow.class == Class::TcpClosed;
        if idle_ns > NS_PER_S.saturating_mul(self.timeout_s(flow.class).into()) {
            return Some(if over {
                EndReason::Closed
            } else {
                EndReason::Timeout
            });
        }
        let Transport::Tcp(ref tcp) = packet.transport else {
            return None;
        };
        let opens = tcp.flags & (SYN | ACK | FIN | RST) == SYN;
        let side = usize::from(directed.from_high != flow.orig_is_high);
        let again = || {
            flow.sides[side]
                .tcp
                .syn
                .as_ref()
                .is_some_and(|syn| syn.isn == tcp.seq)
        };
        (opens && (over || idle_ns >= REUSE_IDLE_NS) && !again()).then_some(EndReason::Closed)
    }

    fn begin(
        &mut self,
        packet: &Packet<'_>,
        directed: &Directed,
        hash: u64,
        moment: Moment,
    ) -> u32 {
        while self.slab.len() >= self.config.max_flows.max(1) {
            let Some(oldest) = self.slab.oldest() else {
                break;
            };
            self.counters.evicted_flows += 1;
            self.end(oldest, EndReason::Evicted);
        }
        let icmp = match packet.transport {
            Transport::Icmp(icmp) => Some((icmp.kind, icmp.code)),
            _ => None,
        };
        let mut flow = Flow {
            id: self.counters.flows,
            first_packet: packet.number,
            key: directed.key,
            orig_is_high: directed.from_high,
            ip_version: packet.ip_version,
            icmp,
            vlan: packet.vlan,
            first_ns: moment.time_ns,
            last_ns: moment.time_ns,
            hash,
            ..Flow::default()
        };
        flow.class = class_of(&flow);
        self.counters.flows += 1;
        self.slab.insert(flow, self.clock.second)
    }

    fn fold_fragment(&mut self, packet: &Packet<'_>, moment: Moment) {
        self.counters.fragments += 1;
        let owner = self.fragments.owner(packet);
        match owner.filter(|owner| self.slab.holds(owner.flow, owner.id)) {
            None => self.counters.fragments_unmatched += 1,
            Some(owner) => {
                let flow = self.slab.get_mut(owner.flow);
                let side = usize::from(owner.from_high != flow.orig_is_high);
                flow.last_ns = flow.last_ns.max(moment.time_ns);
                flow.seen_ns = self.clock.elapsed_ns;
                flow.sides[side].count_bytes(packet, moment);
                let class = flow.class;
                self.touch(owner.flow, class);
            }
        }
    }

    /// Ends the flows that have surely been idle too long by the start of `now_s`.
    #[cold]
    fn sweep(&mut self, now_s: u64) {
        self.swept_s = now_s;
        for class in CLASSES {
            let timeout_s = self.timeout_s(class);
            // Moved in second t, so seen before t + slack.
            let surely_s = u64::from(timeout_s) + slack_s(timeout_s);
            let Some(last) = now_s.checked_sub(surely_s) else {
                continue;
            };
            while let Some(at) = self.slab.idle_since(class, last) {
                self.end(at, EndReason::Timeout);
            }
        }
    }

    fn end(&mut self, at: u32, reason: EndReason) {
        let flow = self.slab.take(at);
        self.hand_out(flow, reason);
    }

    /// Hands out what a flow was so far; from this packet on it counts anew.
    #[cold]
    fn cut(&mut self, at: u32, packet: &Packet<'_>, moment: Moment) {
        let id = self.counters.flows;
        self.counters.flows += 1;
        let flow = self.slab.get_mut(at);
        let record = flow.cut(id, packet.number, moment.time_ns);
        self.hand_out(record, EndReason::Active);
    }

    fn hand_out(&mut self, mut flow: Flow, reason: EndReason) {
        flow.end = match (reason, flow.class) {
            (EndReason::Timeout | EndReason::End, Class::TcpClosed) => EndReason::Closed,
            _ => reason,
        };
        for side in &mut flow.sides {
            side.head.close(&mut self.budget);
            let kept = side.samples.rows(self.config.samples_per_side).count() as u64;
            self.counters.samples_thinned += u64::from(side.samples.n_seen()) - kept;
            if let Some(clock) = &side.tcp.clock {
                self.counters.hull_vertices_dropped += u64::from(clock.n_dropped);
            }
        }
        if let (Some(earlier), Some(analysis)) = (&mut self.earlier, &flow.analysis) {
            earlier.remember(&flow.key, analysis);
        }
        self.ended.push(flow);
    }

    #[inline]
    fn touch(&mut self, at: u32, class: Class) {
        let (flow, now_s) = (self.slab.get(at), self.clock.second);
        // Nearly every packet: the flow was moved in this second.
        if flow.touched_s != now_s || flow.class != class {
            let slack_s = slack_s(self.timeout_s(class));
            self.slab.touch(at, class, now_s, slack_s);
        }
    }

    fn timeout_s(&self, class: Class) -> u32 {
        match class {
            Class::TcpOpening => self.config.tcp_opening_timeout_s,
            Class::TcpOpen => self.config.tcp_timeout_s,
            Class::TcpClosed => self.config.tcp_linger_s,
            Class::Udp => self.config.udp_timeout_s,
            Class::Icmp => self.config.icmp_timeout_s,
            Class::Other => self.config.other_timeout_s,
        }
    }
}

/// Judges a segment against those before it on its ports.
fn analyse(
    flow: &mut Flow,
    earlier: &mut Earlier,
    directed: &Directed,
    packet: &Packet<'_>,
    tcp: &Tcp,
    moment: Moment,
) -> Finding {
    let key = &directed.key;
    let analysis = flow.analysis.get_or_insert_with(|| earlier.take(key));
    let of_high = usize::from(directed.from_high);
    analysis.push(of_high, tcp, packet.payload_len, moment.time_ns)
}

#[inline]
fn class_of(flow: &Flow) -> Class {
    match flow.key.proto {
        proto::TCP if flow.state.is_over() => Class::TcpClosed,
        proto::TCP if flow.state.is_opening() => Class::TcpOpening,
        proto::TCP => Class::TcpOpen,
        proto::UDP => Class::Udp,
        proto::ICMP | proto::ICMPV6 => Class::Icmp,
        _ => Class::Other,
    }
}

/// The originator is who sent the SYN, or was sent the SYN/ACK or the reply; the first
/// packet decided so far, this one may know better.
fn turn_to_opener(flow: &mut Flow, directed: &Directed, packet: &Packet<'_>) {
    let sender_is_orig = directed.from_high == flow.orig_is_high;
    let opener_known = flow.sides.iter().any(|side| side.tcp.syn.is_some());
    let first = flow.sides.iter().all(|side| side.n_packets == 0) && !flow.continues;
    let turn = match packet.transport {
        Transport::Tcp(Tcp { flags, .. }) if !opener_known && flags & (FIN | RST) == 0 => {
            match flags & (SYN | ACK) {
                SYN => !sender_is_orig,
                both if both == SYN | ACK => sender_is_orig,
                _ => false,
            }
        }
        Transport::Icmp(icmp) => first && is_icmp_reply(packet.proto, icmp.kind),
        _ => false,
    };
    if turn {
        flow.swap_roles();
    }
}
