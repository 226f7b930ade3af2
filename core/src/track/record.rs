//! What may be kept of a flow: the tracker is the same for every kind of record.

use std::fmt::Debug;
use std::sync::Arc;

use super::batch::Needs;
use super::config::Config;
use super::flow::EndReason;
use super::gist::Gist;
use super::head::Head;
use super::side::Moment;
use super::tracker::Counters;
use crate::capture::Frame;

/// What is kept of one flow. [`super::Flow`] keeps all that signals need, [`super::Tally`] what
/// totals need: a tracker pays for what its records keep and for nothing else.
pub trait Record: Debug + Default + Send + Sized {
    /// What it wants to see of a packet besides its gist.
    type Seen<'a>: Copy;
    /// The same, kept while a packet waits for the next one.
    type Held: Debug + Send;
    /// The same, of all packets of a batch.
    type Store: Store<Self>;
    /// What all records of a tracker share.
    type Beside: Debug + Send;

    /// Looks ahead that fetch it from memory: of its head, its side, what hangs on that.
    const LOOKS_AHEAD: usize;

    /// A flow that a packet begins; the packet is folded afterwards.
    fn begin(head: Head, seen: Self::Seen<'_>) -> Self;
    /// Its head.
    fn head(&self) -> &Head;
    /// Its head, to change.
    fn head_mut(&mut self) -> &mut Head;
    /// Whether the originator (0) or the responder (1) has sent anything.
    fn has_sent(&self, side: usize) -> bool;
    /// The number of a side's first SYN or SYN/ACK.
    fn isn(&self, side: usize) -> Option<u32>;
    /// The sides change their places; the head's have done so.
    fn swap_sides(&mut self);
    /// Takes a packet of `side` into account.
    fn fold(
        &mut self,
        side: usize,
        gist: &Gist,
        seen: Self::Seen<'_>,
        moment: Moment,
        config: &Config,
        beside: &mut Self::Beside,
    );
    /// Takes a later fragment of `side` into account.
    fn fold_fragment(
        &mut self,
        side: usize,
        gist: &Gist,
        moment: Moment,
        beside: &mut Self::Beside,
    );
    /// Begins to count anew under `head`, with the packet that comes next; what was counted.
    fn cut(&mut self, head: Head, seen: Self::Seen<'_>) -> Self;
    /// It is over.
    fn end(
        self,
        end: EndReason,
        config: &Config,
        counters: &mut Counters,
        beside: &mut Self::Beside,
    );

    /// Keeps what is seen of a packet.
    fn hold(seen: Self::Seen<'_>) -> Self::Held;
    /// Sees it again.
    fn with_held<T>(held: &Self::Held, use_it: impl FnOnce(Self::Seen<'_>) -> T) -> T;

    /// Whether it wants to know which packets have wrong checksums.
    fn checks_sums(beside: &Self::Beside) -> bool;

    /// Asks memory for what a packet needs first.
    fn prefetch_head(&self);
    /// Asks for the side that sends.
    fn prefetch_side(&self, from_high: bool, beside: &Self::Beside);
    /// Asks for what hangs on that side.
    fn prefetch_rest(&self, from_high: bool);
}

/// What records want to see of the packets of a batch.
pub trait Store<R: Record>: Debug + Default + Send {
    /// Decodes the next frame as far as it is wanted, and keeps that.
    fn put(&mut self, frame: &Frame<'_>, buffer: Option<&Arc<Vec<u8>>>, needs: Needs) -> Gist;
    /// Shows what is kept of the packet at a place.
    fn with<T>(&self, at: usize, use_it: impl FnOnce(R::Seen<'_>) -> T) -> T;
    /// Whether another packet may be put into it.
    fn has_room(&self) -> bool;
    /// Empties it.
    fn clear(&mut self);
}
