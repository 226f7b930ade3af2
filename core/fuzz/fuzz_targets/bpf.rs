//! Any bytes as a filter program, run over any bytes as a frame.
#![no_main]

use wiretell_core::capture::bpf::Program;

libfuzzer_sys::fuzz_target!(|input: (Vec<u8>, Vec<u8>, u32)| {
    let (program, frame, wire_len) = input;
    let n_whole = program.len() / 8 * 8;
    if let Ok(program) = Program::from_bytes(&program[..n_whole]) {
        program.matches(&frame, wire_len);
    }
});
