//! The frame of every pcapng block, and the options inside.

pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
pub(super) const PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
pub(super) const INTERFACE_STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
const CUSTOM: u32 = 0x0bad;
const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;

/// Kind, length, and length once more: the shortest block.
pub(super) const MIN_BYTES: usize = 12;
/// A longer block is taken for a broken length.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Kind, two lengths, byte order, version, section length.
const MIN_SECTION_HEADER_BYTES: usize = 28;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Where a block ends and how to read it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub kind: u32,
    pub total_bytes: usize,
    /// Big-endian. A section header tells it itself.
    pub swapped: bool,
}

impl Block {
    /// None where no block can begin. The block may reach past `bytes`.
    #[inline]
    pub fn parse(bytes: &[u8], swapped: bool) -> Option<Self> {
        if bytes.len() < MIN_BYTES {
            return None;
        }
        let kind = u32_at(bytes, 0, swapped);
        let swapped = if kind == SECTION_HEADER {
            match u32_at(bytes, 8, false) {
                BYTE_ORDER_MAGIC => false,
                magic if magic.swap_bytes() == BYTE_ORDER_MAGIC => true,
                _ => return None,
            }
        } else {
            swapped
        };
        let total_bytes = u32_at(bytes, 4, swapped) as usize;
        let min_bytes = if kind == SECTION_HEADER {
            MIN_SECTION_HEADER_BYTES
        } else {
            MIN_BYTES
        };
        let possible =
            (min_bytes..=MAX_BYTES).contains(&total_bytes) && total_bytes.is_multiple_of(4);
        possible.then_some(Self {
            kind,
            total_bytes,
            swapped,
        })
    }

    /// Whether it ends inside `bytes`, with the same length.
    #[inline]
    pub fn is_whole(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.total_bytes
            && u32_at(bytes, self.total_bytes - 4, self.swapped) as usize == self.total_bytes
    }

    /// Whether the kind is one of the standard's.
    pub fn is_known(&self) -> bool {
        matches!(
            self.kind,
            SECTION_HEADER
                | INTERFACE_DESCRIPTION
                | PACKET
                | SIMPLE_PACKET
                | NAME_RESOLUTION
                | INTERFACE_STATISTICS
                | ENHANCED_PACKET
                | DECRYPTION_SECRETS
                | CUSTOM
                | CUSTOM_NOT_COPIED
        )
    }
}

/// Whether a pcapng file begins like this.
pub(in crate::capture) fn is_section_header(bytes: &[u8]) -> bool {
    Block::parse(bytes, false).is_some_and(|block| block.kind == SECTION_HEADER)
}

/// The options of a block: (code, value) up to the end mark or the first broken one.
pub(super) struct Options<'a> {
    bytes: &'a [u8],
    swapped: bool,
}

impl<'a> Options<'a> {
    pub fn new(bytes: &'a [u8], swapped: bool) -> Self {
        Self { bytes, swapped }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        const END: u16 = 0;
        let (header, rest) = self.bytes.split_at_checked(4)?;
        let code = u16_at(header, 0, self.swapped);
        let len = usize::from(u16_at(header, 2, self.swapped));
        let value = rest.get(..len)?;
        self.bytes = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        (code != END).then_some((code, value))
    }
}

/// Reads the little-endian word at `at`, or the big-endian one.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize, swapped: bool) -> u32 {
    let word = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    if swapped { word.swap_bytes() } else { word }
}

/// Reads the little-endian half word at `at`, or the big-endian one.
pub(super) fn u16_at(bytes: &[u8], at: usize, swapped: bool) -> u16 {
    let half = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    if swapped { half.swap_bytes() } else { half }
}
