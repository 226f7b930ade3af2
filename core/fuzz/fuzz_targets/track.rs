//! Any bytes as a session of frames, folded into flows by a tracker of small caps.
//!
//! Frames are those of `play_session`; their second choice is to drain or not.
#![no_main]

use wiretell_core::decode::decode;
use wiretell_core::track::gist::Gist;
use wiretell_core::track::{Config, Tracker};
use wiretell_fuzz::play_session;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let config = Config {
        max_flows: 8,
        max_payload_bytes: 64,
        payload_budget_bytes: 256,
        analysis: true,
        ..Config::default()
    };
    let mut tracker = Tracker::new(config);
    let mut counting = Tracker::of_totals(config);
    let mut n_flows = 0;
    let number = play_session(bytes, |choices, frame| {
        tracker.fold(&decode(frame));
        counting.fold_gist(&Gist::of_frame(frame, counting.hasher()));
        if choices & 2 != 0 {
            n_flows += tracker.drain().len();
        }
    });
    tracker.finish();
    n_flows += tracker.drain().len();
    assert!(n_flows as u64 <= number);
    counting.finish();
    assert_eq!(counting.totals().n_flows, n_flows as u64);
    assert_eq!(counting.weirds(), tracker.weirds());
});
