//! As much of ASN.1's packed encoding (PER, aligned, ITU-T X.691) as finds transport addresses.
//!
//! PER has no tags: where a field lies follows from the types of all before it. A message is
//! walked along a [`Type`], which describes the standard's type up to the last field that
//! matters; addresses met on the way are reported under the name of the field they were in.
//! Extensions carry their length, so those that are not described are passed over. A type
//! that is not described, or anything malformed, ends the walk: what was found stays.

use super::text::mapped;
use crate::decode::Address;

/// Most steps of one walk, whatever the counts in the message say.
const MAX_STEPS: u32 = 2_000;
/// Most addresses reported.
const MAX_FOUND: usize = 16;

/// What a reported address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    H245,
    Media,
    Data,
    /// Addresses that announce no connection.
    Nothing,
}

/// How a value is encoded.
#[derive(Debug)]
pub(super) enum Type {
    Null,
    Bool,
    /// A whole number of so many possible values.
    Number(u64),
    /// An object identifier.
    Oid,
    /// An octet string of any length.
    Octets,
    /// Of this length.
    FixedOctets(usize),
    /// A string of least and most length, and bits per character.
    Text(usize, usize, usize),
    /// An octet string that holds a whole value.
    Holding(&'static Type),
    /// Any number of values.
    Many(&'static Type),
    /// Fields in order.
    Sequence(&'static Sequence),
    /// One of many.
    Choice(&'static Choice),
    /// An address within is for this.
    For(Use, &'static Type),
    /// Four bytes of IPv4 address, a port of 16 bits: reported.
    Ipv4Port,
    /// Sixteen bytes of IPv6 address, a port of 16 bits: reported.
    Ipv6Port,
    /// Not described: the walk ends.
    Undescribed,
}

#[derive(Debug)]
pub(super) struct Sequence {
    pub is_extensible: bool,
    /// Whether optional, and what.
    pub fields: &'static [(bool, Type)],
    /// Extension additions in order; those beyond are passed over.
    pub more: &'static [Type],
}

#[derive(Debug)]
pub(super) struct Choice {
    pub is_extensible: bool,
    pub of: &'static [Type],
    /// Extension additions in order; those beyond are passed over.
    pub more: &'static [Type],
}

/// An address found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub used: Use,
    pub address: Address,
    pub port: u16,
}

/// Walks a message; what was found before it ended or broke.
pub(super) fn addresses(message: &[u8], of: &'static Type) -> Vec<Found> {
    let mut walk = Walk {
        found: Vec::new(),
        left: MAX_STEPS,
    };
    // A broken end does not undo what was read.
    let _ = walk.value(&mut Bits::new(message), of, Use::Nothing);
    walk.found
}

struct Walk {
    found: Vec<Found>,
    left: u32,
}

impl Walk {
    /// None: the walk ends here.
    fn value(&mut self, bits: &mut Bits<'_>, of: &'static Type, used: Use) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        match of {
            Type::Null => {}
            Type::Bool => bits.take(1).map(drop)?,
            Type::Number(values) => bits.number(*values).map(drop)?,
            Type::Oid | Type::Octets => {
                let n = bits.length()?;
                bits.octets(n)?;
            }
            Type::FixedOctets(n) if *n <= 2 => bits.take(8 * *n).map(drop)?,
            Type::FixedOctets(n) => bits.octets(*n).map(drop)?,
            Type::Text(least, most, width) => {
                let n = least + bits.number((most - least + 1) as u64)? as usize;
                if most * width > 16 && n > 0 {
                    bits.align();
                }
                bits.pass(n * width)?;
            }
            Type::Holding(inner) => {
                let n = bits.length()?;
                let held = bits.octets(n)?;
                let _ = self.value(&mut Bits::new(held), inner, used);
            }
            Type::Many(inner) => {
                for _ in 0..bits.length()? {
                    self.value(bits, inner, used)?;
                }
            }
            Type::Sequence(sequence) => self.sequence(bits, sequence, used)?,
            Type::Choice(choice) => self.choice(bits, choice, used)?,
            Type::For(used, inner) => self.value(bits, inner, *used)?,
            Type::Ipv4Port => {
                let address = mapped(*bits.octets(4)?.first_chunk()?);
                self.report(bits, address, used)?;
            }
            Type::Ipv6Port => {
                let address = *bits.octets(16)?.first_chunk()?;
                self.report(bits, address, used)?;
            }
            Type::Undescribed => return None,
        }
        Some(())
    }

    fn report(&mut self, bits: &mut Bits<'_>, address: Address, used: Use) -> Option<()> {
        let port = bits.number(1 << 16)? as u16;
        if used != Use::Nothing && self.found.len() < MAX_FOUND {
            self.found.push(Found {
                used,
                address,
                port,
            });
        }
        Some(())
    }

    fn sequence(&mut self, bits: &mut Bits<'_>, of: &'static Sequence, used: Use) -> Option<()> {
        let is_extended = of.is_extensible && bits.take(1)? == 1;
        let n_optional = of.fields.iter().filter(|field| field.0).count();
        let mut presence = bits.clone();
        bits.pass(n_optional)?;
        for (is_optional, field) in of.fields {
            if !is_optional || presence.take(1)? == 1 {
                self.value(bits, field, used)?;
            }
        }
        if !is_extended {
            return Some(());
        }
        let n = bits.small_number()? + 1;
        let mut presence = bits.clone();
        bits.pass(n)?;
        for i in 0..n {
            if presence.take(1)? == 1 {
                self.open(bits, of.more.get(i), used)?;
            }
        }
        Some(())
    }

    fn choice(&mut self, bits: &mut Bits<'_>, of: &'static Choice, used: Use) -> Option<()> {
        if of.is_extensible && bits.take(1)? == 1 {
            let i = bits.small_number()?;
            return self.open(bits, of.more.get(i), used);
        }
        let i = bits.number(of.of.len() as u64)? as usize;
        self.value(bits, of.of.get(i)?, used)
    }

    /// A value behind its length: what breaks in it ends with it.
    fn open(&mut self, bits: &mut Bits<'_>, of: Option<&'static Type>, used: Use) -> Option<()> {
        let n = bits.length()?;
        let inner = bits.octets(n)?;
        if let Some(of) = of {
            let _ = self.value(&mut Bits::new(inner), of, used);
        }
        Some(())
    }
}

/// The bits of a message, from the highest of the first byte.
#[derive(Clone)]
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn pass(&mut self, n: usize) -> Option<()> {
        let at = self.at.checked_add(n)?;
        (at <= self.bytes.len() * 8).then(|| self.at = at)
    }

    /// At most 31 bits as a number.
    fn take(&mut self, n: usize) -> Option<u32> {
        let from = self.at;
        self.pass(n)?;
        let bit = |at: usize| u32::from(self.bytes[at / 8] >> (7 - at % 8) & 1);
        Some((from..self.at).fold(0, |value, at| value << 1 | bit(at)))
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    fn octets(&mut self, n: usize) -> Option<&'a [u8]> {
        self.align();
        let from = self.at / 8;
        let octets = self.bytes.get(from..from.checked_add(n)?)?;
        self.at += n * 8;
        Some(octets)
    }

    fn unsigned(&mut self, n: usize) -> Option<u64> {
        let octets = self.octets(n)?.iter();
        Some(octets.fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// A number of so many possible values, less its least (X.691, 11.5.7).
    fn number(&mut self, values: u64) -> Option<u64> {
        match values {
            0 | 1 => Some(0),
            2..=255 => {
                let n = (values - 1).ilog2() as usize + 1;
                self.take(n).map(u64::from)
            }
            256 => self.unsigned(1),
            257..=65_536 => self.unsigned(2),
            _ => {
                let most_octets = u64::from((values - 1).ilog2() / 8 + 1);
                let n = self.number(most_octets)? + 1;
                self.unsigned(usize::try_from(n).ok()?.min(8))
            }
        }
    }

    /// A length without bounds (11.9.3); in pieces of 16 K it is not read.
    fn length(&mut self) -> Option<usize> {
        let first = self.unsigned(1)?;
        match first >> 6 {
            0 | 1 => Some(first as usize),
            2 => Some((first as usize & 0x3f) << 8 | self.unsigned(1)? as usize),
            _ => None,
        }
    }

    /// A number that is small as a rule (11.6); larger than 63 it is not read.
    fn small_number(&mut self) -> Option<usize> {
        let value = self.take(7)?;
        (value < 64).then_some(value as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(bytes: &[u8]) -> Bits<'_> {
        Bits::new(bytes)
    }

    #[test]
    fn numbers_by_how_many_values_there_are() {
        assert_eq!(bits(&[0xa0]).number(8), Some(5));
        assert_eq!(bits(&[0xa0]).number(1), Some(0));
        let mut after_a_bit = bits(&[0x80, 0x12, 0x34, 0x56]);
        after_a_bit.take(1);
        assert_eq!(after_a_bit.number(256), Some(0x12));
        assert_eq!(after_a_bit.number(65_536), Some(0x3456));
        // Up to 192,400 values: two bits say how many octets follow.
        assert_eq!(bits(&[0x40, 0x0f, 0xa0]).number(192_400), Some(4000));
        assert_eq!(bits(&[0x40, 0x0f]).number(192_400), None);
    }

    #[test]
    fn lengths() {
        assert_eq!(bits(&[0x7f]).length(), Some(127));
        assert_eq!(bits(&[0x81, 0x02]).length(), Some(258));
        assert_eq!(bits(&[0xc1]).length(), None);
    }

    #[test]
    fn a_count_without_bytes_ends() {
        static NULLS: Type = Type::Many(&Type::Many(&Type::Null));
        let bytes = [&[0xbf, 0xff][..], &[0x7f; 16_383]].concat();
        assert_eq!(addresses(&bytes, &NULLS), []);
    }

    #[test]
    fn undescribed_extensions_are_passed_over() {
        static INNER: Sequence = Sequence {
            is_extensible: true,
            fields: &[(true, Type::Bool)],
            more: &[Type::Bool],
        };
        static OUTER: Sequence = Sequence {
            is_extensible: false,
            fields: &[
                (false, Type::Sequence(&INNER)),
                (false, Type::For(Use::Data, &Type::Ipv4Port)),
            ],
            more: &[],
        };
        static TYPE: Type = Type::Sequence(&OUTER);
        // Extended, no option, two additions (1), both there; each an octet long.
        let bytes = [
            0b1000_0000,
            0b1110_0000,
            1,
            0x80,
            1,
            0xff,
            10,
            0,
            0,
            1,
            0x12,
            0x34,
        ];
        let found = addresses(&bytes, &TYPE);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].address[12], found[0].port), (10, 0x1234));
    }
}
