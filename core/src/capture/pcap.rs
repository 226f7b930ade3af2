//! The pcap format (IETF draft-ietf-opsawg-pcap): one file header, then records.
//!
//! A record has no magic number and no check, so a broken length can only be
//! told by what follows. Ordinary records pass one cheap test; all others are
//! believed only if a possible record follows them, else the next chain of
//! ordinary records is searched for.

use super::damage::{DamageKind, DamageLog};
use super::file::Interface;
use super::window::Window;
use super::{MAX_CAPTURED_BYTES, Record, link_type};

pub(super) const FILE_HEADER_BYTES: usize = 24;
/// Longest snap length that is taken as the bound of a record, in bytes.
const MAX_SNAPLEN: u32 = 1024 * 1024;
/// Longest length on the wire that is possible (super-segments included), in bytes.
const MAX_WIRE_BYTES: u32 = 16 * 1024 * 1024;
/// Records found by a search must lie this close in time to each other, in seconds.
const MAX_GAP_S: u32 = 86_400;

/// What the file header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    swapped: bool,
    /// Units of the time stamp's fraction in a second.
    fractions_per_s: u32,
    /// 16; 24 in the variant of old Red Hat tcpdumps (magic 0xa1b2cd34).
    record_header_bytes: usize,
    snaplen: u32,
    link_type: u16,
}

impl FileHeader {
    /// None where `bytes` does not begin with a pcap file header of version 2.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<FILE_HEADER_BYTES>()?;
        let magic = u32_at(bytes, 0, false);
        let (swapped, fractions_per_s, record_header_bytes) = match magic {
            0xa1b2_c3d4 => (false, 1_000_000, 16),
            0xd4c3_b2a1 => (true, 1_000_000, 16),
            0xa1b2_3c4d => (false, 1_000_000_000, 16),
            0x4d3c_b2a1 => (true, 1_000_000_000, 16),
            0xa1b2_cd34 => (false, 1_000_000, 24),
            0x34cd_b2a1 => (true, 1_000_000, 24),
            _ => return None,
        };
        let major = match (bytes[4], bytes[5], swapped) {
            (low, high, false) => u16::from_le_bytes([low, high]),
            (high, low, true) => u16::from_be_bytes([high, low]),
        };
        (major == 2).then(|| Self {
            swapped,
            fractions_per_s,
            record_header_bytes,
            snaplen: u32_at(bytes, 16, swapped),
            link_type: link_type(u32_at(bytes, 20, swapped)),
        })
    }
}

/// Reads the little-endian word at `at`, or the big-endian one.
#[inline]
fn u32_at(bytes: &[u8], at: usize, swapped: bool) -> u32 {
    let word = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    if swapped { word.swap_bytes() } else { word }
}

#[derive(Clone, Copy, Debug)]
struct RecordHeader {
    seconds: u32,
    fraction: u32,
    captured_bytes: u32,
    wire_bytes: u32,
}

/// The records of one pcap file.
pub(super) struct Parser {
    header: FileHeader,
    interface: u32,
    max_captured_bytes: u32,
    ns_per_fraction: u32,
    /// Those of all file headers met so far.
    pub link_types: Vec<u16>,
}

impl Parser {
    /// `interface`: the number that all frames get.
    pub fn new(header: FileHeader, interface: u32) -> Self {
        let mut parser = Self {
            header,
            interface,
            max_captured_bytes: 0,
            ns_per_fraction: 0,
            link_types: vec![header.link_type],
        };
        parser.take_over(header);
        parser
    }

    fn take_over(&mut self, header: FileHeader) {
        self.max_captured_bytes = (MAX_CAPTURED_BYTES as u32).max(header.snaplen.min(MAX_SNAPLEN));
        self.ns_per_fraction = 1_000_000_000 / header.fractions_per_s;
        self.header = header;
    }

    /// The interface, as far as this format tells.
    pub fn interface(&self) -> Interface {
        Interface {
            index: self.interface,
            link_type: self.link_types[0],
            snaplen: self.header.snaplen,
            tsresol: if self.ns_per_fraction == 1 { 9 } else { 6 },
            ..Interface::default()
        }
    }

