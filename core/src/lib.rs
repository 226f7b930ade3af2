//! The loops over packets of wiretell: `capture` turns files into frames,
//! `decode` turns a frame into a packet, `track` folds packets into flows.
//!
//! Data flows one way (`capture -> decode -> track -> tables`); nothing in an
//! earlier module knows a later one. Traffic is never an error: malformed bytes
//! become a [`decode::Weird`] code or a [`capture::Damage`] entry and a counter.

pub mod capture;
pub mod decode;
mod time_guard;
pub mod track;

#[cfg(feature = "python")]
mod python;
#[cfg(feature = "python")]
mod tables;
