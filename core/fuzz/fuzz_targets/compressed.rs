//! Any bytes behind the magic number of each compression.
#![no_main]

const MAGICS: [&[u8]; 7] = [
    b"",
    b"\x1f\x8b\x08\x00",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ\0",
    b"BZh91AY&SY",
    b"\x04\x22\x4d\x18",
    b"\x50\x2a\x4d\x18",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else {
        return;
    };
    let magic = MAGICS[usize::from(choice) % MAGICS.len()];
    wiretell_fuzz::read_capture([magic, rest].concat());
});
