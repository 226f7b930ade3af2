//! The pcapng format (IETF draft-ietf-opsawg-pcapng): a row of blocks.
//!
//! Every block tells its length at both ends, so a broken one is noticed at once;
//! the next block whose two lengths agree is searched for. Blocks that carry no
//! packets (names, secrets, custom and unknown ones) are passed over.

mod block;
mod clock;

use self::block::{
    Block, ENHANCED_PACKET, INTERFACE_DESCRIPTION, INTERFACE_STATISTICS, Options, PACKET,
    SECTION_HEADER, SIMPLE_PACKET,
};
use self::clock::Clock;
use super::damage::{DamageKind, DamageLog};
use super::file::{FileInfo, Interface, InterfaceNumbers};
use super::window::Window;
use super::{Record, link_type};

pub(super) use self::block::is_section_header;

/// Most interfaces of one file; packets of further ones are dropped and logged.
const MAX_INTERFACES: usize = 65_536;
/// Most section comments kept.
const MAX_COMMENTS: usize = 64;
/// Longest text kept, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// Blocks longer than this are not found by a search, in bytes.
const SEARCH_BYTES: usize = 1024 * 1024;

/// The packets of one pcapng file.
pub(super) struct Parser {
    swapped: bool,
    numbers: InterfaceNumbers,
    /// Those of all sections so far.
    interfaces: Vec<Interface>,
    /// One for each of `interfaces`.
    clocks: Vec<Clock>,
    /// Where the interfaces of this section begin.
    section_start: usize,
    /// For packets that carry no time.
    last_time_ns: i64,
    comments: Vec<String>,
    hardware: Option<String>,
    os: Option<String>,
    application: Option<String>,
}

impl Parser {
    /// For a stream that begins with a section header.
    pub fn new(numbers: InterfaceNumbers) -> Self {
        Self {
            swapped: false,
            numbers,
            interfaces: Vec::new(),
            clocks: Vec::new(),
            section_start: 0,
            last_time_ns: 0,
            comments: Vec::new(),
            hardware: None,
            os: None,
            application: None,
        }
    }

    /// Adds what the file says about itself.
    pub fn describe(&self, info: &mut FileInfo) {
        for interface in &self.interfaces {
            if !info.link_types.contains(&interface.link_type) {
                info.link_types.push(interface.link_type);
            }
        }
        info.interfaces.clone_from(&self.interfaces);
        info.comments.clone_from(&self.comments);
        info.hardware.clone_from(&self.hardware);
        info.os.clone_from(&self.os);
        info.application.clone_from(&self.application);
    }

    /// The next packet; None at the end.
    #[inline]
    pub fn next_record(&mut self, window: &mut Window, log: &mut DamageLog) -> Option<Record> {
        loop {
            let block = match Block::parse(window.bytes(), self.swapped) {
                Some(block) if block.is_whole(window.bytes()) => block,
                _ => self.next_block_slowly(window, log)?,
            };
            let bytes = &window.bytes()[..block.total_bytes];
            let result = match block.kind {
                ENHANCED_PACKET => self.enhanced_packet(bytes).map(Some),
                SIMPLE_PACKET => self.simple_packet(bytes).map(Some),
                PACKET => self.packet(bytes).map(Some),
                SECTION_HEADER => self.section_header(bytes, block.swapped).map(|()| None),
                INTERFACE_DESCRIPTION => self.interface_description(bytes).map(|()| None),
                INTERFACE_STATISTICS => self.interface_statistics(bytes).map(|()| None),
                _ => Ok(None),
            };
            let offset = window.offset();
            let start = window.consume(block.total_bytes);
            match result {
                Ok(None) => {}
                Ok(Some(record)) => {
                    self.last_time_ns = record.time_ns;
                    return Some(Record {
                        start: start + record.start,
                        ..record
                    });
                }
                Err(Fault { kind, message }) => log.add(offset, kind, || message.to_owned()),
            }
        }
    }

    /// The next block that can be believed, all of it in the window.
    #[cold]
    fn next_block_slowly(&mut self, window: &mut Window, log: &mut DamageLog) -> Option<Block> {
        loop {
            window.fill(block::MIN_BYTES);
            let n_left = window.bytes().len();
            if n_left < block::MIN_BYTES {
                if n_left > 0 {
                    log.add(window.offset(), DamageKind::Cut, || {
                        format!("the file ends {n_left} bytes into a block")
                    });
                    window.consume(n_left);
                }
                window.pass_break(log)?;
                self.search(0, window, log, DamageKind::Corrupt);
                continue;
            }
            let Some(block) = Block::parse(window.bytes(), self.swapped) else {
                self.search(1, window, log, DamageKind::Corrupt);
                continue;
            };
            if !window.fill(block.total_bytes) {
                self.search(1, window, log, DamageKind::Cut);
                continue;
            }
            if block.is_whole(window.bytes()) {
                return Some(block);
            }
            if self.is_followed(&block, window) {
                log.add(window.offset(), DamageKind::Corrupt, || {
                    "the two lengths of the block differ; its first one fits".to_owned()
                });
                return Some(block);
            }
            self.search(1, window, log, DamageKind::Corrupt);
        }
    }

