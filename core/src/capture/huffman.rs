//! Tables that decode the Huffman codes of DEFLATE (RFC 1951, 3.2).
//!
//! A table is asked with the next bits of the stream. An entry says how many bits the symbol and
//! its extra bits take, and the value to which the extra bits are added. Codes longer than the
//! first part of the table go on in a second part, to which an entry of the first points.

use std::io;

/// Longest code, in bits.
pub(super) const MAX_CODE_BITS: usize = 15;
/// Symbols of literals and lengths at most, two of them never used.
pub(super) const N_LITLEN: usize = 288;
/// Symbols of distances at most, two of them never used.
pub(super) const N_DISTANCE: usize = 32;
/// The symbol that ends a block.
const END_OF_BLOCK: usize = 256;

/// Entries of every table: a power of two above what codes of 288 symbols can need.
const N_ENTRIES: usize = 4096;

/// What the next bits of the stream stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(u32);

impl Entry {
    const LITERAL: u32 = 1 << 31;
    /// Neither a literal, a length nor a distance.
    const OTHER: u32 = 1 << 15;
    const SECOND_PART: u32 = 1 << 14;
    /// Of others without a second part.
    const END: u32 = 1 << 16;
    /// No code begins like this.
    const NONE: Self = Self(Self::OTHER);

    const fn new(value: u32, n_extra: u32) -> Self {
        Self(value << 16 | n_extra)
    }

    /// With the length of its code, which is counted twice: alone, and with the extra bits.
    fn coded(self, n_bits: usize) -> Self {
        Self(self.0 + (n_bits as u32) + ((n_bits as u32) << 8))
    }

    #[inline(always)]
    pub fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    /// A literal's byte.
    #[inline(always)]
    pub fn byte(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// No symbol with a value: the end of the block, a second part, or nothing at all.
    #[inline(always)]
    pub fn is_other(self) -> bool {
        self.0 & Self::OTHER != 0
    }

    #[inline(always)]
    pub fn is_end(self) -> bool {
        self.0 & (Self::OTHER | Self::SECOND_PART | Self::END) == Self::OTHER | Self::END
    }

    #[inline(always)]
    pub fn is_none(self) -> bool {
        self.0 & (Self::OTHER | Self::SECOND_PART | Self::END) == Self::OTHER
    }

    #[inline(always)]
    pub fn has_second_part(self) -> bool {
        self.0 & Self::SECOND_PART != 0
    }

    /// Bits of the code and of what belongs to it.
    #[inline(always)]
    pub fn n_bits(self) -> u32 {
        self.0 & 0x3f
    }

    /// All of it: [`Entry::n_bits`] modulo 64.
    #[inline(always)]
    pub fn word(self) -> u32 {
        self.0
    }

    /// The length or distance, extra bits included, that begins `bits`.
    #[inline(always)]
    pub fn value(self, bits: u64) -> usize {
        let own = bits & ((1 << self.n_bits()) - 1);
        (self.0 >> 16) as usize + (own >> (self.0 >> 8 & 0x3f)) as usize
    }
}

/// The first length and the extra bits of symbols 257 to 285.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

fn litlen(symbol: usize) -> Entry {
    match symbol {
        0..END_OF_BLOCK => Entry(Entry::LITERAL | (symbol as u32) << 16),
        END_OF_BLOCK => Entry(Entry::OTHER | Entry::END),
        _ => match LENGTHS.get(symbol - END_OF_BLOCK - 1) {
            Some(&(first, n_extra)) => Entry::new(first.into(), n_extra.into()),
            None => Entry::NONE,
        },
    }
}

fn distance(symbol: usize) -> Entry {
    match symbol as u32 {
        low @ 0..4 => Entry::new(low + 1, 0),
        symbol @ 4..30 => {
            let n_extra = symbol / 2 - 1;
            Entry::new(((2 + symbol % 2) << n_extra) + 1, n_extra)
        }
        _ => Entry::NONE,
    }
}

fn code_length(symbol: usize) -> Entry {
    Entry::new(symbol as u32, 0)
}

/// What symbols a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    CodeLengths,
    Litlen,
    Distance,
}

/// Decodes one code whose first part is asked with `FIRST_BITS` bits.
pub(super) struct Table<const FIRST_BITS: usize> {
    entries: [Entry; N_ENTRIES],
}

impl<const FIRST_BITS: usize> Default for Table<FIRST_BITS> {
    fn default() -> Self {
        Self {
            entries: [Entry::NONE; N_ENTRIES],
        }
    }
}

impl<const FIRST_BITS: usize> Table<FIRST_BITS> {
    /// The entry for what begins `bits`, or the one that leads to it, see [`Table::second`].
    #[inline(always)]
    pub fn first(&self, bits: u64) -> Entry {
        self.entries[bits as usize & ((1 << FIRST_BITS) - 1)]
    }

    /// Where [`Entry::has_second_part`] says so: the entry itself.
    #[inline(always)]
    pub fn second(&self, first: Entry, bits: u64) -> Entry {
        let rest = (bits >> FIRST_BITS) & ((1 << first.n_bits()) - 1);
        let at = (first.0 >> 16) as usize + rest as usize;
        self.entries[at % N_ENTRIES]
    }

