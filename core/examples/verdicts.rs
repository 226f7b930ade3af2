//! Prints the connection tracker's word on each packet: `verdicts CAPTURE [SETTINGS]`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::ExitCode;
use wiretell_core::capture::Reader;
use wiretell_core::decode::decode;
use wiretell_core::track::{Config, CtConfig, Tracker};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let path = PathBuf::from(words.next().unwrap_or_default());
    let settings = CtConfig::parse(&words.next().unwrap_or_else(|| "linux".into()));
    let (mut reader, ct) = match (Reader::open(&[path], None), settings) {
        (Ok(reader), Ok(ct)) => (reader, ct),
        (reader, ct) => {
            eprintln!("{:?} {:?}", reader.err(), ct.err());
            return ExitCode::FAILURE;
        }
    };
    let mut tracker = Tracker::with_conntrack(Config::default(), ct, None, true);
    while let Some(frame) = reader.next_frame() {
        tracker.fold(&decode(&frame));
    }
    tracker.finish();
    for row in tracker.drain_segments() {
        let verdict = &row.verdict;
        let after = verdict.after;
        println!(
            "{},{},{},{},{},{},{}",
            row.packet,
            verdict.ct_state.name(),
            u8::from(verdict.reply),
            verdict.reason.name(),
            after
                .and_then(|after| after.tcp_state)
                .map_or("", |state| state.name()),
            after.map_or(0, |after| after.timeout_s),
            after.map_or(0, |after| u8::from(after.assured)),
        );
    }
    ExitCode::SUCCESS
}
