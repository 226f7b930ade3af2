//! Any bytes as a session of frames, folded into flows by a tracker of small caps.
//!
//! Per frame: one byte of choices (link type, drain or not, size of the time step), two
//! of length, then the frame, whose last eight bytes are also the time step.
#![no_main]

use wiretell_core::capture::Frame;
use wiretell_core::decode::decode;
use wiretell_core::track::{Config, Tracker};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut tracker = Tracker::new(Config {
        max_flows: 8,
        max_payload_bytes: 64,
        payload_budget_bytes: 256,
        analysis: true,
        ..Config::default()
    });
    let (mut rest, mut time_ns, mut n_flows) = (bytes, 1_700_000_000_000_000_000_i64, 0);
    let mut number = 0;
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
        if link & 2 != 0 {
            n_flows += tracker.drain().len();
        }
    }
    tracker.finish();
    n_flows += tracker.drain().len();
    assert!(n_flows as u64 <= number);
});
