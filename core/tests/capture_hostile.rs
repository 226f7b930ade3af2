//! Any bytes in: no panic; any cutting into reads gives the same frames.

mod builder;

use std::io::Cursor;
use std::path::Path;

use builder::{Dribble, Order, drain, open, pcap, pcapng, read};
use proptest::prelude::*;
use wiretell_core::capture::Reader;

/// Captures of both formats, some with bytes overwritten, removed or put in.
fn captures() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![
        (0..60_u32).prop_map(pcap),
        (0..60_u32).prop_map(|n| pcapng(Order::Little, n)),
        (0..60_u32).prop_map(|n| pcapng(Order::Big, n)),
    ];
    let edit = (
        any::<prop::sample::Index>(),
        0..40_usize,
        prop::collection::vec(any::<u8>(), 0..40),
    );
    (whole, prop::collection::vec(edit, 0..4)).prop_map(|(mut bytes, edits)| {
        for (at, n_removed, added) in edits {
            let start = at.index(bytes.len());
            let end = (start + n_removed).min(bytes.len());
            bytes.splice(start..end, added);
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    })
}

fn magic() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(pcap(0)),
        Just(pcapng(Order::Little, 0)),
        Just(pcapng(Order::Big, 0)),
        Just(vec![0x1f, 0x8b, 8, 0]),
        Just(vec![0x28, 0xb5, 0x2f, 0xfd]),
        Just(b"\xfd7zXZ\0\0\x04".to_vec()),
        Just(b"BZh91AY&SY".to_vec()),
        Just(vec![0x04, 0x22, 0x4d, 0x18]),
        Just(vec![0x50, 0x2a, 0x4d, 0x18]),
        Just(vec![]),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_an_end(start in magic(), rest in prop::collection::vec(any::<u8>(), 0..2000)) {
        if let Ok(mut reader) = open([start, rest].concat()) {
            let n_bytes: usize = drain(&mut reader).iter().map(|frame| frame.data.len()).sum();
            prop_assert_eq!(n_bytes as u64, reader.counters().captured_bytes);
        }
    }

    #[test]
    fn damaged_captures_are_read_to_an_end(bytes in captures()) {
        if let Ok(mut reader) = open(bytes) {
            for frame in drain(&mut reader) {
                prop_assert!(frame.wire_len as usize >= frame.data.len());
            }
        }
    }

    #[test]
    fn any_cutting_into_reads_gives_the_same(
        bytes in captures(),
        sizes in prop::collection::vec(1..200_usize, 1..8),
    ) {
        let source = Dribble { bytes: Cursor::new(bytes.clone()), sizes, turn: 0 };
        let whole = open(bytes);
        let dribbled = Reader::from_stream(Path::new("made.cap"), Box::new(source), None);
        prop_assert_eq!(whole.is_ok(), dribbled.is_ok());
        if let (Ok(mut whole), Ok(mut dribbled)) = (whole, dribbled) {
            prop_assert_eq!(drain(&mut whole), drain(&mut dribbled));
            prop_assert_eq!(whole.damage(), dribbled.damage());
            prop_assert_eq!(whole.counters(), dribbled.counters());
        }
    }

    #[test]
    fn noise_behind_good_frames_takes_none_of_them(
        n in 1..40_u32,
        noise in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        for good in [pcap(n), pcapng(Order::Little, n)] {
            let (frames, _) = read(good.clone());
            let (more, _) = read([good, noise.clone()].concat());
            prop_assert_eq!(&more[..frames.len()], &frames[..]);
        }
    }
}