    /// Whether a whole block begins where this one ends.
    fn is_followed(&self, block: &Block, window: &mut Window) -> bool {
        window.fill(block.total_bytes + SEARCH_BYTES);
        let rest = &window.bytes()[block.total_bytes..];
        Block::parse(rest, block.swapped).is_some_and(|next| next.is_whole(rest))
    }

    /// Goes on at the next whole block, at least `skip` bytes on, or at the end; logs
    /// what was skipped.
    fn search(
        &mut self,
        mut skip: usize,
        window: &mut Window,
        log: &mut DamageLog,
        kind: DamageKind,
    ) {
        let offset = window.offset();
        let found = loop {
            window.consume(skip);
            let at_end = !window.fill(SEARCH_BYTES);
            let bytes = window.bytes();
            let n_candidates = if at_end {
                bytes.len()
            } else {
                bytes.len() - SEARCH_BYTES + 1
            };
            let first = (0..n_candidates).find(|&at| {
                Block::parse(&bytes[at..], self.swapped)
                    .is_some_and(|block| block.is_known() && block.is_whole(&bytes[at..]))
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
                format!("the last block is cut: {n_skipped} bytes of it are there")
            });
        } else {
            log.add(offset, DamageKind::Corrupt, || {
                format!("no block can begin here: {n_skipped} bytes skipped")
            });
        }
    }

    fn section_header(&mut self, bytes: &[u8], swapped: bool) -> Result<(), Fault> {
        self.swapped = swapped;
        self.section_start = self.interfaces.len();
        let body = bytes.get(24..bytes.len() - 4).ok_or(SHORT)?;
        for (code, value) in Options::new(body, swapped) {
            match code {
                1 if self.comments.len() < MAX_COMMENTS => self.comments.push(text(value)),
                2 => self.hardware = Some(text(value)),
                3 => self.os = Some(text(value)),
                4 => self.application = Some(text(value)),
                _ => {}
            }
        }
        if self.u16_at(bytes, 12) == 1 {
            Ok(())
        } else {
            Err(Fault::corrupt(
                "a section of an unknown major version; read as version 1",
            ))
        }
    }