    /// Makes it of the code lengths of all symbols, 0 for those that do not occur. Fails where
    /// these are no code: more codes than fit, or fewer, unless there is only one of one bit, or
    /// none of distances.
    pub fn fill(&mut self, alphabet: Alphabet, lengths: &[u8]) -> io::Result<()> {
        let entry_of = match alphabet {
            Alphabet::CodeLengths => code_length,
            Alphabet::Litlen => litlen,
            Alphabet::Distance => distance,
        };
        let mut n_of_length = [0_u16; MAX_CODE_BITS + 1];
        for &length in lengths {
            n_of_length[usize::from(length)] += 1;
        }
        n_of_length[0] = 0;
        let longest = (1..=MAX_CODE_BITS).rev().find(|&it| n_of_length[it] > 0);
        let longest = longest.unwrap_or(0);
        let mut n_left = 1_i32;
        for n in &n_of_length[1..] {
            n_left = 2 * n_left - i32::from(*n);
            if n_left < 0 {
                return Err(broken("more codes than fit"));
            }
        }
        let may_lack = match alphabet {
            Alphabet::CodeLengths => false,
            Alphabet::Litlen => longest == 1,
            Alphabet::Distance => longest <= 1,
        };
        if n_left > 0 && !may_lack {
            return Err(broken("fewer codes than there must be"));
        }
        if n_left > 0 {
            self.entries[..1 << FIRST_BITS].fill(Entry::NONE);
        }
        // Symbols in order of their codes: by length, then by number.
        let mut next_at = [0_u16; MAX_CODE_BITS + 2];
        for length in 1..=MAX_CODE_BITS {
            next_at[length + 1] = next_at[length] + n_of_length[length];
        }
        let mut symbols = [0_u16; N_LITLEN];
        for (symbol, &length) in lengths.iter().enumerate().filter(|it| *it.1 > 0) {
            let at = &mut next_at[usize::from(length)];
            symbols[usize::from(*at)] = symbol as u16;
            *at += 1;
        }
        self.place(&n_of_length, longest, |n| entry_of(usize::from(symbols[n])));
        Ok(())
    }

    /// Puts the entries of all codes where their bits, the first one lowest, point to.
    fn place(
        &mut self,
        n_of_length: &[u16; MAX_CODE_BITS + 1],
        longest: usize,
        nth_entry: impl Fn(usize) -> Entry,
    ) {
        // The next code, with its first bit lowest.
        let mut code = 0_usize;
        let mut n_placed = 0;
        // Where the second part in use begins, how many bits it is asked with, and for which
        // first bits.
        let (mut start, mut n_second, mut prefix) = (1 << FIRST_BITS, 0, usize::MAX);
        for length in 1..=longest.max(FIRST_BITS) {
            // A table for codes of this length is twice that for shorter ones.
            if (2..=FIRST_BITS).contains(&length) {
                let half = 1 << (length - 1);
                self.entries.copy_within(..half, half);
            }
            let mut n_left_here = usize::from(n_of_length[length]);
            while n_left_here > 0 {
                if length <= FIRST_BITS {
                    self.entries[code] = nth_entry(n_placed).coded(length);
                } else {
                    let low = code & ((1 << FIRST_BITS) - 1);
                    if low != prefix {
                        start += match prefix {
                            usize::MAX => 0,
                            _ => 1 << n_second,
                        };
                        prefix = low;
                        n_second = second_bits(n_of_length, length, n_left_here, FIRST_BITS);
                        let leads = (start as u32) << 16 | n_second as u32;
                        self.entries[low] = Entry(leads | Entry::OTHER | Entry::SECOND_PART);
                    }
                    let entry = nth_entry(n_placed).coded(length);
                    let end = (start + (1 << n_second)).min(N_ENTRIES);
                    let from = (start + (code >> FIRST_BITS)).min(end);
                    let places = self.entries[from..end].iter_mut();
                    let step = 1 << (length - FIRST_BITS);
                    places.step_by(step).for_each(|it| *it = entry);
                }
                n_placed += 1;
                n_left_here -= 1;
                code = following(code, length);
            }
        }
    }
}

/// The code after this one among those of the same length, bits reversed. After the last of a
/// length it is the first longer one, with noughts where it is longer.
fn following(code: usize, length: usize) -> usize {
    let mut bit = 1 << (length - 1);
    while code & bit != 0 {
        bit >>= 1;
    }
    match bit {
        0 => 0,
        _ => (code & (bit - 1)) | bit,
    }
}

/// How many bits a second part is asked with whose first code is `length` long, as the first of
/// `n_left` of that length: until the codes that begin alike are all there.
fn second_bits(
    n_of_length: &[u16; MAX_CODE_BITS + 1],
    length: usize,
    n_left: usize,
    first_bits: usize,
) -> usize {
    let mut n_bits = length - first_bits;
    let mut n_codes = n_left;
    while n_codes < 1 << n_bits && first_bits + n_bits < MAX_CODE_BITS {
        n_bits += 1;
        n_codes = 2 * n_codes + usize::from(n_of_length[first_bits + n_bits]);
    }
    n_bits
}

/// An error of the data.
#[cold]
#[inline(never)]
pub(super) fn broken(cause: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}
