//! Members of gzip (RFC 1952): a header, a deflated stream, its checksum and length.

use std::io;

use flate2::Crc;

use super::deflate::{Bits, Inflater, Out, Sink};
use super::huffman::broken;
use super::inflate::Outlet;
use super::window::Window;

const HAS_HEADER_CRC: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
/// Longest name or comment, in bytes.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Inflates one member, of which the magic number was seen; the window is left behind it, or
/// where it is broken. What was inflated is in the outlet, sent or not.
pub(super) fn inflate_member(
    inflater: &mut Inflater,
    window: &mut Window,
    outlet: &mut Outlet,
) -> io::Result<()> {
    let mut bits = Bits::new(window);
    let mut member = Member::begin(outlet);
    let result = inflate(inflater, &mut bits, &mut member);
    bits.consume();
    result
}

fn inflate(
    inflater: &mut Inflater,
    bits: &mut Bits<'_>,
    member: &mut Member<'_>,
) -> io::Result<()> {
    skip_header(bits)?;
    bits.align();
    inflater.inflate(bits, member)?;
    member.count();
    if (bits.take(32)?, bits.take(32)?) != (member.crc.sum(), member.crc.amount()) {
        return Err(broken("the checksum or the length does not match"));
    }
    Ok(())
}

/// Reads the header byte by byte.
fn skip_header(bits: &mut Bits<'_>) -> io::Result<()> {
    let mut crc = Crc::new();
    let mut byte = |bits: &mut Bits<'_>| {
        let byte = bits.take(8)? as u8;
        crc.update(&[byte]);
        io::Result::Ok(byte)
    };
    let mut fixed = [0; 10];
    for each in &mut fixed {
        *each = byte(bits)?;
    }
    let flags = fixed[3];
    if flags & HAS_EXTRA != 0 {
        let n = u16::from_le_bytes([byte(bits)?, byte(bits)?]);
        for _ in 0..n {
            byte(bits)?;
        }
    }
    for text in [HAS_NAME, HAS_COMMENT] {
        let mut n_left = if flags & text != 0 { MAX_TEXT_BYTES } else { 0 };
        while n_left > 0 && byte(bits)? != 0 {
            n_left -= 1;
            if n_left == 0 {
                return Err(broken("a name too long"));
            }
        }
    }
    if flags & HAS_HEADER_CRC != 0 && bits.take(16)? != crc.sum() & 0xffff {
        return Err(broken("the checksum of the header does not match"));
    }
    Ok(())
}

/// A member being inflated.
struct Member<'a> {
    outlet: &'a mut Outlet,
    crc: Crc,
    /// Up to here in the chunk the checksum is worked out.
    counted: usize,
}

impl<'a> Member<'a> {
    fn begin(outlet: &'a mut Outlet) -> Self {
        let out = outlet.out();
        out.oldest = out.at;
        let counted = out.at;
        Self {
            outlet,
            crc: Crc::new(),
            counted,
        }
    }

    fn count(&mut self) {
        let out = self.outlet.out();
        self.crc.update(&out.bytes[self.counted..out.at]);
        self.counted = out.at;
    }
}

impl Sink for Member<'_> {
    fn out(&mut self) -> &mut Out {
        self.outlet.out()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.count();
        self.outlet.flush()?;
        self.counted = self.outlet.out().at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read, Write};

    use flate2::Compression;
    use proptest::prelude::*;

    use super::super::inflate::spawn;
    use super::super::read_ahead::ROOM_BYTES;

    /// What comes out, and how often it broke off.
    fn inflated(compressed: &[u8]) -> (Vec<u8>, usize) {
        let chunks = spawn(Box::new(Cursor::new(compressed.to_vec()))).expect("a thread");
        let (mut bytes, mut n_breaks) = (Vec::new(), 0);
        loop {
            match chunks.take() {
                Ok((_, 0)) => return (bytes, n_breaks),
                Ok((buffer, n)) => {
                    bytes.extend_from_slice(&buffer[ROOM_BYTES..ROOM_BYTES + n]);
                    chunks.give_back(Some(buffer));
                }
                Err(_) => n_breaks += 1,
            }
        }
    }

    /// The same by the library's inflater, of one member.
    fn by_library(compressed: &[u8]) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        let read = flate2::bufread::GzDecoder::new(compressed).read_to_end(&mut bytes);
        (bytes, read.is_ok())
    }

    fn compressed(bytes: &[u8], level: u32, named: bool) -> Vec<u8> {
        let mut header = flate2::GzBuilder::new();
        if named {
            header = header.filename("a name").comment("more").extra([1, 2, 3]);
        }
        let mut encoder = header.write(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    /// Bytes that are alike in some way: words of few letters again and again, at some distance.
    fn alike() -> impl Strategy<Value = Vec<u8>> {
        let word = (
            proptest::collection::vec(any::<u8>(), 1..40),
            1usize..400,
            0u8..=255,
        );
        proptest::collection::vec(word, 0..60).prop_map(|words| {
            let mut bytes = Vec::new();
            for (word, n_times, mask) in &words {
                for _ in 0..*n_times {
                    bytes.extend(word.iter().map(|byte| byte & mask));
                }
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn whole_members_are_inflated(bytes in alike(), level in 0u32..10, named: bool) {
            let member = compressed(&bytes, level, named);
            prop_assert!(inflated(&member) == (bytes.clone(), 0));
            // One behind the other, as from tools that compress in parallel.
            prop_assert!(inflated(&[&member[..], &member].concat()) == (bytes.repeat(2), 0));
        }

        #[test]
        fn broken_members_break_where_the_library_says_so(
            bytes in alike(),
            level in 0u32..10,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in prop_oneof![Just(0), 0usize..100],
        ) {
            let mut member = compressed(&bytes, level, false);
            for (at, change) in changes {
                let at = 10 + at.index(member.len() - 10);
                member[at] ^= change;
            }
            member.truncate(member.len() - cut.min(member.len() - 10));
            let (theirs, is_whole) = by_library(&member);
            let (ours, n_breaks) = inflated(&member);
            prop_assert_eq!(n_breaks == 0, is_whole);
            let n = ours.len().min(theirs.len());
            prop_assert!(ours[..n] == theirs[..n]);
            prop_assert!(!is_whole || ours.len() == theirs.len());
        }
    }

    #[test]
    fn matches_reach_back_over_the_edges_of_chunks() {
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let noise: Vec<_> = noise.take(32 * 1024 - 300).collect();
        let bytes = noise.repeat(60);
        assert!(inflated(&compressed(&bytes, 6, false)) == (bytes, 0));
    }
}
