//! Counts the frames of captures and prints their damage: `frames FILE...` (`-` is standard input).

use std::path::PathBuf;
use std::process::ExitCode;

use wiretell_core::capture::Reader;

fn main() -> ExitCode {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut reader = match Reader::open(&paths, None) {
        Ok(reader) => reader,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    while reader.next_frame().is_some() {}
    let counters = reader.counters();
    println!(
        "{} frames, {} bytes captured, {} bytes on the wire",
        counters.frames, counters.captured_bytes, counters.wire_bytes
    );
    for damage in reader.damage() {
        eprintln!(
            "{}: after packet {}, byte {}: {}: {}",
            damage.file.display(),
            damage.packet,
            damage.offset,
            damage.kind.as_str(),
            damage.message
        );
    }
    ExitCode::from(u8::from(counters.damaged > 0))
}
