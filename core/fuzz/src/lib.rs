//! What the targets share.

use std::io::Cursor;
use std::path::Path;

use wiretell_core::capture::{Frame, Reader};
use wiretell_core::track::expect::{Ends, Helper, MAX_EXPECTATIONS, MAX_MESSAGE, Side, State};

/// Reads a capture to its end and checks what must hold for any bytes.
pub fn read_capture(bytes: Vec<u8>) {
    let stream = Box::new(Cursor::new(bytes));
    let Ok(mut reader) = Reader::from_stream(Path::new("fuzz"), stream, None) else {
        return;
    };
    let mut captured_bytes = 0;
    while let Some(frame) = reader.next_frame() {
        assert!(frame.wire_len as usize >= frame.data.len());
        captured_bytes += frame.data.len() as u64;
    }
    assert_eq!(reader.counters().captured_bytes, captured_bytes);
    let (damage, files) = (reader.damage(), reader.files());
    assert!(damage.len() <= 256);
    assert_eq!(files[0].n_packets, reader.counters().frames);
}

/// Gives any bytes as payloads of both sides to a helper, cut and with gaps, and checks
/// what must hold. Per payload: one byte of choices, one of length.
pub fn read_payloads(helper: Helper, proto: u8, bytes: &[u8]) {
    let [low, high] = [1, 255].map(|last| {
        let mut address = [0; 16];
        address[10..].copy_from_slice(&[0xff, 0xff, 10, 0, 0, last]);
        address
    });
    let mut state = State::new(helper, proto);
    let mut rest = bytes;
    while let Some((&[choice, len], more)) = rest.split_first_chunk::<2>() {
        let (payload, behind) = more.split_at(usize::from(len).min(more.len()));
        rest = behind;
        let (side, src, dst) = match choice & 1 {
            0 => (Side::Orig, low, high),
            _ => (Side::Resp, high, low),
        };
        let ends = Ends {
            proto,
            src,
            sport: 4000,
            dst,
            dport: 161,
        };
        let found = state.parse(side, &ends, payload);
        assert!(found.len() <= MAX_EXPECTATIONS);
        assert!(found.iter().all(|it| it.dport != 0));
        assert!(state.n_waiting_bytes() <= 2 * MAX_MESSAGE);
        if choice & 6 == 6 {
            state.gap(side);
        }
    }
}

/// Takes any bytes for a session of frames and hands them out with their byte of choices;
/// how many there were.
///
/// Per frame: one byte of choices (link type, size of the time step; the rest is the
/// target's), two of length, then the frame, whose last eight bytes are also the time step.
pub fn play_session(bytes: &[u8], mut each: impl FnMut(u8, &Frame<'_>)) -> u64 {
    let (mut rest, mut time_ns, mut number) = (bytes, 1_700_000_000_000_000_000_i64, 0);
    while let Some((&[choices, low, high], more)) = rest.split_first_chunk::<3>() {
        let len = usize::from(u16::from_le_bytes([low, high])).min(more.len());
        let (data, behind) = more.split_at(len);
        rest = behind;
        number += 1;
        if let Some(&tail) = data.last_chunk::<8>() {
            time_ns = time_ns.wrapping_add(i64::from_le_bytes(tail) >> (choices >> 2));
        }
        let frame = Frame {
            number,
            time_ns,
            link_type: if choices & 1 == 0 { 101 } else { 1 },
            interface: 0,
            data,
            wire_len: len as u32,
        };
        each(choices, &frame);
    }
    number
}
