//! `wiretell._core.Tracker`: packets folded into flows.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::mpsc::sync_channel;
use std::thread;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::ArrowBatch;
use super::lent::{Lent, in_chunks};
use super::reader::Reader;
use crate::capture::Frame;
use crate::decode::{decode, decode_verified};
use crate::tables::{FlowTable, SampleTable, SegmentTable, entry_table};
use crate::track::{self, Config, CtConfig, Feed, Flow};

/// Packets folded between two looks for a signal (Ctrl-C).
const CHUNK_PACKETS: usize = 1 << 18;

/// Least vertices that a hull can be held to: both ends and one between.
const LEAST_HULL: usize = 3;

/// Ended flows that are worth being sent to another thread.
const HAND_OVER_FLOWS: usize = 256;
/// How often so many may wait there.
const MAX_HANDED_OVER: usize = 16;

struct State {
    tracker: track::Tracker,
    feed: Feed,
    tables: Tables,
}

/// Rows of ended flows.
#[derive(Default)]
struct Tables {
    /// Not handed out yet.
    flows: FlowTable,
    /// Of these and of those handed out, until they are asked for.
    samples: SampleTable,
}

impl Tables {
    fn push(&mut self, ended: &[Flow], samples_per_side: usize) {
        for flow in ended {
            self.flows.push(flow);
            self.samples.push(flow, samples_per_side);
        }
    }
}

/// Folds packets into flows.
#[pyclass(frozen, module = "wiretell._core")]
pub(crate) struct Tracker(Lent<State>);

