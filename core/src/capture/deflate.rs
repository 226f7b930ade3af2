//! DEFLATE (RFC 1951) of a stream of any length, into chunks of which each has the 32 KB before
//! it in front.
//!
//! Bits are taken from a 64-bit word that is filled with one load, and nothing is asked about
//! input and output while both have room for the longest match. All indices are checked, whatever
//! the input; a test holds it to another implementation.

use std::io::{self, ErrorKind};

use super::huffman::{Alphabet, Entry, MAX_CODE_BITS, N_DISTANCE, N_LITLEN, Table, broken};
use super::window::Window;

/// As far back as a match may reach.
pub(super) const HISTORY_BYTES: usize = 32 * 1024;
/// Longest match.
const MAX_MATCH: usize = 258;
/// Room behind a chunk: a match is begun while there is a byte of room, and copied in steps.
pub(super) const SLACK_BYTES: usize = MAX_MATCH + 2 * STEP + 8;
/// How much of a match is copied at a time.
const STEP: usize = 16;
/// Input that one turn of the fast loop may take.
const TURN_BYTES: usize = 32;

/// In which order the lengths of the code for code lengths come.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Where inflated bytes go.
pub(super) trait Sink {
    /// The chunk being filled.
    fn out(&mut self) -> &mut Out;
    /// Takes what is in the chunk; it begins anew with the history in front.
    fn flush(&mut self) -> io::Result<()>;
}

/// A chunk being filled: history, then `SLACK_BYTES` more than may be filled.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub bytes: Vec<u8>,
    /// Where the next byte goes.
    pub at: usize,
    /// Where the chunk is full.
    pub end: usize,
    /// How far back a match may reach: the first byte of this member that is there.
    pub oldest: usize,
}

/// The bits of a stream, the first lowest.
pub(super) struct Bits<'a> {
    window: &'a mut Window,
    /// Bytes of the window that are in `bits` or were.
    n_loaded: usize,
    bits: u64,
    n_bits: u32,
}

impl<'a> Bits<'a> {
    pub fn new(window: &'a mut Window) -> Self {
        Self {
            window,
            n_loaded: 0,
            bits: 0,
            n_bits: 0,
        }
    }

    /// Makes at least `n` bits be there, up to 48, and waits for no byte that is not needed.
    #[inline]
    fn need(&mut self, n: u32) -> io::Result<()> {
        if self.n_bits >= n {
            return Ok(());
        }
        let loaded = self.window.bytes().get(self.n_loaded..);
        if let Some(next) = loaded.and_then(|bytes| bytes.first_chunk()) {
            let n_bytes = (63 - self.n_bits) / 8;
            let mask = (1 << (8 * n_bytes)) - 1;
            self.bits |= (u64::from_le_bytes(*next) & mask) << self.n_bits;
            self.n_bits += 8 * n_bytes;
            self.n_loaded += n_bytes as usize;
            return Ok(());
        }
        self.need_slowly(n)
    }

    #[cold]
    fn need_slowly(&mut self, n: u32) -> io::Result<()> {
        while self.n_bits < n {
            if self.n_loaded == self.window.bytes().len() {
                self.load(1)?;
            }
            let byte = self.window.bytes()[self.n_loaded];
            self.bits |= u64::from(byte) << self.n_bits;
            self.n_bits += 8;
            self.n_loaded += 1;
        }
        Ok(())
    }

