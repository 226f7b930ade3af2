//! Any bytes as datagrams of TFTP, SIP, talk, SNMP, NetBIOS names.
#![no_main]

use wiretell_core::track::expect::Helper;
use wiretell_fuzz::read_payloads;

const HELPERS: [(Helper, u8); 6] = [
    (Helper::Tftp, 17),
    (Helper::Sip, 17),
    (Helper::Talk, 17),
    (Helper::Ntalk, 17),
    (Helper::Snmp, 17),
    (Helper::NetbiosNs, 17),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((&choice, payloads)) = bytes.split_first() {
        let (helper, proto) = HELPERS[usize::from(choice) % HELPERS.len()];
        read_payloads(helper, proto, payloads);
    }
});
