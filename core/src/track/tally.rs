//! Flows of which only the totals are wanted: two cache lines each.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::batch::Needs;
use super::config::Config;
use super::flow::EndReason;
use super::gist::Gist;
use super::head::Head;
use super::prefetch::prefetch_first;
use super::record::{Record, Store};
use super::side::Moment;
use super::tracker::Counters;
use crate::capture::Frame;
use crate::decode::flags::{FIN, RST, SYN};

/// Sums over all flows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Flows that ended; at the end of the input all have.
    pub n_flows: u64,
    /// Of them those of which one side was not seen to send anything.
    pub n_one_sided: u64,
    /// Of them by IP protocol number.
    pub by_protocol: BTreeMap<u8, u64>,
    /// Packets of flows, later fragments included.
    pub n_packets: u64,
    /// Their IP bytes.
    pub ip_bytes: u64,
    /// Time of the earliest beginning of a flow that ended, ns.
    pub first_ns: Option<i64>,
    /// Latest time of a packet of a flow, ns.
    pub last_ns: Option<i64>,
}

impl Totals {
    #[inline]
    fn count(&mut self, ip_len: u32, time_ns: i64) {
        self.n_packets += 1;
        self.ip_bytes = self.ip_bytes.saturating_add(ip_len.into());
        self.last_ns = self.last_ns.max(Some(time_ns));
    }
}

/// What tells one flow from the next, and nothing besides.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct Tally {
    head: Head,
    /// Of each side's first SYN or SYN/ACK.
    isn: [Option<u32>; 2],
    has_sent: [bool; 2],
}

impl Record for Tally {
    type Seen<'a> = ();
    type Held = ();
    type Store = Nothing;
    type Beside = Totals;

    const LOOKS_AHEAD: usize = 1;

    fn begin(head: Head, (): ()) -> Self {
        Self {
            head,
            ..Self::default()
        }
    }

    #[inline]
    fn head(&self) -> &Head {
        &self.head
    }

    #[inline]
    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    #[inline]
    fn has_sent(&self, side: usize) -> bool {
        self.has_sent[side]
    }

    #[inline]
    fn isn(&self, side: usize) -> Option<u32> {
        self.isn[side]
    }

    fn swap_sides(&mut self) {
        self.isn.swap(0, 1);
        self.has_sent.swap(0, 1);
    }

    #[inline]
    fn fold(
        &mut self,
        side: usize,
        gist: &Gist,
        (): (),
        moment: Moment,
        _config: &Config,
        totals: &mut Totals,
    ) {
        totals.count(gist.ip_len, moment.time_ns);
        self.has_sent[side] = true;
        if gist.is_segment {
            let flags = gist.tcp_flags;
            self.head.state.update(side, flags, gist.payload_len);
            if flags & (SYN | FIN | RST) == SYN {
                self.isn[side].get_or_insert(gist.seq);
            }
        }
    }

    fn fold_fragment(&mut self, side: usize, gist: &Gist, moment: Moment, totals: &mut Totals) {
        totals.count(gist.ip_len, moment.time_ns);
        self.has_sent[side] = true;
    }

    fn cut(&mut self, head: Head, (): ()) -> Self {
        let rest = Self {
            head,
            isn: self.isn,
            has_sent: [false; 2],
        };
        std::mem::replace(self, rest)
    }

    fn end(self, _: EndReason, _: &Config, _: &mut Counters, totals: &mut Totals) {
        let first_ns = self.head.first_ns;
        totals.n_flows += 1;
        totals.n_one_sided += u64::from(self.has_sent != [true; 2]);
        *totals.by_protocol.entry(self.head.key.proto).or_default() += 1;
        totals.first_ns = Some(totals.first_ns.map_or(first_ns, |it| it.min(first_ns)));
    }

    fn hold((): ()) {}

    fn with_held<T>((): &(), use_it: impl FnOnce(()) -> T) -> T {
        use_it(())
    }

    fn checks_sums(_: &Totals) -> bool {
        false
    }

    #[inline]
    fn prefetch_head(&self) {
        prefetch_first(self, size_of::<Self>());
    }

    fn prefetch_side(&self, _from_high: bool, _: &Totals) {}

    fn prefetch_rest(&self, _from_high: bool) {}
}

/// Of packets nothing is kept but their gists.
#[derive(Debug, Default)]
pub struct Nothing;

impl Store<Tally> for Nothing {
    #[inline(always)]
    fn put(&mut self, frame: &Frame<'_>, _: Option<&Arc<Vec<u8>>>, needs: Needs) -> Gist {
        Gist::of_frame(frame, needs.hasher)
    }

    #[inline]
    fn with<T>(&self, _at: usize, use_it: impl FnOnce(()) -> T) -> T {
        use_it(())
    }

    #[inline]
    fn has_room(&self) -> bool {
        true
    }

    fn clear(&mut self) {}
}
