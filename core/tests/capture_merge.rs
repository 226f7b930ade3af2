//! Several files as one stream, files on disk, filters, counters.

mod builder;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use builder::{Order, drain, pcap, pcap_header, pcap_header_of, record};
use wiretell_core::capture::bpf::Program;
use wiretell_core::capture::{DamageKind, OpenError, Reader};

/// Writes `files` into a folder of the test's own.
fn write(test: &str, files: &[Vec<u8>]) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    fs::create_dir_all(&folder).unwrap();
    let path = |i: usize| folder.join(format!("{i}.pcap"));
    for (i, bytes) in files.iter().enumerate() {
        fs::write(path(i), bytes).unwrap();
    }
    (0..files.len()).map(path).collect()
}

/// A capture with a frame at each of `seconds`; `mark` is its content.
fn at(mark: u8, seconds: &[u32]) -> Vec<u8> {
    let mut bytes = pcap_header(Order::Little);
    for &s in seconds {
        bytes.extend(record(Order::Little, s, 0, &[mark; 20]));
    }
    bytes
}

fn marks(reader: &mut Reader) -> Vec<(u8, i64)> {
    let frames = drain(reader);
    assert!(frames.iter().map(|f| f.number).eq(1..=frames.len() as u64));
    frames
        .iter()
        .map(|f| (f.data[0], f.time_ns / 1_000_000_000))
        .collect()
}

#[test]
fn frames_come_in_time_order_and_equal_times_in_file_order() {
    let paths = write(
        "time_order",
        &[
            at(b'a', &[10, 20, 30, 30]),
            at(b'b', &[5, 20, 40]),
            at(b'c', &[]),
        ],
    );
    let mut reader = Reader::open(&paths, None).unwrap();
    let expected = [
        (b'b', 5),
        (b'a', 10),
        (b'a', 20),
        (b'b', 20),
        (b'a', 30),
        (b'a', 30),
        (b'b', 40),
    ];
    assert_eq!(marks(&mut reader), expected);
    assert_eq!(
        reader
            .files()
            .iter()
            .map(|f| f.n_packets)
            .collect::<Vec<_>>(),
        [4, 3, 0]
    );
    let size = paths.iter().map(|p| fs::metadata(p).unwrap().len()).sum();
    assert_eq!(reader.position(), (size, Some(size)));
}

#[test]
fn one_absurd_date_does_not_hold_up_its_file() {
    let day = 86_400;
    let far = 4_000_000_000;
    for absurd in [
        &[far, 110, 120][..],
        &[100, far, 120],
        &[100, 0, 120],
        &[100, 110, far],
    ] {
        let paths = write(
            "absurd_date",
            &[at(b'a', absurd), at(b'b', &[115, 130, day])],
        );
        let mut reader = Reader::open(&paths, None).unwrap();
        let sane: Vec<_> = marks(&mut reader)
            .into_iter()
            .filter(|&(_, s)| s != 0 && s != i64::from(far))
            .collect();
        assert!(sane.is_sorted_by_key(|&(_, s)| s), "{absurd:?}: {sane:?}");
        assert_eq!(reader.counters().frames, 6);
    }
}

#[test]
fn a_real_gap_of_days_keeps_the_order() {
    let day = 86_400;
    let paths = write(
        "gap",
        &[
            at(b'a', &[1, 9 * day, 9 * day + 1]),
            at(b'b', &[2, 3, 8 * day]),
        ],
    );
    let seen = marks(&mut Reader::open(&paths, None).unwrap());
    assert!(seen.is_sorted_by_key(|&(_, s)| s), "{seen:?}");
}

#[test]
fn many_files_are_opened_as_the_stream_reaches_them() {
    let files: Vec<_> = (0..300_u32)
        .map(|i| at(i as u8, &[1000 - i * 3, 1001 - i * 3, 1002 - i * 3]))
        .collect();
    let paths = write("many", &files);
    let mut reader = Reader::open(&paths, None).unwrap();
    let seen = marks(&mut reader);
    assert_eq!(seen.len(), 900);
    assert!(seen.is_sorted_by_key(|&(_, s)| s));
    assert!(reader.files().iter().all(|f| f.n_packets == 3));
}

#[test]
fn a_file_that_vanishes_before_its_turn_is_damage() {
    let files: Vec<_> = (0..20).map(|i| at(i, &[100 + u32::from(i)])).collect();
    let paths = write("vanished", &files);
    let mut reader = Reader::open(&paths, None).unwrap();
    fs::remove_file(&paths[7]).unwrap();
    assert_eq!(marks(&mut reader).len(), 19);
    let damage = reader.damage();
    assert_eq!((damage[0].kind, damage[0].packet), (DamageKind::Read, 7));
    assert_eq!(damage[0].file, paths[7]);
}

#[test]
fn damage_names_the_stream_number_of_the_last_good_frame_of_its_file() {
    let mut cut = at(b'b', &[3, 4, 6]);
    cut.truncate(cut.len() - 1);
    let paths = write("stream_number", &[at(b'a', &[1, 2, 5]), cut]);
    let mut reader = Reader::open(&paths, None).unwrap();
    assert_eq!(marks(&mut reader).len(), 5);
    let damage = reader.damage();
    assert_eq!(
        (damage.len(), damage[0].kind, damage[0].packet),
        (1, DamageKind::Cut, 4)
    );
    assert_eq!(damage[0].file, paths[1]);
}

#[test]
fn interfaces_of_different_files_have_different_numbers() {
    let mut raw = pcap_header_of(Order::Big, 0xa1b2_3c4d, 65_535, 101);
    raw.extend(record(Order::Big, 2, 0, b"raw"));
    let paths = write("interfaces", &[at(b'a', &[1]), raw]);
    let frames = drain(&mut Reader::open(&paths, None).unwrap());
    let seen: Vec<_> = frames.iter().map(|f| (f.interface, f.link_type)).collect();
    assert_eq!(seen, [(0, 1), (1, 101)]);
}

#[test]
fn a_filter_passes_over_frames_but_counts_them() {
    // ldb [0]; jeq #'a', accept, reject
    let accept_a: Vec<u8> = [
        [0x30, 0, 0, 0, 0, 0, 0, 0],
        [0x15, 0, 0, 1, b'a', 0, 0, 0],
        [0x06, 0, 0, 0, 1, 0, 0, 0],
        [0x06, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let mut raw = pcap_header_of(Order::Little, 0xa1b2_c3d4, 65_535, 101);
    raw.extend(record(Order::Little, 4, 0, b"a"));
    let paths = write("filter", &[at(b'a', &[1, 3]), at(b'b', &[2]), raw]);
    let filters = HashMap::from([(1, Program::from_bytes(&accept_a).unwrap())]);
    let mut reader = Reader::open(&paths, Some(filters)).unwrap();
    let numbers: Vec<_> = drain(&mut reader).iter().map(|f| f.number).collect();
    assert_eq!(numbers, [1, 3]);
    let counters = reader.counters();
    assert_eq!((counters.frames, counters.filtered_out), (4, 2));
    assert_eq!((counters.captured_bytes, counters.wire_bytes), (61, 61));
}

#[test]
fn a_missing_file_is_an_error_of_the_system_and_names_the_file() {
    let good = write("missing", &[pcap(1)]);
    for paths in [
        vec!["absent.pcap".into()],
        vec![good[0].clone(), "absent.pcap".into()],
    ] {
        match Reader::open(&paths, None).err() {
            Some(OpenError::Io { path, error }) => {
                assert_eq!(path.to_str(), Some("absent.pcap"));
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            }
            other => panic!("{other:?}"),
        }
    }
}
