//! Times reading, decoding and tracking of captures: `track CAPTURE...`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use wiretell_core::capture::Reader;
use wiretell_core::decode::decode;
use wiretell_core::track::{Ahead, Config, CtConfig, Tracker};

/// Reads to the end; packets and flows met.
type Pass = fn(&mut Reader) -> (u64, usize);

fn main() -> ExitCode {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let passes: [(&str, Pass); 4] = [
        ("read", read),
        ("read + decode", read_decode),
        ("read + decode + track", read_decode_track),
        ("... with connections", read_decode_conntrack),
    ];
    for (name, pass) in passes {
        let mut reader = match Reader::open(&paths, None) {
            Ok(reader) => reader,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        let start = Instant::now();
        let (n_packets, n_flows) = pass(&mut reader);
        let seconds = start.elapsed().as_secs_f64();
        let rate = n_packets as f64 / seconds / 1e6;
        println!("{name:22} {n_packets} packets, {n_flows} flows, {seconds:.3} s, {rate:.2} M/s");
    }
    ExitCode::SUCCESS
}

fn read(reader: &mut Reader) -> (u64, usize) {
    let mut n_packets = 0;
    while let Some(frame) = reader.next_frame() {
        std::hint::black_box(&frame);
        n_packets += 1;
    }
    (n_packets, 0)
}

fn read_decode(reader: &mut Reader) -> (u64, usize) {
    let mut n_packets = 0;
    while let Some(frame) = reader.next_frame() {
        std::hint::black_box(&decode(&frame));
        n_packets += 1;
    }
    (n_packets, 0)
}

fn read_decode_track(reader: &mut Reader) -> (u64, usize) {
    fold(reader, Tracker::new(Config::default()))
}

fn read_decode_conntrack(reader: &mut Reader) -> (u64, usize) {
    let config = Config::default();
    fold(
        reader,
        Tracker::with_conntrack(config, CtConfig::LINUX, None, false),
    )
}

fn fold(reader: &mut Reader, mut tracker: Tracker) -> (u64, usize) {
    let mut ahead = Ahead::default();
    let (mut n_packets, mut n_flows) = (0u64, 0);
    while let Some(frame) = reader.next_frame() {
        ahead.fold(&decode(&frame), &mut tracker);
        n_packets += 1;
        if n_packets.is_multiple_of(1 << 20) {
            n_flows += tracker.drain().len();
        }
    }
    ahead.flush(&mut tracker);
    tracker.finish();
    (n_packets, n_flows + tracker.drain().len())
}
