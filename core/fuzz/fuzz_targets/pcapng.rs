//! Any bytes behind a pcapng section header and one interface, in both byte orders.
#![no_main]

/// A section of unknown length and an Ethernet interface, little-endian.
const LITTLE: &[u8] = b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0\
    \x01\0\0\0\x14\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0";
/// The same, big-endian.
const BIG: &[u8] = b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d\0\x01\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x1c\
    \0\0\0\x01\0\0\0\x14\0\x01\0\0\0\0\0\0\0\0\0\x14";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for start in [&b""[..], LITTLE, BIG] {
        wiretell_fuzz::read_capture([start, bytes].concat());
    }
});
