//! The pcap format: variants, and damage.

mod builder;

use builder::{Order, drain, open, pcap, pcap_header, pcap_header_of, read, record};
use wiretell_core::capture::{DamageKind, Format, OpenError};

const RECORD_HEADER_BYTES: usize = 16;
const FILE_HEADER_BYTES: usize = 24;

#[test]
fn both_byte_orders_and_resolutions_give_the_same_times() {
    for order in [Order::Little, Order::Big] {
        for (magic, fraction) in [(0xa1b2_c3d4, 500_000), (0xa1b2_3c4d, 500_000_000)] {
            let mut bytes = pcap_header_of(order, magic, 65_535, 1);
            bytes.extend(record(order, 1_700_000_000, fraction, b"frame"));
            let (frames, damage) = read(bytes);
            assert_eq!(damage, []);
            assert_eq!(frames.len(), 1);
            assert_eq!(frames[0].time_ns, 1_700_000_000_500_000_000);
            assert_eq!((frames[0].number, frames[0].wire_len), (1, 5));
            assert_eq!(frames[0].data, b"frame");
        }
    }
}

#[test]
fn the_long_record_header_of_the_modified_format_is_skipped() {
    let mut bytes = pcap_header_of(Order::Little, 0xa1b2_cd34, 65_535, 1);
    for i in 0..3 {
        let plain = record(Order::Little, 100 + i, 0, b"abcd");
        bytes.extend(&plain[..RECORD_HEADER_BYTES]);
        bytes.extend([7; 8]);
        bytes.extend(b"abcd");
    }
    let (frames, damage) = read(bytes);
    assert_eq!((frames.len(), damage.len()), (3, 0));
    assert_eq!(frames[2].data, b"abcd");
}

#[test]
fn the_check_sequence_bits_are_no_part_of_the_link_type() {
    let mut bytes = pcap_header_of(Order::Little, 0xa1b2_c3d4, 65_535, 0x2400_0071);
    bytes.extend(record(Order::Little, 1, 0, b"x"));
    assert_eq!(read(bytes).0[0].link_type, 113);
}

#[test]
fn a_frame_cut_at_the_snap_length_keeps_its_wire_length() {
    let mut bytes = pcap_header(Order::Little);
    let words = [9_u32, 0, 4, 1500].map(u32::to_le_bytes);
    bytes.extend(words.as_flattened());
    bytes.extend(b"abcd");
    let (frames, damage) = read(bytes);
    assert_eq!(damage, []);
    assert_eq!((frames[0].data.len(), frames[0].wire_len), (4, 1500));
}

#[test]
fn every_cut_keeps_the_whole_frames_and_says_where() {
    let whole = pcap(3);
    let starts = [24, 24 + 36, 24 + 36 + 37, whole.len()];
    for len in FILE_HEADER_BYTES..=whole.len() {
        let n_frames = starts[1..].iter().filter(|&&end| end <= len).count();
        let (frames, damage) = read(whole[..len].to_vec());
        assert_eq!(frames.len(), n_frames, "cut at {len}");
        if starts.contains(&len) {
            assert_eq!(damage, []);
        } else {
            let place = (n_frames as u64, starts[n_frames] as u64, DamageKind::Cut);
            assert_eq!(damage, [place], "cut at {len}");
        }
    }
}

#[test]
fn after_a_corrupt_length_the_next_record_is_found() {
    let whole = pcap(20);
    let tenth = FILE_HEADER_BYTES + (0..9).map(|i| RECORD_HEADER_BYTES + 20 + i).sum::<usize>();
    for length in [0xffff_ffff_u32, 300_000, 100_000, 45_000, 33, 28] {
        let mut bytes = whole.clone();
        bytes[tenth + 8..tenth + 12].copy_from_slice(&length.to_le_bytes());
        let (frames, damage) = read(bytes);
        let last: Vec<u8> = frames.iter().rev().take(9).map(|f| f.data[0]).collect();
        assert_eq!(
            last,
            [19, 18, 17, 16, 15, 14, 13, 12, 11],
            "length {length}"
        );
        assert!(!damage.is_empty());
        assert!(
            frames.len() >= 19,
            "length {length}: {} frames",
            frames.len()
        );
        assert!(
            damage.iter().all(|d| d.2 == DamageKind::Corrupt),
            "{damage:?}"
        );
    }
}

#[test]
fn the_place_of_a_corrupt_record_is_named() {
    let mut bytes = pcap(20);
    let second = FILE_HEADER_BYTES + RECORD_HEADER_BYTES + 20;
    bytes[second + 8..second + 12].copy_from_slice(&[0xff; 4]);
    let mut reader = open(bytes).unwrap();
    assert_eq!(drain(&mut reader).len(), 19);
    let [damage] = &reader.damage()[..] else {
        panic!("one damage expected: {:?}", reader.damage());
    };
    assert_eq!((damage.packet, damage.offset), (1, second as u64));
    assert_eq!(damage.message, "no record can begin here: 37 bytes skipped");
    assert_eq!(damage.file.to_str(), Some("made.cap"));
    assert_eq!(reader.counters().damaged, 1);
}