#[pymethods]
impl Tracker {
    #[new]
    #[pyo3(signature = (
        *,
        max_flows = Config::default().max_flows,
        max_payload_bytes = Config::default().max_payload_bytes,
        payload_budget_bytes = Config::default().payload_budget_bytes,
        samples_per_side = Config::default().samples_per_side,
        max_hull = Config::default().max_hull,
        tcp_timeout_s = Config::default().tcp_timeout_s,
        tcp_opening_timeout_s = Config::default().tcp_opening_timeout_s,
        tcp_linger_s = Config::default().tcp_linger_s,
        udp_brief_timeout_s = Config::default().udp_brief_timeout_s,
        udp_timeout_s = Config::default().udp_timeout_s,
        icmp_timeout_s = Config::default().icmp_timeout_s,
        other_timeout_s = Config::default().other_timeout_s,
        active_timeout_s = Config::default().active_timeout_s,
        ct = None,
        what_if = None,
        segments = false,
        analysis = Config::default().analysis,
        threads = None,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        max_flows: usize,
        max_payload_bytes: usize,
        payload_budget_bytes: usize,
        samples_per_side: usize,
        max_hull: usize,
        tcp_timeout_s: u32,
        tcp_opening_timeout_s: u32,
        tcp_linger_s: u32,
        udp_brief_timeout_s: u32,
        udp_timeout_s: u32,
        icmp_timeout_s: u32,
        other_timeout_s: u32,
        active_timeout_s: u32,
        ct: Option<&str>,
        what_if: Option<&str>,
        segments: bool,
        analysis: bool,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        check_flows(max_flows)?;
        if (1..LEAST_HULL).contains(&max_hull) {
            return Err(PyValueError::new_err(format!(
                "max_hull is neither 0 nor at least {LEAST_HULL}"
            )));
        }
        let n_threads = n_threads(threads)?;
        let settings = |text: Option<&str>| {
            let parsed = text.map(CtConfig::parse).transpose();
            parsed.map_err(PyValueError::new_err)
        };
        let (ct, what_if) = (settings(ct)?, settings(what_if)?);
        if ct.is_none() && (what_if.is_some() || segments) {
            return Err(PyValueError::new_err("what_if and segments need ct"));
        }
        let config = Config {
            max_flows,
            max_payload_bytes,
            payload_budget_bytes,
            samples_per_side,
            max_hull,
            tcp_timeout_s,
            tcp_opening_timeout_s,
            tcp_linger_s,
            udp_brief_timeout_s,
            udp_timeout_s,
            icmp_timeout_s,
            other_timeout_s,
            active_timeout_s,
            analysis,
        };
        let tracker = match ct {
            Some(ct) => track::Tracker::with_conntrack(config, ct, what_if, segments),
            None => track::Tracker::new(config),
        };
        Ok(Self(Lent::new(State {
            tracker,
            feed: Feed::new(n_threads),
            tables: Tables::default(),
        })))
    }

    fn consume(&self, py: Python<'_>, reader: &Reader, max_packets: usize) -> PyResult<usize> {
        in_chunks(py, max_packets, CHUNK_PACKETS, |wanted| {
            let fold = |state: &mut State| reader.with(|frames| state.fold(frames, wanted));
            Ok(self.0.with(py, fold))
        })
    }

    #[pyo3(signature = (time_ns, link_type, data, wire_len=None))]
    fn push(
        &self,
        py: Python<'_>,
        time_ns: i64,
        link_type: u16,
        data: &[u8],
        wire_len: Option<u32>,
    ) {
        let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
        self.0.with(py, |state| {
            let frame = Frame {
                number: state.tracker.counters().packets + 1,
                time_ns,
                link_type,
                interface: 0,
                data,
                wire_len: wire_len.unwrap_or(captured).max(captured),
            };
            let packet = match state.tracker.needs().checksums {
                true => decode_verified(&frame),
                false => decode(&frame),
            };
            state.tracker.fold(&packet);
        });
    }

    fn finish(&self, py: Python<'_>) {
        self.0.with(py, |state| state.tracker.finish());
    }

    #[pyo3(signature = (least=1))]
    fn drain_flows(&self, py: Python<'_>, least: usize) -> PyResult<Option<ArrowBatch>> {
        let batch = self.0.with(py, |state| {
            let State {
                tracker, tables, ..
            } = state;
            let n_ended = tables.flows.len() + tracker.n_ended();
            if n_ended == 0 || n_ended < least {
                return None;
            }
            tables.push(&tracker.drain(), tracker.config().samples_per_side);
            Some(tables.flows.finish())
        });
        batch.map(ArrowBatch::new).transpose()
    }

    fn drain_samples(&self, py: Python<'_>) -> PyResult<Option<ArrowBatch>> {
        let batch = self.0.with(py, |state| {
            let samples = &mut state.tables.samples;
            (samples.len() > 0).then(|| samples.finish())
        });
        batch.map(ArrowBatch::new).transpose()
    }

    fn drain_segments(&self, py: Python<'_>) -> PyResult<Option<ArrowBatch>> {
        let batch = self.0.with(py, |state| {
            let rows = state.tracker.drain_segments();
            let mut table = SegmentTable::default();
            for row in &rows {
                table.push(row);
            }
            (!rows.is_empty()).then(|| table.finish())
        });
        batch.map(ArrowBatch::new).transpose()
    }

    fn entries(&self, py: Python<'_>) -> PyResult<Option<ArrowBatch>> {
        let batch = self.0.with(py, |state| {
            let rows = state.tracker.entries();
            (!rows.is_empty()).then(|| entry_table(&rows))
        });
        batch.map(ArrowBatch::new).transpose()
    }

    fn counters(&self, py: Python<'_>) -> HashMap<&'static str, u64> {
        self.0.with(py, |state| {
            let tracker = &state.tracker;
            let n_dropped = tracker.n_payload_bytes_dropped();
            let mut named = HashMap::from(tracker_counters(tracker, n_dropped));
            if let Some(conntrack) = tracker.conntrack() {
                let counters = conntrack.counters();
                let [new, established, related, invalid, untracked] = counters.states;
                named.extend([
                    ("ct_entries", counters.entries),
                    ("ct_active_entries", conntrack.len() as u64),
                    ("ct_new", new),
                    ("ct_established", established),
                    ("ct_related", related),
                    ("ct_invalid", invalid),
                    ("ct_untracked", untracked),
                    ("ct_expired", counters.expired),
                    ("ct_early_dropped", counters.early_dropped),
                    ("ct_refused", counters.refused),
                    ("ct_expected", counters.expected),
                    ("ct_fulfilled", counters.fulfilled),
                    ("ct_third_party", counters.third_party),
                    ("ct_expectations_dropped", counters.expectations_dropped),
                ]);
            }
            named
        })
    }

    fn weirds(&self, py: Python<'_>) -> HashMap<&'static str, u64> {
        self.0.with(py, |state| weird_counts(&state.tracker))
    }
}

impl State {
    /// Folds up to `wanted` packets; how many there were.
    fn fold(&mut self, reader: &mut crate::capture::Reader, wanted: usize) -> usize {
        let Self {
            tracker,
            feed,
            tables,
        } = self;
        if !feed.is_shared(wanted) {
            return feed.fold(reader, tracker, wanted, |_| ());
        }
        // The rows are made beside folding.
        let samples_per_side = tracker.config().samples_per_side;
        thread::scope(|scope| {
            // It is closed at the end of this block, and so the thread ends.
            let (hand_over, ended) = sync_channel::<Vec<Flow>>(MAX_HANDED_OVER);
            let making = thread::Builder::new().name("tables".into());
            let rows = making.spawn_scoped(scope, move || {
                for flows in ended {
                    tables.push(&flows, samples_per_side);
                }
            });
            feed.fold(reader, tracker, wanted, |tracker| {
                if rows.is_ok() && tracker.n_ended() >= HAND_OVER_FLOWS {
                    // The thread is there as long as this channel is.
                    let _ = hand_over.send(tracker.drain());
                }
            })
        })
    }
}

/// What every kind of tracker counts, by name.
pub(super) fn tracker_counters<R: track::Record>(
    tracker: &track::Tracker<R>,
    payload_bytes_dropped: u64,
) -> [(&'static str, u64); 13] {
    let counters = tracker.counters();
    [
        ("packets", counters.packets),
        ("not_ip", counters.not_ip),
        ("fragments", counters.fragments),
        ("fragments_unmatched", counters.fragments_unmatched),
        ("no_transport", counters.no_transport),
        ("flows", counters.flows),
        ("active_flows", tracker.n_active() as u64),
        ("evicted_flows", counters.evicted_flows),
        ("payload_bytes_dropped", payload_bytes_dropped),
        ("samples_thinned", counters.samples_thinned),
        ("hull_vertices_dropped", counters.hull_vertices_dropped),
        ("time_absurd", counters.time_absurd),
        ("time_backwards", counters.time_backwards),
    ]
}

/// Odd packets by the name of their first oddity.
pub(super) fn weird_counts<R: track::Record>(
    tracker: &track::Tracker<R>,
) -> HashMap<&'static str, u64> {
    let weirds = tracker.weirds().iter();
    weirds.map(|(weird, n)| (weird.name(), *n)).collect()
}

/// So many flows can be numbered.
pub(super) fn check_flows(max_flows: usize) -> PyResult<()> {
    match (1..u32::MAX as usize).contains(&max_flows) {
        true => Ok(()),
        false => Err(PyValueError::new_err(
            "max_flows is not between 1 and 2**32 - 2",
        )),
    }
}

/// How many threads may work: as many as this process may use at once unless told, 1 where that
/// is not known.
pub(super) fn n_threads(told: Option<usize>) -> PyResult<usize> {
    match told {
        Some(0) => Err(PyValueError::new_err("threads must be at least 1")),
        Some(n) => Ok(n),
        None => Ok(thread::available_parallelism().map_or(1, NonZero::get)),
    }
}
