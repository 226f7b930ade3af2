//! Compressed captures: every codec, several members, broken members.

mod builder;

use std::io::Write;

use builder::{Order, drain, open, pcap, pcapng, read};
use wiretell_core::capture::{DamageKind, OpenError};

type Compress = fn(&[u8]) -> Vec<u8>;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const CODECS: [(&str, Compress); 5] = [
    ("gz", gzip),
    ("zst", zstandard),
    ("xz", xz),
    ("bz2", bzip2),
    ("lz4", lz4),
];

/// A capture of several chunks' size that does not compress to nothing.
fn large() -> Vec<u8> {
    let mut bytes = pcap(0);
    let mut state = 1_u32;
    for i in 0..2000 {
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let data: Vec<u8> = std::iter::repeat_with(next).take(700).collect();
        bytes.extend(builder::record(Order::Little, 1_700_000_000 + i, 0, &data));
    }
    bytes
}

#[test]
fn every_codec_gives_the_plain_frames() {
    for plain in [pcap(100), pcapng(Order::Big, 100), large()] {
        let (frames, _) = read(plain.clone());
        for (name, compress) in CODECS {
            let mut reader = open(compress(&plain)).unwrap();
            assert_eq!(drain(&mut reader), frames, "{name}");
            assert_eq!(reader.damage(), [], "{name}");
            assert_eq!(reader.files()[0].compression, Some(name));
        }
    }
}

#[test]
fn several_members_are_one_stream() {
    let plain = pcap(100);
    let (frames, _) = read(plain.clone());
    for (name, compress) in CODECS {
        let (first, second) = plain.split_at(1234);
        let members = [compress(first), compress(b""), compress(second)];
        assert_eq!(read(members.concat()), (frames.clone(), vec![]), "{name}");
    }
}

#[test]
fn padding_and_skippable_frames_hold_nothing() {
    let plain = pcap(100);
    let (first, second) = plain.split_at(1234);
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"other"].concat();
    let padding = vec![0; 512];
    let members = [
        skippable.clone(),
        zstandard(first),
        padding,
        xz(second),
        skippable,
    ];
    assert_eq!(read(members.concat()), read(plain));
}

#[test]
fn a_cut_stream_keeps_what_was_inflated() {
    let plain = large();
    for (name, compress) in CODECS {
        let mut compressed = compress(&plain);
        compressed.truncate(compressed.len() / 2);
        let (frames, damage) = read(compressed);
        // bzip2 gives nothing of a block before its end; its blocks here are 100 kB.
        assert!(
            (800..1040).contains(&frames.len()),
            "{name}: {} frames",
            frames.len()
        );
        let kinds: Vec<_> = damage.iter().map(|d| d.2).collect();
        assert!(
            kinds.contains(&DamageKind::Compression),
            "{name}: {kinds:?}"
        );
        assert!(
            damage.iter().all(|d| d.0 == frames.len() as u64),
            "{name}: {damage:?}"
        );
    }
}

#[test]
fn after_a_broken_member_the_next_is_read() {
    for (name, compress) in CODECS {
        let mut broken = compress(&large());
        let middle = broken.len() / 2;
        for byte in &mut broken[middle..middle + 64] {
            *byte ^= 0x5a;
        }
        let after = compress(&pcap(50));
        let (frames, damage) = read([compress(&pcap(70)), broken, after].concat());
        let last: Vec<_> = frames.iter().rev().take(50).map(|f| f.data.len()).collect();
        let expected: Vec<_> = (0..50).rev().map(|i| 20 + i).collect();
        assert_eq!(
            last,
            expected,
            "{name}: {} frames, {damage:?}",
            frames.len()
        );
        assert!(frames.len() > 70 + 800, "{name}: {} frames", frames.len());
        assert!(
            damage.iter().any(|d| d.2 == DamageKind::Compression),
            "{name}"
        );
    }
}

#[test]
fn a_compressed_file_that_is_no_capture_is_refused() {
    for (name, compress) in CODECS {
        for plain in [&b""[..], b"a", &[b'x'; 5000]] {
            let result = open(compress(plain));
            assert!(
                matches!(result, Err(OpenError::NotACapture { .. })),
                "{name}"
            );
        }
        let mut cut = compress(&pcap(1));
        cut.truncate(12);
        assert!(
            matches!(open(cut), Err(OpenError::NotACapture { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_reader_dropped_early_does_not_wait_for_its_thread() {
    let mut reader = open(gzip(&large())).unwrap();
    assert!(reader.next_frame().is_some());
}
