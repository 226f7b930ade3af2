//! The tracker: one packet in, ended flows out.

use super::batch::Needs;
use super::config::Config;
use super::conn_state::EndState;
use super::conntrack::{Conntrack, CtConfig, EntryRow};
use super::flow::{EndReason, Flow};
use super::flow_record::{Beside, Seen};
use super::fragments::{Fragments, Owner};
use super::gist::{Gist, Part};
use super::head::Head;
use super::idle::{CLASSES, Class, N_CLASSES, slack_s};
use super::key::KeyHasher;
use super::packet_clock::{NS_PER_S, PacketClock};
use super::record::Record;
use super::segments::{SegmentRow, Tracking};
use super::side::Moment;
use super::slab::Slab;
use super::tally::{Tally, Totals};
use crate::decode::flags::{ACK, FIN, RST, SYN};
use crate::decode::{Packet, Weird};
use crate::time_guard::TimeGuard;
use std::collections::BTreeMap;

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

/// What a class of flows is given, worked out once.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Idle time after which a flow is over.
    timeout_ns: i64,
    /// How far its place in the idle lists may lag behind.
    slack_s: u64,
}

impl Patience {
    fn of(config: &Config, class: Class) -> Self {
        let timeout_s = timeout_s(config, class);
        Self {
            timeout_ns: NS_PER_S.saturating_mul(timeout_s.into()),
            slack_s: slack_s(timeout_s),
        }
    }
}

/// Folds packets into flows.
#[derive(Debug)]
pub struct Tracker<R: Record = Flow> {
    config: Config,
    /// By the number of the class.
    patience: [Patience; N_CLASSES],
    pub(super) slab: Slab<R>,
    fragments: Fragments,
    guard: TimeGuard,
    /// Wait for the next packet to tell whether their dates are to be believed.
    held: Vec<(Gist, R::Held)>,
    clock: PacketClock,
    /// Second up to which idle flows were ended.
    swept_s: u64,
    counters: Counters,
    weirds: BTreeMap<Weird, u64>,
    /// What its flows share.
    pub(super) beside: R::Beside,
}

impl Tracker<Tally> {
    /// A tracker without flows that keeps of them what totals need.
    pub fn of_totals(config: Config) -> Self {
        Self::over(Slab::new(), config, Totals::default())
    }

    /// Takes the next packet of the stream into account.
    pub fn fold_gist(&mut self, gist: &Gist) {
        self.fold_known(gist, None, ());
    }

    /// Sums over the flows that ended and their packets; whole once all have ended.
    pub fn totals(&self) -> &Totals {
        &self.beside
    }
}

impl Tracker<Flow> {
    /// A tracker without flows.
    pub fn new(config: Config) -> Self {
        Self::over(Slab::new(), config, Beside::new(&config, None))
    }

    /// A tracker with a connection table under `ct`, and a second one under `what_if`. With
    /// `segments` it makes a row of each packet of a flow: take them out now and then.
    pub fn with_conntrack(
        config: Config,
        ct: CtConfig,
        what_if: Option<CtConfig>,
        segments: bool,
    ) -> Self {
        let config = Config {
            analysis: config.analysis || segments,
            ..config
        };
        let slab = Slab::new();
        let tracking = Tracking::new(ct, what_if, segments, slab.hasher());
        Self::over(slab, config, Beside::new(&config, Some(tracking)))
    }

    /// The connection table, where there is one.
    pub fn conntrack(&self) -> Option<&Conntrack> {
        let tracking = self.beside.tracking.as_ref();
        tracking.map(|tracking| tracking.conntrack())
    }

    /// The entries of the connection table alive now, in order of their flows.
    pub fn entries(&self) -> Vec<EntryRow> {
        let conntrack = self.conntrack();
        conntrack.map_or_else(Vec::new, |conntrack| conntrack.rows(self.clock.elapsed_ns))
    }

    /// The rows of segments since the last call, in the packets' order.
    pub fn drain_segments(&mut self) -> Vec<SegmentRow> {
        let tracking = self.beside.tracking.as_mut();
        tracking
            .map(|tracking| tracking.drain())
            .unwrap_or_default()
    }

    /// Takes the next packet of the stream into account.
    pub fn fold(&mut self, packet: &Packet<'_>) {
        let gist = Gist::of(packet, self.hasher());
        self.fold_known(&gist, None, Seen::whole(packet));
    }

    /// The flows that ended since the last call, in order of their ends.
    pub fn drain(&mut self) -> Vec<Flow> {
        std::mem::take(&mut self.beside.ended)
    }

    /// Flows that [`Tracker::drain`] would give.
    pub fn n_ended(&self) -> usize {
        self.beside.ended.len()
    }

    /// Payload bytes refused by the budget.
    pub fn n_payload_bytes_dropped(&self) -> u64 {
        self.beside.budget.n_dropped_bytes
    }
}