    /// Makes `n` bytes more be in the window.
    fn load(&mut self, n: usize) -> io::Result<()> {
        self.consume();
        match self.window.fill(self.n_loaded + n) {
            true => Ok(()),
            false if self.window.is_broken() => Err(io::Error::other("the file cannot be read on")),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Takes off the window what is used up, whole bytes.
    pub fn consume(&mut self) {
        let n_held = (self.n_bits / 8) as usize;
        self.window.consume(self.n_loaded - n_held);
        self.n_loaded = n_held;
    }

    pub fn take(&mut self, n: u32) -> io::Result<u32> {
        self.need(n)?;
        let taken = self.bits & ((1 << n) - 1);
        self.drop(n);
        Ok(taken as u32)
    }

    fn drop(&mut self, n: u32) {
        self.bits >>= n;
        self.n_bits -= n;
    }

    /// Drops what is left of a byte and gives back the whole ones.
    pub fn align(&mut self) {
        self.consume();
        (self.n_loaded, self.bits, self.n_bits) = (0, 0, 0);
    }

    /// The next symbol of a code, with as few bytes as it takes.
    fn entry<const N: usize>(&mut self, table: &Table<N>) -> io::Result<Entry> {
        loop {
            let first = table.first(self.bits);
            let entry = match first.has_second_part() {
                true => table.second(first, self.bits),
                false => first,
            };
            // Only what is there decides: bits that are not are nought.
            let n_needed = match first.has_second_part() {
                _ if entry.is_none() => MAX_CODE_BITS as u32,
                _ => entry.n_bits(),
            };
            if self.n_bits >= n_needed {
                return match entry.is_none() {
                    true => Err(broken("no such code")),
                    false => Ok(entry),
                };
            }
            match self.need(self.n_bits + 1) {
                Err(_) if entry.is_none() => return Err(broken("no such code")),
                done => done?,
            }
        }
    }

    /// The length or distance of an entry.
    fn value(&mut self, entry: Entry) -> usize {
        let value = entry.value(self.bits);
        self.drop(entry.n_bits());
        value
    }
}

/// Inflates streams; its tables are used again.
#[derive(Default)]
pub(super) struct Inflater {
    litlen: Table<11>,
    distance: Table<9>,
    code_lengths: Table<7>,
}

impl Inflater {
    /// Inflates from the first block to the last; the window is left behind it. An error leaves
    /// what was inflated before in the sink.
    pub fn inflate(&mut self, bits: &mut Bits<'_>, sink: &mut impl Sink) -> io::Result<()> {
        loop {
            let is_last = bits.take(1)? == 1;
            match bits.take(2)? {
                0 => stored(bits, sink)?,
                1 => {
                    self.fixed()?;
                    self.block(bits, sink)?;
                }
                2 => {
                    self.dynamic(bits)?;
                    self.block(bits, sink)?;
                }
                _ => return Err(broken("no such block")),
            }
            if is_last {
                bits.align();
                return Ok(());
            }
        }
    }

    fn fixed(&mut self) -> io::Result<()> {
        let mut lengths = [8; N_LITLEN];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        self.litlen.fill(Alphabet::Litlen, &lengths)?;
        self.distance.fill(Alphabet::Distance, &[5; N_DISTANCE])
    }

    fn dynamic(&mut self, bits: &mut Bits<'_>) -> io::Result<()> {
        let n_litlen = bits.take(5)? as usize + 257;
        let n_distance = bits.take(5)? as usize + 1;
        let n_code_lengths = bits.take(4)? as usize + 4;
        if n_litlen > 286 || n_distance > 30 {
            return Err(broken("too many symbols"));
        }
        let mut of_lengths = [0; ORDER.len()];
        for &symbol in &ORDER[..n_code_lengths] {
            of_lengths[symbol] = bits.take(3)? as u8;
        }
        self.code_lengths.fill(Alphabet::CodeLengths, &of_lengths)?;
        let mut lengths = [0_u8; N_LITLEN + N_DISTANCE];
        let lengths = &mut lengths[..n_litlen + n_distance];
        let mut at = 0;
        while at < lengths.len() {
            let entry = bits.entry(&self.code_lengths)?;
            let symbol = bits.value(entry) as u8;
            let (length, n) = match symbol {
                0..16 => (symbol, 1),
                16 if at == 0 => return Err(broken("nothing to repeat")),
                16 => (lengths[at - 1], 3 + bits.take(2)?),
                17 => (0, 3 + bits.take(3)?),
                _ => (0, 11 + bits.take(7)?),
            };
            let end = at + n as usize;
            let run = lengths.get_mut(at..end);
            run.ok_or_else(|| broken("more lengths than symbols"))?
                .fill(length);
            at = end;
        }
        if lengths[256] == 0 {
            return Err(broken("a block that cannot end"));
        }
        self.litlen.fill(Alphabet::Litlen, &lengths[..n_litlen])?;
        self.distance.fill(Alphabet::Distance, &lengths[n_litlen..])
    }

    /// The symbols of a block, to its end.
    fn block(&self, bits: &mut Bits<'_>, sink: &mut impl Sink) -> io::Result<()> {
        loop {
            if sink.out().at >= sink.out().end {
                sink.flush()?;
            }
            let is_over = match self.fast(bits, sink.out())? {
                true => true,
                false => self.slow(bits, sink.out())?,
            };
            if is_over {
                return Ok(());
            }
        }
    }

    /// One symbol or match; whether the block is over.
    fn slow(&self, bits: &mut Bits<'_>, out: &mut Out) -> io::Result<bool> {
        if out.at >= out.end {
            return Ok(false);
        }
        let entry = bits.entry(&self.litlen)?;
        if entry.is_literal() {
            bits.drop(entry.n_bits());
            out.bytes[out.at] = entry.byte();
            out.at += 1;
            return Ok(false);
        }
        if entry.is_end() {
            bits.drop(entry.n_bits());
            return Ok(true);
        }
        let length = bits.value(entry);
        let entry = bits.entry(&self.distance)?;
        let distance = bits.value(entry);
        if distance > out.at - out.oldest {
            return Err(broken("a match before the beginning"));
        }
        copy_match(&mut out.bytes, out.at, distance, length);
        out.at += length;
        Ok(false)
    }

    /// Goes on while there is room and input for any symbol; whether the block is over.
    fn fast(&self, bits: &mut Bits<'_>, out: &mut Out) -> io::Result<bool> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("bmi2") {
            // SAFETY: this processor has the instructions.
            #[allow(unsafe_code)]
            return unsafe { self.fast_bmi2(bits, out) };
        }
        self.fast_anywhere(bits, out)
    }

    /// The same with shifts that need no fixed register.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi2")]
    fn fast_bmi2(&self, bits: &mut Bits<'_>, out: &mut Out) -> io::Result<bool> {
        self.fast_anywhere(bits, out)
    }

    #[inline(always)]
    fn fast_anywhere(&self, bits: &mut Bits<'_>, out: &mut Out) -> io::Result<bool> {
        let input = bits.window.bytes();
        let mut rest = &input[bits.n_loaded..];
        // Modulo 64: what is above is not looked at.
        let (mut word, mut n_bits) = (bits.bits, bits.n_bits);
        let (mut at, oldest) = (out.at, out.oldest);
        if rest.len() < TURN_BYTES || at >= out.end {
            return Ok(false);
        }
        let bytes = &mut out.bytes[..out.end + SLACK_BYTES];
        macro_rules! refill {
            () => {
                if let Some(next) = rest.first_chunk() {
                    word |= u64::from_le_bytes(*next) << (n_bits & 63);
                    rest = &rest[(!n_bits as usize & 63) >> 3..];
                    n_bits |= 56;
                }
            };
        }
        macro_rules! consume {
            ($entry:expr) => {
                word >>= $entry.n_bits();
                n_bits = n_bits.wrapping_sub($entry.word());
            };
        }
        macro_rules! put {
            ($entry:expr) => {
                consume!($entry);
                bytes[at] = $entry.byte();
                at += 1;
            };
        }
        refill!();
        // Of a turn the first entry is looked up before the match of the turn before is copied.
        let mut entry = self.litlen.first(word);
        let result = 'block: loop {
            // 56 bits: two literals of the table's first part, then any symbol.
            'turn: {
                if entry.is_literal() {
                    put!(entry);
                    entry = self.litlen.first(word);
                    if entry.is_literal() {
                        put!(entry);
                        entry = self.litlen.first(word);
                        if entry.is_literal() {
                            put!(entry);
                            entry = self.litlen.first(word);
                            refill!();
                            break 'turn;
                        }
                    }
                }
                if entry.is_other() {
                    if entry.has_second_part() {
                        entry = self.litlen.second(entry, word);
                    }
                    if entry.is_literal() {
                        put!(entry);
                        entry = self.litlen.first(word);
                        refill!();
                        break 'turn;
                    }
                    if entry.is_end() {
                        consume!(entry);
                        break 'block Ok(true);
                    }
                    if entry.is_none() {
                        break 'block Err(broken("no such code"));
                    }
                }
                let length = entry.value(word);
                consume!(entry);
                refill!();
                entry = self.distance.first(word);
                if entry.is_other() {
                    if entry.has_second_part() {
                        entry = self.distance.second(entry, word);
                    }
                    if entry.is_none() {
                        break 'block Err(broken("no such code"));
                    }
                }
                let distance = entry.value(word);
                consume!(entry);
                if distance > at - oldest {
                    break 'block Err(broken("a match before the beginning"));
                }
                // 28 bits are left at least.
                entry = self.litlen.first(word);
                refill!();
                copy_match(bytes, at, distance, length);
                at += length;
            }
            if rest.len() < TURN_BYTES || at >= bytes.len() - SLACK_BYTES {
                break 'block Ok(false);
            }
        };
        // Above `n_bits` the word has bits that are loaded again.
        n_bits &= 63;
        (bits.bits, bits.n_bits) = (word & ((1 << n_bits) - 1), n_bits);
        (bits.n_loaded, out.at) = (input.len() - rest.len(), at);
        result
    }
}

