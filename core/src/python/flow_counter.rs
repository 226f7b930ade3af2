//! `wiretell._core.FlowCounter`: packets folded into flows of which only the totals are wanted.

use std::collections::HashMap;

use pyo3::prelude::*;

use super::lent::{Lent, in_chunks};
use super::reader::Reader;
use super::tracker::{check_flows, n_threads, tracker_counters, weird_counts};
use crate::track::{Config, Feed, Tally, Tracker};

/// Packets folded between two looks for a signal (Ctrl-C).
const CHUNK_PACKETS: usize = 1 << 20;

struct State {
    tracker: Tracker<Tally>,
    feed: Feed<Tally>,
}

/// Counts flows.
#[pyclass(frozen, module = "wiretell._core")]
pub(crate) struct FlowCounter(Lent<State>);

#[pymethods]
impl FlowCounter {
    #[new]
    #[pyo3(signature = (
        *,
        max_flows = Config::default().max_flows,
        tcp_timeout_s = Config::default().tcp_timeout_s,
        tcp_opening_timeout_s = Config::default().tcp_opening_timeout_s,
        tcp_linger_s = Config::default().tcp_linger_s,
        udp_brief_timeout_s = Config::default().udp_brief_timeout_s,
        udp_timeout_s = Config::default().udp_timeout_s,
        icmp_timeout_s = Config::default().icmp_timeout_s,
        other_timeout_s = Config::default().other_timeout_s,
        active_timeout_s = Config::default().active_timeout_s,
        threads = None,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        max_flows: usize,
        tcp_timeout_s: u32,
        tcp_opening_timeout_s: u32,
        tcp_linger_s: u32,
        udp_brief_timeout_s: u32,
        udp_timeout_s: u32,
        icmp_timeout_s: u32,
        other_timeout_s: u32,
        active_timeout_s: u32,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        check_flows(max_flows)?;
        let config = Config {
            max_flows,
            tcp_timeout_s,
            tcp_opening_timeout_s,
            tcp_linger_s,
            udp_brief_timeout_s,
            udp_timeout_s,
            icmp_timeout_s,
            other_timeout_s,
            active_timeout_s,
            ..Config::default()
        };
        Ok(Self(Lent::new(State {
            tracker: Tracker::of_totals(config),
            feed: Feed::new(n_threads(threads)?),
        })))
    }

    fn consume(&self, py: Python<'_>, reader: &Reader, max_packets: usize) -> PyResult<usize> {
        in_chunks(py, max_packets, CHUNK_PACKETS, |wanted| {
            Ok(self.0.with(py, |State { tracker, feed }| {
                reader.with(|frames| feed.fold(frames, tracker, wanted, |_| ()))
            }))
        })
    }

    fn finish(&self, py: Python<'_>) {
        self.0.with(py, |state| state.tracker.finish());
    }

    fn totals(&self, py: Python<'_>) -> HashMap<&'static str, i128> {
        self.0.with(py, |state| {
            let totals = state.tracker.totals();
            let counts = [
                ("flows", totals.n_flows),
                ("one_sided_flows", totals.n_one_sided),
                ("packets", totals.n_packets),
                ("bytes", totals.ip_bytes),
            ];
            let times = [("first_ns", totals.first_ns), ("last_ns", totals.last_ns)];
            let counts = counts.map(|(name, n)| (name, i128::from(n)));
            let times = times.map(|(name, ns)| Some((name, i128::from(ns?))));
            counts
                .into_iter()
                .chain(times.into_iter().flatten())
                .collect()
        })
    }

    fn protocols(&self, py: Python<'_>) -> HashMap<u8, u64> {
        self.0.with(py, |state| {
            let by_protocol = state.tracker.totals().by_protocol.iter();
            by_protocol.map(|(&proto, &n)| (proto, n)).collect()
        })
    }

    fn counters(&self, py: Python<'_>) -> HashMap<&'static str, u64> {
        self.0
            .with(py, |state| tracker_counters(&state.tracker, 0).into())
    }

    fn weirds(&self, py: Python<'_>) -> HashMap<&'static str, u64> {
        self.0.with(py, |state| weird_counts(&state.tracker))
    }
}
