//! The connection tracker: Linux's nf_conntrack as a table over packet time.
//!
//! It stands beside the flow table and shares its keys: a flow is what a report is about, an
//! entry is what a firewall would remember. Their lives differ. A flow ends five seconds after
//! its close and an entry when its state's timeout says; an entry that is dropped leaves the
//! flow alone.
//!
//! Behaviour is Linux's (6.18), found by feeding packets to it and comparing, and by reading
//! what its source does; tables and code are our own.

mod config;
mod entry;
mod expected;
mod listing;
mod sctp;
mod store;
mod table;
mod tcp;
pub mod tcp_state;
mod tcp_window;
pub mod timeout;
mod tuple;
mod verdict;

#[cfg(test)]
mod tests;

pub use config::{CtConfig, PROFILES};
pub use listing::EntryRow;
pub use table::{Conntrack, CtCounters};
pub use verdict::{After, Bound, CtState, Reason, Verdict};