/// Copies a match of at most 258 bytes; behind it up to `STEP` bytes more may be written.
#[inline(always)]
fn copy_match(bytes: &mut [u8], at: usize, distance: usize, length: usize) {
    let (mut from, mut to) = (at - distance, at);
    let end = at + length;
    if distance >= STEP {
        loop {
            let mut step = [0; STEP];
            step.copy_from_slice(&bytes[from..from + STEP]);
            bytes[to..to + STEP].copy_from_slice(&step);
            (from, to) = (from + STEP, to + STEP);
            if to >= end {
                return;
            }
        }
    }
    copy_near(bytes, at, distance, length);
}

/// The same where steps would overlap. Out of the way: a call in the loop of symbols costs the
/// registers that the loop needs.
#[cold]
#[inline(never)]
fn copy_near(bytes: &mut [u8], at: usize, distance: usize, length: usize) {
    let (from, mut to, end) = (at - distance, at, at + length);
    if distance == 1 {
        let byte = bytes[from];
        bytes[to..end].fill(byte);
        return;
    }
    // What there is to copy from doubles with each step.
    while to < end {
        let n = (to - from).min(end - to);
        bytes.copy_within(from..from + n, to);
        to += n;
    }
}

/// A block that is not compressed.
fn stored(bits: &mut Bits<'_>, sink: &mut impl Sink) -> io::Result<()> {
    bits.align();
    let (length, inverse) = (bits.take(16)?, bits.take(16)?);
    if length != !inverse & 0xffff {
        return Err(broken("a stored block of two lengths"));
    }
    bits.align();
    let mut n_left = length as usize;
    while n_left > 0 {
        if sink.out().at >= sink.out().end {
            sink.flush()?;
        }
        if bits.window.bytes().is_empty() {
            bits.load(1)?;
        }
        let out = sink.out();
        let input = bits.window.bytes();
        let n = n_left.min(input.len()).min(out.end - out.at);
        out.bytes[out.at..out.at + n].copy_from_slice(&input[..n]);
        out.at += n;
        bits.window.consume(n);
        n_left -= n;
    }
    Ok(())
}