#[test]
fn noise_and_zeros_between_records_are_skipped() {
    for filler in [
        vec![0; 5000],
        vec![0xff; 777],
        b"GET / HTTP/1.1\r\n".repeat(30),
    ] {
        let head = pcap(10);
        let tail = pcap(10).split_off(FILE_HEADER_BYTES);
        let (frames, damage) = read([&head[..], &filler, &tail].concat());
        assert_eq!(frames.len(), 20);
        let at = head.len() as u64;
        assert_eq!(damage[0], (10, at, DamageKind::Corrupt));
    }
}

#[test]
fn empty_frames_and_lengths_above_the_wire_length_are_taken() {
    let mut bytes = pcap_header(Order::Little);
    for _ in 0..3 {
        bytes.extend(record(Order::Little, 5, 0, b""));
        let words = [6_u32, 0, 4, 2].map(u32::to_le_bytes);
        bytes.extend(words.as_flattened());
        bytes.extend(b"abcd");
    }
    let (frames, _) = read(bytes);
    assert_eq!(frames.len(), 6);
    assert_eq!(frames[1].wire_len, 4);
}

#[test]
fn captures_put_together_with_cat_are_read_on() {
    let mut second = pcap_header_of(Order::Big, 0xa1b2_3c4d, 100, 113);
    for _ in 0..2 {
        second.extend(record(Order::Big, 1_800_000_000, 7, b"other"));
    }
    let mut reader = open([pcap(4), second].concat()).unwrap();
    let frames = drain(&mut reader);
    assert_eq!(frames.len(), 6);
    assert_eq!(frames[4].link_type, 113);
    assert_eq!(frames[4].time_ns, 1_800_000_000_000_000_007);
    assert_eq!(reader.damage(), []);
    assert_eq!(reader.files()[0].link_types, [1, 113]);
}

#[test]
fn steps_back_in_time_are_counted_and_large_ones_named() {
    let mut bytes = pcap_header(Order::Little);
    for (seconds, micros) in [(50, 10), (50, 9), (40, 0), (41, 0)] {
        bytes.extend(record(Order::Little, seconds, micros, b"frame"));
    }
    let mut reader = open(bytes).unwrap();
    assert_eq!(drain(&mut reader).len(), 4);
    assert_eq!(reader.counters().time_backwards, 2);
    let [damage] = &reader.damage()[..] else {
        panic!("one damage expected: {:?}", reader.damage());
    };
    assert_eq!((damage.packet, damage.kind), (2, DamageKind::TimeBackwards));
    assert_eq!(
        damage.offset as usize,
        FILE_HEADER_BYTES + 2 * 21 + RECORD_HEADER_BYTES
    );
    assert_eq!(damage.message, "10.000 s earlier than the frame before");
}

#[test]
fn the_list_of_damage_is_bounded_and_the_count_is_not() {
    let mut bytes = pcap(3);
    for _ in 0..2000 {
        bytes.extend([0xff; 50]);
        bytes.extend(pcap(3).split_off(FILE_HEADER_BYTES));
    }
    let mut reader = open(bytes).unwrap();
    assert_eq!(drain(&mut reader).len(), 6003);
    assert_eq!(reader.counters().damaged, 2000);
    assert_eq!(reader.damage().len(), 256);
}

#[test]
fn what_is_no_capture_is_refused_with_its_offset() {
    let refused = |bytes: Vec<u8>| match open(bytes).err() {
        Some(OpenError::NotACapture {
            offset, message, ..
        }) => (offset, message),
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(refused(vec![]), (0, "the file is empty".into()));
    assert_eq!(refused(pcap(1)[..23].to_vec()).0, 23);
    assert_eq!(
        refused(vec![b'x'; 100]),
        (0, "neither pcap nor pcapng".into())
    );
}

#[test]
fn a_file_header_alone_is_an_empty_capture() {
    let mut reader = open(pcap(0)).unwrap();
    assert!(reader.next_frame().is_none());
    assert!(reader.next_frame().is_none());
    assert_eq!(reader.damage(), []);
    let info = &reader.files()[0];
    assert_eq!(
        (info.format, info.compression, info.n_packets),
        (Format::Pcap, None, 0)
    );
}

#[test]
fn a_lone_absurd_date_is_named_wherever_it_stands() {
    for at in 0..5 {
        for absurd in [0, 4_000_000_000] {
            let mut bytes = pcap_header(Order::Little);
            for i in 0..5 {
                let seconds = if i == at { absurd } else { 1_700_000_000 + i };
                bytes.extend(record(Order::Little, seconds, 0, b"frame"));
            }
            let mut reader = open(bytes).unwrap();
            assert_eq!(drain(&mut reader).len(), 5);
            let [damage] = &reader.damage()[..] else {
                panic!("one damage expected at {at}: {:?}", reader.damage());
            };
            assert_eq!(damage.kind, DamageKind::TimeAbsurd);
            assert_eq!(damage.packet, u64::from(at));
            let before = FILE_HEADER_BYTES + at as usize * 21 + RECORD_HEADER_BYTES;
            assert_eq!(damage.offset as usize, before);
        }
    }
}
