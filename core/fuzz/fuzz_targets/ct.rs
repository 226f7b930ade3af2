//! Any bytes as a session of frames under two connection trackers of small caps.
//!
//! The first two bytes choose the settings; the rest are frames as of `play_session`.
#![no_main]

use wiretell_core::decode::decode;
use wiretell_core::track::{Config, CtConfig, Tracker};
use wiretell_fuzz::play_session;

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
    let (mut n_rows, mut n_flows, mut n_plain) = (0, 0, 0);
    let number = play_session(bytes, |_, frame| {
        tracker.fold(&decode(frame));
        plain.fold(&decode(frame));
        for row in tracker.drain_segments() {
            n_rows += 1;
            assert!(row.packet <= frame.number && row.side < 2);
        }
        let alive = tracker.conntrack().map_or(0, |table| table.len());
        assert!(alive <= MAX_ENTRIES);
        n_flows += tracker.drain().len();
        n_plain += plain.drain().len();
    });
    tracker.finish();
    plain.finish();
    n_rows += tracker.drain_segments().len();
    n_flows += tracker.drain().len();
    n_plain += plain.drain().len();
    assert!(n_rows as u64 <= number);
    // The flows do not know that they are watched.
    assert_eq!(n_flows, n_plain);
});
