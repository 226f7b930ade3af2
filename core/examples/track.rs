//! Times reading, decoding and tracking of captures: `track CAPTURE...`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use wiretell_core::capture::Reader;
use wiretell_core::decode::decode;
use wiretell_core::track::{Config, CtConfig, Feed, Tracker};

/// Reads to the end; packets and flows met.
type Pass = fn(&mut Reader) -> (u64, usize);

fn main() -> ExitCode {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let passes: [(&str, Pass); 8] = [
        ("read", read),
        ("read + decode", read_decode),
        ("read, decode, totals", totals),
        ("... in two threads", totals_beside),
        ("read + decode + track", track),
        ("... in two threads", track_beside),
        ("... with connections", conntrack),
        ("... in two threads", conntrack_beside),
    ];
    for (name, pass) in passes {
        let mut reader = match Reader::open(&paths, None) {
            Ok(reader) => reader,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        let (start, cpu_before_s) = (Instant::now(), cpu_s());
        let (n_packets, n_flows) = pass(&mut reader);
        let seconds = start.elapsed().as_secs_f64();
        let cpu_s = cpu_s() - cpu_before_s;
        let rate = n_packets as f64 / seconds / 1e6;
        println!(
            "{name:22} {n_packets} packets, {n_flows} flows, {seconds:.3} s, {rate:.2} M/s, \
             CPU {cpu_s:.2} s"
        );
    }
    ExitCode::SUCCESS
}

/// CPU seconds of all threads so far, in hundredths; 0 where the kernel does not tell.
fn cpu_s() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = told.rsplit(')').next().unwrap_or_default();
    // utime and stime (proc(5)), 14 and 15 of all.
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|word| word.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
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

fn totals(reader: &mut Reader) -> (u64, usize) {
    count(reader, 1)
}

fn totals_beside(reader: &mut Reader) -> (u64, usize) {
    count(reader, 2)
}

fn count(reader: &mut Reader, n_threads: usize) -> (u64, usize) {
    let mut tracker = Tracker::of_totals(Config::default());
    let n_packets = Feed::new(n_threads).fold(reader, &mut tracker, usize::MAX, |_| ());
    tracker.finish();
    (n_packets as u64, tracker.totals().n_flows as usize)
}

fn track(reader: &mut Reader) -> (u64, usize) {
    fold(reader, Tracker::new(Config::default()), 1)
}

fn track_beside(reader: &mut Reader) -> (u64, usize) {
    fold(reader, Tracker::new(Config::default()), 2)
}

fn conntrack(reader: &mut Reader) -> (u64, usize) {
    fold(reader, with_connections(), 1)
}

fn conntrack_beside(reader: &mut Reader) -> (u64, usize) {
    fold(reader, with_connections(), 2)
}

fn with_connections() -> Tracker {
    Tracker::with_conntrack(Config::default(), CtConfig::LINUX, None, false)
}

fn fold(reader: &mut Reader, mut tracker: Tracker, n_threads: usize) -> (u64, usize) {
    const CALL_PACKETS: usize = 1 << 18;
    let mut feed = Feed::new(n_threads);
    let (mut n_packets, mut n_flows) = (0, 0);
    loop {
        let n_folded = feed.fold(reader, &mut tracker, CALL_PACKETS, |_| ());
        n_packets += n_folded as u64;
        n_flows += tracker.drain().len();
        if n_folded < CALL_PACKETS {
            break;
        }
    }
    tracker.finish();
    (n_packets, n_flows + tracker.drain().len())
}