    /// The next record; None at the end.
    #[inline]
    pub fn next_record(&mut self, window: &mut Window, log: &mut DamageLog) -> Option<Record> {
        let bytes = window.bytes();
        if let Some(header) = self.record_header(bytes)
            && self.is_ordinary(&header)
            && bytes.len() >= self.record_bytes(&header)
        {
            return Some(self.take(header, window));
        }
        let header = self.next_header_slowly(window, log)?;
        Some(self.take(header, window))
    }

    /// Takes records off as long as nothing is odd about them and `is_in_order` says the same
    /// of their times, at most `most`. [`Parser::next_record`] goes on from there.
    pub fn ordinary_records(
        &self,
        window: &mut Window,
        most: usize,
        records: &mut Vec<Record>,
        mut is_in_order: impl FnMut(i64) -> bool,
    ) {
        let (first, mut rest) = (window.start(), window.bytes());
        let n_bytes = rest.len();
        for _ in 0..most {
            let Some(header) = self.record_header(rest) else {
                break;
            };
            let Some(behind) = rest.get(self.record_bytes(&header)..) else {
                break;
            };
            let start = first + (n_bytes - rest.len());
            let record = self.record(&header, start);
            if !self.is_ordinary(&header) || !is_in_order(record.time_ns) {
                break;
            }
            records.push(record);
            rest = behind;
        }
        let n_taken = n_bytes - rest.len();
        window.consume(n_taken);
    }

    #[inline]
    fn record_header(&self, bytes: &[u8]) -> Option<RecordHeader> {
        if bytes.len() < self.header.record_header_bytes {
            return None;
        }
        let bytes = bytes.first_chunk::<16>()?;
        let word = |at| u32_at(bytes, at, self.header.swapped);
        Some(RecordHeader {
            seconds: word(0),
            fraction: word(4),
            captured_bytes: word(8),
            wire_bytes: word(12),
        })
    }

    #[inline]
    fn record_bytes(&self, header: &RecordHeader) -> usize {
        self.header.record_header_bytes + header.captured_bytes as usize
    }

    /// Nothing about it is odd.
    #[inline]
    fn is_ordinary(&self, header: &RecordHeader) -> bool {
        header.captured_bytes.wrapping_sub(1) < self.max_captured_bytes
            && header.captured_bytes <= header.wire_bytes
            && header.wire_bytes <= MAX_WIRE_BYTES
            && header.fraction < self.header.fractions_per_s
    }

    /// Odd perhaps, but there are writers that make such records.
    fn is_possible(&self, header: &RecordHeader) -> bool {
        header.captured_bytes <= self.max_captured_bytes
            && header.wire_bytes <= MAX_WIRE_BYTES
            && (header.seconds, header.wire_bytes) != (0, 0)
    }

    #[inline]
    fn take(&self, header: RecordHeader, window: &mut Window) -> Record {
        let start = window.consume(self.record_bytes(&header));
        self.record(&header, start)
    }

    /// The record whose header lies at `start`.
    #[inline]
    fn record(&self, header: &RecordHeader, start: usize) -> Record {
        Record {
            time_ns: i64::from(header.seconds) * 1_000_000_000
                + i64::from(header.fraction) * i64::from(self.ns_per_fraction),
            link_type: self.header.link_type,
            interface: self.interface,
            wire_len: header.wire_bytes.max(header.captured_bytes),
            start: start + self.header.record_header_bytes,
            len: header.captured_bytes as usize,
        }
    }

    /// The header of the next record that can be believed, all of it in the window.
    #[cold]
    fn next_header_slowly(
        &mut self,
        window: &mut Window,
        log: &mut DamageLog,
    ) -> Option<RecordHeader> {
        loop {
            window.fill(self.header.record_header_bytes);
            let Some(header) = self.record_header(window.bytes()) else {
                self.pass_end(window, log)?;
                continue;
            };
            let is_ordinary = self.is_ordinary(&header);
            if !is_ordinary && self.follow_file_header(window) {
                continue;
            }
            let is_possible = self.is_possible(&header);
            let fits = is_possible && window.fill(self.record_bytes(&header));
            if fits && (is_ordinary || self.is_followed(&header, window)) {
                return Some(header);
            }
            // A record that reaches past the end is cut, unless others are found inside it.
            let cut = is_possible && !fits;
            let kind = if cut {
                DamageKind::Cut
            } else {
                DamageKind::Corrupt
            };
            self.search(1, window, log, kind);
        }
    }

