//! Any bytes as both sides of FTP, IRC, and SIP over TCP.
#![no_main]

use wiretell_core::track::expect::Helper;
use wiretell_fuzz::read_payloads;

const HELPERS: [(Helper, u8); 3] = [(Helper::Ftp, 6), (Helper::Irc, 6), (Helper::Sip, 6)];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((&choice, payloads)) = bytes.split_first() {
        let (helper, proto) = HELPERS[usize::from(choice) % HELPERS.len()];
        read_payloads(helper, proto, payloads);
    }
});