impl<R: Record> Tracker<R> {
    fn over(slab: Slab<R>, config: Config, beside: R::Beside) -> Self {
        Self {
            config,
            patience: CLASSES.map(|class| Patience::of(&config, class)),
            slab,
            fragments: Fragments::default(),
            guard: TimeGuard::default(),
            held: Vec::new(),
            clock: PacketClock::default(),
            swept_s: 0,
            counters: Counters::default(),
            weirds: BTreeMap::new(),
            beside,
        }
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
        Needs {
            hasher: self.hasher(),
            checksums: R::checks_sums(&self.beside),
        }
    }

    /// Takes the next packet of the stream into account; `guess`: the number of its flow, probably.
    #[inline]
    pub(super) fn fold_known(&mut self, gist: &Gist, guess: Option<u32>, seen: R::Seen<'_>) {
        self.counters.packets += 1;
        if self.guard.follows(gist.time_ns) {
            let moment = Moment {
                time_ns: gist.time_ns,
                believed: true,
            };
            self.fold_at(gist, guess, seen, moment);
        } else {
            self.judge(gist, guess, seen);
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

    /// Flows alive.
    pub fn n_active(&self) -> usize {
        self.slab.len()
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
    fn judge(&mut self, gist: &Gist, guess: Option<u32>, seen: R::Seen<'_>) {
        let verdict = self.guard.judge(gist.time_ns);
        self.release(verdict.held);
        if verdict.hold {
            self.held.push((*gist, R::hold(seen)));
        } else {
            let moment = Moment {
                time_ns: gist.time_ns,
                believed: true,
            };
            self.fold_at(gist, guess, seen, moment);
        }
    }

    /// Folds the held frames whose fate is known.
    fn release(&mut self, fates: [Option<bool>; 2]) {
        let n_known = fates.into_iter().flatten().count().min(self.held.len());
        let known: Vec<_> = self.held.drain(..n_known).collect();
        let fates = || known.iter().zip(fates.into_iter().flatten());
        let believed_ns = fates()
            .find(|(_, believed)| *believed)
            .map(|((gist, _), _)| gist.time_ns);
        for ((gist, held), believed) in fates() {
            // An absurd frame came when its neighbour did.
            let own_ns = believed_ns.or(self.guard.current()).unwrap_or(gist.time_ns);
            let time_ns = if believed { gist.time_ns } else { own_ns };
            self.counters.time_absurd += u64::from(!believed);
            let moment = Moment { time_ns, believed };
            R::with_held(held, |seen| self.fold_at(gist, None, seen, moment));
        }
    }

    #[inline]
    fn fold_at(&mut self, gist: &Gist, guess: Option<u32>, seen: R::Seen<'_>, moment: Moment) {
        self.counters.time_backwards += u64::from(self.clock.advance(moment.time_ns));
        if gist.weird != Weird::None {
            *self.weirds.entry(gist.weird).or_default() += 1;
        }
        let now_s = self.clock.second;
        if now_s != self.swept_s {
            self.sweep(now_s);
        }
        match gist.part {
            Part::OfFlow => self.fold_named(gist, guess, seen, moment),
            Part::LaterFragment => self.fold_fragment(gist, moment),
            Part::NoTransport => self.counters.no_transport += 1,
            Part::NotIp => self.counters.not_ip += 1,
        }
    }

    #[inline]
    fn fold_named(&mut self, gist: &Gist, guess: Option<u32>, seen: R::Seen<'_>, moment: Moment) {
        let key = &gist.directed.key;
        let known = match guess {
            Some(at) if self.slab.has(at, key) => guess,
            _ => self.slab.find(key, gist.hash),
        };
        let at = match known {
            Some(at) => match self.succeeds(at, gist) {
                None => at,
                Some(reason) => {
                    self.end(at, reason);
                    self.begin(gist, seen, moment)
                }
            },
            None => self.begin(gist, seen, moment),
        };
        let limit_s = self.config.active_timeout_s;
        let head = self.slab.get(at).head();
        if head.is_older_than(moment.time_ns, limit_s) {
            self.cut(at, seen, moment);
        }
        let flow = self.slab.get_mut(at);
        if flow.head().state.ends.contains(&EndState::Inactive) {
            turn_to_opener(flow, gist);
        }
        let head = flow.head_mut();
        let side = head.side(gist.directed.from_high);
        head.last_ns = head.last_ns.max(moment.time_ns);
        head.seen_ns = self.clock.elapsed_ns;
        flow.fold(side, gist, seen, moment, &self.config, &mut self.beside);
        let head = flow.head();
        let class = head.class_now();
        if gist.more_fragments {
            let owner = Owner {
                flow: at,
                id: head.id,
                from_high: gist.directed.from_high,
            };
            self.fragments.remember(gist, owner);
        }
        self.touch(at, class);
    }

    /// Why the flow under the packet's key is over and the packet begins another; None: it goes on.
    #[inline]
    fn succeeds(&self, at: u32, gist: &Gist) -> Option<EndReason> {
        let flow = self.slab.get(at);
        let head = flow.head();
        let idle_ns = self.clock.elapsed_ns - head.seen_ns;
        let over = head.class == Class::TcpClosed;
        if idle_ns > self.patience[head.class as usize].timeout_ns {
            return Some(if over {
                EndReason::Closed
            } else {
                EndReason::Timeout
            });
        }
        let opens = gist.is_segment && gist.tcp_flags & (SYN | ACK | FIN | RST) == SYN;
        let again = || flow.isn(head.side(gist.directed.from_high)) == Some(gist.seq);
        (opens && (over || idle_ns >= REUSE_IDLE_NS) && !again()).then_some(EndReason::Closed)
    }

    fn begin(&mut self, gist: &Gist, seen: R::Seen<'_>, moment: Moment) -> u32 {
        while self.slab.len() >= self.config.max_flows.max(1) {
            let Some(oldest) = self.slab.oldest() else {
                break;
            };
            self.counters.evicted_flows += 1;
            self.end(oldest, EndReason::Evicted);
        }
        let head = Head::begin(self.counters.flows, gist, moment.time_ns);
        self.counters.flows += 1;
        self.slab.insert(R::begin(head, seen), self.clock.second)
    }

    fn fold_fragment(&mut self, gist: &Gist, moment: Moment) {
        self.counters.fragments += 1;
        let owner = self.fragments.owner(gist);
        match owner.filter(|owner| self.slab.holds(owner.flow, owner.id)) {
            None => self.counters.fragments_unmatched += 1,
            Some(owner) => {
                let flow = self.slab.get_mut(owner.flow);
                let head = flow.head_mut();
                let side = head.side(owner.from_high);
                head.last_ns = head.last_ns.max(moment.time_ns);
                head.seen_ns = self.clock.elapsed_ns;
                let class = head.class;
                flow.fold_fragment(side, gist, moment, &mut self.beside);
                self.touch(owner.flow, class);
            }
        }
    }

    /// Ends the flows that have surely been idle too long by the start of `now_s`.
    #[cold]
    fn sweep(&mut self, now_s: u64) {
        self.swept_s = now_s;
        for class in CLASSES {
            let timeout_s = timeout_s(&self.config, class);
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
        flow.end(reason, &self.config, &mut self.counters, &mut self.beside);
    }

    /// Hands out what a flow was so far; from this packet on it counts anew.
    #[cold]
    fn cut(&mut self, at: u32, seen: R::Seen<'_>, moment: Moment) {
        let id = self.counters.flows;
        self.counters.flows += 1;
        let flow = self.slab.get_mut(at);
        let rest = flow.head().rest(id, moment.time_ns);
        let record = flow.cut(rest, seen);
        let reason = EndReason::Active;
        record.end(reason, &self.config, &mut self.counters, &mut self.beside);
    }

    #[inline(always)]
    fn touch(&mut self, at: u32, class: Class) {
        let (flow, now_s) = (self.slab.get(at).head(), self.clock.second);
        // Nearly every packet: the flow was moved not long ago.
        let slack_s = self.patience[class as usize].slack_s;
        if flow.class != class || now_s >= flow.touched_s + slack_s {
            self.slab.touch(at, class, now_s);
        }
    }
}

fn timeout_s(config: &Config, class: Class) -> u32 {
    match class {
        Class::TcpOpening => config.tcp_opening_timeout_s,
        Class::TcpOpen => config.tcp_timeout_s,
        Class::TcpClosed => config.tcp_linger_s,
        Class::UdpBrief => config.udp_brief_timeout_s,
        Class::Udp => config.udp_timeout_s,
        Class::Icmp => config.icmp_timeout_s,
        Class::Other => config.other_timeout_s,
    }
}

/// The originator is who sent the SYN, or was sent the SYN/ACK or the reply; the first
/// packet decided so far, this one may know better.
fn turn_to_opener<R: Record>(flow: &mut R, gist: &Gist) {
    let head = flow.head();
    let sender_is_orig = head.side(gist.directed.from_high) == 0;
    let opener_known = || [0, 1].iter().any(|&side| flow.isn(side).is_some());
    let first = || !flow.has_sent(0) && !flow.has_sent(1) && !head.continues;
    let turn = if gist.is_segment {
        let opens = match gist.tcp_flags & (SYN | ACK | FIN | RST) {
            SYN => !sender_is_orig,
            both if both == SYN | ACK => sender_is_orig,
            _ => false,
        };
        opens && !opener_known()
    } else {
        gist.answers && first()
    };
    if turn {
        let head = flow.head_mut();
        head.orig_is_high = !head.orig_is_high;
        head.state.ends.swap(0, 1);
        flow.swap_sides();
    }
}