    /// Whether a possible record, or the end, follows.
    fn is_followed(&self, header: &RecordHeader, window: &mut Window) -> bool {
        let record_bytes = self.record_bytes(header);
        window.fill(record_bytes + self.header.record_header_bytes);
        self.record_header(&window.bytes()[record_bytes..])
            .is_none_or(|next| self.is_possible(&next))
    }

    /// At the end: logs what is left. Some if the stream goes on behind a break.
    fn pass_end(&mut self, window: &mut Window, log: &mut DamageLog) -> Option<()> {
        let (offset, n_left) = (window.offset(), window.bytes().len());
        if n_left > 0 {
            window.consume(n_left);
            log.add(offset, DamageKind::Cut, || {
                format!("the file ends {n_left} bytes into a record header")
            });
        }
        window.pass_break(log)?;
        if !self.follow_file_header(window) {
            self.search(0, window, log, DamageKind::Corrupt);
        }
        Some(())
    }

    /// Captures are put together with `cat`: a file header in the middle starts anew.
    fn follow_file_header(&mut self, window: &mut Window) -> bool {
        window.fill(FILE_HEADER_BYTES);
        let Some(header) = FileHeader::parse(window.bytes()) else {
            return false;
        };
        window.consume(FILE_HEADER_BYTES);
        if !self.link_types.contains(&header.link_type) {
            self.link_types.push(header.link_type);
        }
        self.take_over(header);
        true
    }

    /// A candidate and two records after it fit into this.
    fn lookahead_bytes(&self) -> usize {
        3 * (self.header.record_header_bytes + self.max_captured_bytes as usize)
    }

    /// Goes on at the next chain of ordinary records, at least `skip` bytes on, or at
    /// the end; logs what was skipped.
    fn search(
        &mut self,
        mut skip: usize,
        window: &mut Window,
        log: &mut DamageLog,
        kind: DamageKind,
    ) {
        let offset = window.offset();
        let lookahead_bytes = self.lookahead_bytes();
        let found = loop {
            window.consume(skip);
            let at_end = !window.fill(lookahead_bytes);
            let bytes = window.bytes();
            let n_candidates = if at_end {
                bytes.len()
            } else {
                bytes.len() - lookahead_bytes + 1
            };
            let first = (0..n_candidates).find(|&at| {
                self.starts_chain(&bytes[at..]) || FileHeader::parse(&bytes[at..]).is_some()
            });
            skip = first.unwrap_or(n_candidates);
            if first.is_some() || at_end {
                window.consume(skip);
                break first.is_some();
            }
        };
        let n_skipped = window.offset() - offset;
        if n_skipped == 0 {
            return;
        }
        if kind == DamageKind::Cut && !found {
            log.add(offset, kind, || {
                format!("the last record is cut: {n_skipped} bytes of it are there")
            });
        } else {
            log.add(offset, DamageKind::Corrupt, || {
                format!("no record can begin here: {n_skipped} bytes skipped")
            });
        }
    }

    /// Three ordinary records in a row, close in time; fewer if they end where the bytes end.
    fn starts_chain(&self, mut bytes: &[u8]) -> bool {
        let mut seconds = None;
        for n_before in 0..3 {
            let Some(header) = self.record_header(bytes) else {
                return n_before > 0 && (bytes.is_empty() || n_before > 1);
            };
            let near = seconds.is_none_or(|s| header.seconds.abs_diff(s) <= MAX_GAP_S);
            if !near || !self.is_ordinary(&header) {
                return false;
            }
            match bytes.get(self.record_bytes(&header)..) {
                Some(rest) => bytes = rest,
                None => return n_before > 1,
            }
            seconds = Some(header.seconds);
        }
        true
    }
}
