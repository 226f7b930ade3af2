//! Packets -> flows: one pass, bounded memory.
//!
//! [`Tracker::fold`] takes packets one at a time and keeps per flow and side what the
//! signals need: counts, the timestamp clock's hull and sums, IP ID steps, the SYN's
//! signature, a few samples, the first payload bytes. A flow that ends goes to
//! [`Tracker::drain`]. What it keeps is a [`Record`]: [`Tally`] keeps totals alone.
//! Everything follows packet time alone, so the flows do not depend
//! on how the stream was cut into batches.

pub mod analysis;
mod batch;
pub mod clock;
pub mod community_id;
pub mod config;
pub mod conn_state;
pub mod conntrack;
mod earlier;
pub mod expect;
mod feed;
mod flight;
pub mod flow;
mod flow_record;
mod fragments;
mod gaps;
pub mod gist;
pub mod head;
pub mod history;
mod idle;
mod index;
pub mod ipid;
pub mod key;
mod packet_clock;
mod payload;
mod prefetch;
mod queue;
pub mod record;
mod rtt;
pub mod samples;
pub mod segments;
mod side;
pub mod signature;
mod slab;
pub mod tally;
mod tracker;

pub use batch::{BATCH_PACKETS, Batch, Needs};
pub use config::Config;
pub use conntrack::{Conntrack, CtConfig};
pub use feed::Feed;
pub use flow::{EndReason, Flow, Side};
pub use record::Record;
pub use segments::{SegmentRow, Tracking};
pub use tally::{Tally, Totals};
pub use tracker::{Counters, Tracker};
