//! Any bytes as a session of frames under two connection trackers of small caps.
//!
//! The first two bytes choose the settings; then as for `track`: per frame one byte of
//! choices, two of length, the frame, whose last eight bytes are also the time step.
#![no_main]

use wiretell_core::capture::Frame;
use wiretell_core::decode::decode;
use wiretell_core::track::{Config, CtConfig, Tracker};

const MAX_ENTRIES: usize = 6;
const SETTINGS: [&str; 4] = ["linux", "linux,liberal,paws", "pf-like", "strict"];

fn settings(choice: u8) -> CtConfig {
    let text = SETTINGS[usize::from(choice) % SETTINGS.len()];
    let mut config = CtConfig::parse(text).expect("settings of ours");
    config.max_entries = MAX_ENTRIES;
    config
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&[one, other], bytes)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let config = Config {
        max_flows: 8,
        max_payload_bytes: 64,
        payload_budget_bytes: 256,
        ..Config::default()
    };
    let (ct, what_if) = (settings(one), settings(other));
    let mut tracker = Tracker::with_conntrack(config, ct, Some(what_if), true);
    let mut plain = Tracker::new(config);
    let (mut rest, mut time_ns) = (bytes, 1_700_000_000_000_000_000_i64);
    let (mut number, mut n_rows, mut n_flows, mut n_plain) = (0, 0, 0, 0);
    while let Some((&[link, low, high], more)) = rest.split_first_chunk::<3>() {
        let len = usize::from(u16::from_le_bytes([low, high])).min(more.len());
        let (data, behind) = more.split_at(len);
        rest = behind;
        number += 1;
        if let Some(&tail) = data.last_chunk::<8>() {
            time_ns = time_ns.wrapping_add(i64::from_le_bytes(tail) >> (link >> 2));
        }
        let frame = Frame {
            number,
            time_ns,
            link_type: if link & 1 == 0 { 101 } else { 1 },
            interface: 0,
            data,
            wire_len: len as u32,
        };
        tracker.fold(&decode(&frame));
        plain.fold(&decode(&frame));
        for row in tracker.drain_segments() {
            n_rows += 1;
            assert!(row.packet <= number && row.side < 2);
        }
        let alive = tracker.conntrack().map_or(0, |table| table.len());
        assert!(alive <= MAX_ENTRIES);
        n_flows += tracker.drain().len();
        n_plain += plain.drain().len();
    }
    tracker.finish();
    plain.finish();
    n_rows += tracker.drain_segments().len();
    n_flows += tracker.drain().len();
    n_plain += plain.drain().len();
    assert!(n_rows as u64 <= number);
    // The flows do not know that they are watched.
    assert_eq!(n_flows, n_plain);
});
