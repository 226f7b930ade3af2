//! Any bytes as both sides of a call: signalling and control.
#![no_main]

use wiretell_core::track::expect::Helper;
use wiretell_fuzz::read_payloads;

const HELPERS: [(Helper, u8); 2] = [(Helper::Q931, 6), (Helper::H245, 6)];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((&choice, payloads)) = bytes.split_first() {
        let (helper, proto) = HELPERS[usize::from(choice) % HELPERS.len()];
        read_payloads(helper, proto, payloads);
    }
});
