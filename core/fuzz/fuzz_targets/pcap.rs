//! Any bytes behind any pcap magic number.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wiretell_fuzz::read_capture(bytes.to_vec());
    // The same behind a good file header, so that records are reached at once.
    let mut with_header = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    with_header.extend([0; 8]);
    with_header.extend([0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    with_header.extend(bytes);
    wiretell_fuzz::read_capture(with_header);
});
