//! Decodes the frames of a capture again and again and says how fast that is, reading aside.
//!
//! `cargo run --release --example decode -- CAPTURE [ROUNDS]`

use std::env;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use wiretell_core::capture::{Frame, Reader};
use wiretell_core::decode::decode;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args_os().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("which capture?")?);
    let rounds: u32 = match arguments.next() {
        Some(rounds) => rounds.to_string_lossy().parse()?,
        None => 100,
    };
    let mut reader = Reader::open(&[path], None)?;
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame() {
        frames.push((frame.link_type, frame.wire_len, bytes.len()));
        bytes.extend_from_slice(frame.data);
    }
    let ends = frames.iter().skip(1).map(|frame| frame.2);
    let ends: Vec<usize> = ends.chain([bytes.len()]).collect();

    let begin = Instant::now();
    for _ in 0..rounds {
        for (&(link_type, wire_len, start), &end) in frames.iter().zip(&ends) {
            black_box(decode(&Frame {
                number: 1,
                time_ns: 0,
                link_type,
                interface: 0,
                data: &bytes[start..end],
                wire_len,
            }));
        }
    }
    let n_packets = frames.len() as f64 * f64::from(rounds);
    let ns = begin.elapsed().as_secs_f64() * 1e9 / n_packets;
    println!("{ns:.1} ns a packet, {:.1} million packets/s", 1e3 / ns);
    Ok(())
}
