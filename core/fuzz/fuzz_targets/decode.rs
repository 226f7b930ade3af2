//! Any bytes as a frame of any link type.
#![no_main]

use wiretell_core::capture::Frame;
use wiretell_core::decode::decode;
use wiretell_core::track::gist::Gist;
use wiretell_core::track::key::KeyHasher;

/// Those that the decoder knows, and one that it does not.
const LINK_TYPES: [u16; 13] = [0, 1, 9, 101, 105, 108, 113, 127, 192, 228, 229, 276, 65_535];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, data)) = bytes.split_first() else {
        return;
    };
    let frame = Frame {
        number: 1,
        time_ns: 0,
        link_type: LINK_TYPES[usize::from(choice) % LINK_TYPES.len()],
        interface: 0,
        data,
        wire_len: data.len() as u32,
    };
    let packet = decode(&frame);
    let hasher = KeyHasher::random();
    assert_eq!(
        Gist::of_frame(&frame, hasher),
        Gist::of(&packet, hasher),
        "both ways of decoding say the same"
    );
    assert!(packet.payload.len() <= data.len());
});