    fn interface_description(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let body = bytes.get(16..bytes.len() - 4).ok_or(SHORT)?;
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Fault::corrupt("too many interfaces"));
        }
        let mut interface = Interface {
            index: self.numbers.next(),
            link_type: link_type(self.u16_at(bytes, 8).into()),
            snaplen: self.u32_at(bytes, 12),
            tsresol: 6,
            ..Interface::default()
        };
        let mut offset_s = 0;
        for (code, value) in Options::new(body, self.swapped) {
            match (code, value) {
                (2, _) => interface.name = Some(text(value)),
                (3, _) => interface.description = Some(text(value)),
                (9, &[tsresol, ..]) => interface.tsresol = tsresol,
                (14, _) => offset_s = self.option_u64(value).unwrap_or(0) as i64,
                _ => {}
            }
        }
        self.clocks.push(Clock::new(interface.tsresol, offset_s));
        self.interfaces.push(interface);
        Ok(())
    }

    fn interface_statistics(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let body = bytes.get(20..bytes.len() - 4).ok_or(SHORT)?;
        let index = self.interface_index(self.u32_at(bytes, 8))?;
        let (mut received, mut dropped) = (None, None::<u64>);
        for (code, value) in Options::new(body, self.swapped) {
            match code {
                4 => received = self.option_u64(value),
                5 | 7 => {
                    if let Some(n) = self.option_u64(value) {
                        dropped = Some(dropped.unwrap_or(0).saturating_add(n));
                    }
                }
                _ => {}
            }
        }
        // Counters run from the start of the capture, so the last block holds the sums.
        let interface = &mut self.interfaces[index];
        interface.received = received.or(interface.received);
        interface.dropped = dropped.or(interface.dropped);
        Ok(())
    }

    fn enhanced_packet(&mut self, bytes: &[u8]) -> Result<Record, Fault> {
        if bytes.len() < 32 {
            return Err(SHORT);
        }
        let index = self.interface_index(self.u32_at(bytes, 8))?;
        self.timed_packet(bytes, index)
    }

    /// The obsolete packet block: as an enhanced one, but with 16 bits of interface
    /// and 16 bits of drops since the packet before.
    fn packet(&mut self, bytes: &[u8]) -> Result<Record, Fault> {
        if bytes.len() < 32 {
            return Err(SHORT);
        }
        let index = self.interface_index(self.u16_at(bytes, 8).into())?;
        match self.u16_at(bytes, 10) {
            0 | u16::MAX => {}
            n_dropped => self.add_dropped(index, n_dropped.into()),
        }
        self.timed_packet(bytes, index)
    }

    #[inline]
    fn timed_packet(&mut self, bytes: &[u8], index: usize) -> Result<Record, Fault> {
        const HEADER_BYTES: usize = 28;
        let len = self.u32_at(bytes, 20) as usize;
        let options_start = HEADER_BYTES + len.next_multiple_of(4);
        let options_end = bytes.len() - 4;
        if options_start > options_end {
            return Err(Fault::corrupt("a packet longer than its block"));
        }
        if options_start < options_end && self.u32_at(bytes, 0) == ENHANCED_PACKET {
            self.packet_options(&bytes[options_start..options_end], index);
        }
        let ticks = u64::from(self.u32_at(bytes, 12)) << 32 | u64::from(self.u32_at(bytes, 16));
        let interface = &self.interfaces[index];
        Ok(Record {
            time_ns: self.clocks[index].time_ns(ticks),
            link_type: interface.link_type,
            interface: interface.index,
            wire_len: self.u32_at(bytes, 24).max(len as u32),
            start: HEADER_BYTES,
            len,
        })
    }

    /// Of a packet's options only the drop count matters here.
    fn packet_options(&mut self, bytes: &[u8], index: usize) {
        for (code, value) in Options::new(bytes, self.swapped) {
            if code == 4
                && let Some(n_dropped) = self.option_u64(value)
            {
                self.add_dropped(index, n_dropped);
            }
        }
    }

    /// Drops told packet by packet; a later statistics block overrides the sum.
    fn add_dropped(&mut self, index: usize, n: u64) {
        let dropped = &mut self.interfaces[index].dropped;
        *dropped = Some(dropped.unwrap_or(0).saturating_add(n));
    }

    /// A simple packet is one of the section's first interface and carries no time:
    /// it gets that of the packet before it.
    fn simple_packet(&mut self, bytes: &[u8]) -> Result<Record, Fault> {
        if bytes.len() < 16 {
            return Err(SHORT);
        }
        let interface = &self.interfaces[self.interface_index(0)?];
        let wire_len = self.u32_at(bytes, 8);
        let snaplen = match interface.snaplen {
            0 => usize::MAX,
            limited => limited as usize,
        };
        let len = (wire_len as usize).min(snaplen);
        if len > bytes.len() - 16 {
            return Err(Fault::corrupt("a packet longer than its block"));
        }
        Ok(Record {
            time_ns: self.last_time_ns,
            link_type: interface.link_type,
            interface: interface.index,
            wire_len,
            start: 12,
            len,
        })
    }

    /// From the number within the section.
    #[inline]
    fn interface_index(&self, number: u32) -> Result<usize, Fault> {
        let index = self.section_start + number as usize;
        if index < self.interfaces.len() {
            Ok(index)
        } else {
            Err(Fault {
                kind: DamageKind::UnknownInterface,
                message: "a packet or statistics of an interface that was not described",
            })
        }
    }

    #[inline]
    fn u32_at(&self, bytes: &[u8], at: usize) -> u32 {
        block::u32_at(bytes, at, self.swapped)
    }

    fn u16_at(&self, bytes: &[u8], at: usize) -> u16 {
        block::u16_at(bytes, at, self.swapped)
    }

    fn option_u64(&self, value: &[u8]) -> Option<u64> {
        let bytes = *value.first_chunk::<8>()?;
        Some(if self.swapped {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }
}

/// A block that is whole but makes no sense.
struct Fault {
    kind: DamageKind,
    message: &'static str,
}

const SHORT: Fault = Fault::corrupt("a block too short for its kind");

impl Fault {
    const fn corrupt(message: &'static str) -> Self {
        Self {
            kind: DamageKind::Corrupt,
            message,
        }
    }
}

/// An option's text, bounded; what is not UTF-8 is replaced.
fn text(value: &[u8]) -> String {
    let value = &value[..value.len().min(MAX_TEXT_BYTES)];
    let end = value.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&value[..end.unwrap_or(value.len())]).into_owned()
}
