//! One capture of either format: its frames, what it says about itself, its damage.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::damage::{DamageKind, DamageLog};
use super::inflate::{Break, Codec};
use super::pieces::Ahead;
use super::reader::OpenError;
use super::source::Source;
use super::window::Window;
use super::{Record, pcap, pcapng};
use crate::time_guard::TimeGuard;

/// Steps back in time of up to this much are only counted: they come from receive
/// queues that are emptied in turn.
const QUEUE_JITTER_NS: i64 = 1_000_000;

/// A capture file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Format {
    Pcap,
    Pcapng,
}

impl Format {
    /// The name used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
        }
    }
}

/// A capture interface as the file describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Index within the whole stream.
    pub index: u32,
    /// Name, bounded in length.
    pub name: Option<String>,
    /// Description, bounded in length.
    pub description: Option<String>,
    /// Link type.
    pub link_type: u16,
    /// Snap length in bytes, 0 without limit.
    pub snaplen: u32,
    /// Time resolution as pcapng's if_tsresol: negative power of 10, or of 2 with the top bit set.
    pub tsresol: u8,
    /// Packets that the interface received (ISB), if told.
    pub received: Option<u64>,
    /// Packets dropped for lack of room, by interface and operating system together, if told.
    pub dropped: Option<u64>,
}

/// What a capture says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// As the caller named it.
    pub path: PathBuf,
    /// Of its outermost structure, inside any compression.
    pub format: Format,
    /// `gz`, `zst`, `xz`, `bz2`, `lz4`, or None for a plain file.
    pub compression: Option<&'static str>,
    /// Link types of its interfaces, in order, each once.
    pub link_types: Vec<u16>,
    /// Frames read from it so far.
    pub n_packets: u64,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Comments on its sections.
    pub comments: Vec<String>,
    /// Hardware it was made on.
    pub hardware: Option<String>,
    /// Operating system it was made on.
    pub os: Option<String>,
    /// Application that made it.
    pub application: Option<String>,
}

/// Numbers the interfaces of a whole stream.
#[derive(Clone, Default)]
pub(super) struct InterfaceNumbers(Arc<AtomicU32>);

impl InterfaceNumbers {
    pub fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

enum Parser {
    Pcap(pcap::Parser),
    Pcapng(pcapng::Parser),
}

/// An open capture.
pub(super) struct CaptureFile {
    window: Window,
    parser: Parser,
    pub log: DamageLog,
    compression: Option<Codec>,
    /// Reads ahead, where other threads may.
    pub ahead: Option<Ahead>,
    n_read: Arc<AtomicU64>,
    n_frames: u64,
    last_time_ns: i64,
    guard: TimeGuard,
    /// Frames whose date the next one has to confirm: (number of the frame before, offset, time).
    held: [Option<(u64, u64, i64)>; 2],
}

impl CaptureFile {
    /// Reads the file header. `chunk_bytes`: how much is read at a time.
    pub fn new(
        path: &Path,
        source: Source,
        chunk_bytes: usize,
        numbers: &InterfaceNumbers,
    ) -> Result<Self, OpenError> {
        let (compression, n_read) = (source.compression, Arc::clone(&source.n_read));
        let (mut window, ahead) = source.window(chunk_bytes);
        window.fill(pcap::FILE_HEADER_BYTES);
        let parser = if let Some(header) = pcap::FileHeader::parse(window.bytes()) {
            window.consume(pcap::FILE_HEADER_BYTES);
            Parser::Pcap(pcap::Parser::new(header, numbers.next()))
        } else if pcapng::is_section_header(window.bytes()) {
            Parser::Pcapng(pcapng::Parser::new(numbers.clone()))
        } else {
            return Err(not_a_capture(path, &mut window));
        };
        Ok(Self {
            window,
            parser,
            log: DamageLog::new(path.to_owned()),
            compression,
            ahead,
            n_read,
            n_frames: 0,
            last_time_ns: i64::MIN,
            guard: TimeGuard::default(),
            held: [None; 2],
        })
    }

    /// The next frame, in file order. `packet`: stream number of the one before it, for the log.
    #[inline]
    pub fn next_record(&mut self, packet: u64) -> Option<Record> {
        self.log.packet = packet;
        let record = match &mut self.parser {
            Parser::Pcap(parser) => parser.next_record(&mut self.window, &mut self.log),
            Parser::Pcapng(parser) => parser.next_record(&mut self.window, &mut self.log),
        };
        let Some(record) = record else {
            let settled = self.guard.settle();
            self.settle_held(settled);
            self.window.close();
            self.ahead = None;
            return None;
        };
        self.n_frames += 1;
        if self.guard.follows(record.time_ns) || self.judge_date(&record) {
            if record.time_ns < self.last_time_ns {
                self.log_step_back(&record);
            }
            self.last_time_ns = record.time_ns;
        }
        Some(record)
    }

    /// The next frames as [`CaptureFile::next_record`] gives them, at most `most`, as long as
    /// nothing is odd about them: perhaps none.
    pub fn ordinary_records(&mut self, most: usize, records: &mut Vec<Record>) {
        let Parser::Pcap(parser) = &self.parser else {
            return;
        };
        let (guard, last_time_ns) = (&mut self.guard, &mut self.last_time_ns);
        let n_before = records.len();
        parser.ordinary_records(&mut self.window, most, records, |time_ns| {
            let is_in_order = time_ns >= *last_time_ns && guard.follows(time_ns);
            if is_in_order {
                *last_time_ns = time_ns;
            }
            is_in_order
        });
        self.n_frames += (records.len() - n_before) as u64;
    }

    /// A jump of more than a day: whether this frame's date is believed at once.
    #[cold]
    fn judge_date(&mut self, record: &Record) -> bool {
        let offset = self.window.offset_of(record.start);
        let here = (self.log.packet, offset, record.time_ns);
        let verdict = self.guard.judge(record.time_ns);
        if verdict.hold && verdict.held == [None; 2] && self.held[0].is_some() {
            self.held[1] = Some(here);
        } else {
            self.settle_held(verdict.held);
            self.held = [verdict.hold.then_some(here), None];
        }
        !verdict.hold
    }

    /// Logs the held frames whose date was not believed.
    #[cold]
    fn settle_held(&mut self, believed: [Option<bool>; 2]) {
        for (held, believed) in self.held.into_iter().zip(believed) {
            let Some((packet, offset, time_ns)) = held else {
                continue;
            };
            if believed == Some(true) {
                self.last_time_ns = time_ns;
            } else if believed == Some(false) {
                let next = std::mem::replace(&mut self.log.packet, packet);
                self.log.add(offset, DamageKind::TimeAbsurd, || {
                    "a date more than a day off its neighbours'".to_owned()
                });
                self.log.packet = next;
            }
        }
        self.held = [None; 2];
    }

    #[cold]
    fn log_step_back(&mut self, record: &Record) {
        let step_ns = self.last_time_ns.saturating_sub(record.time_ns);
        self.log.n_time_backwards += 1;
        if step_ns > QUEUE_JITTER_NS {
            let offset = self.window.offset_of(record.start);
            let step_s = step_ns as f64 / 1e9;
            self.log.add(offset, DamageKind::TimeBackwards, || {
                format!("{step_s:.3} s earlier than the frame before")
            });
        }
    }

    /// The bytes of the last record.
    #[inline]
    pub fn data(&self, record: &Record) -> &[u8] {
        self.window.slice(record.start, record.len)
    }

    /// What the bytes of the last record lie in.
    #[inline]
    pub fn buffer(&self) -> &Arc<Vec<u8>> {
        self.window.buffer()
    }

    /// Bytes read so far, before inflation.
    pub fn read_bytes(&self) -> u64 {
        self.n_read.load(Ordering::Relaxed)
    }

    /// What is known so far.
    pub fn info(&self) -> FileInfo {
        let mut info = FileInfo {
            path: self.log.file.clone(),
            format: Format::Pcap,
            compression: self.compression.map(Codec::as_str),
            link_types: Vec::new(),
            n_packets: self.n_frames,
            interfaces: Vec::new(),
            comments: Vec::new(),
            hardware: None,
            os: None,
            application: None,
        };
        match &self.parser {
            Parser::Pcap(parser) => {
                info.link_types.clone_from(&parser.link_types);
                info.interfaces = vec![parser.interface()];
            }
            Parser::Pcapng(parser) => {
                info.format = Format::Pcapng;
                parser.describe(&mut info);
            }
        }
        info
    }
}

fn not_a_capture(path: &Path, window: &mut Window) -> OpenError {
    let n_bytes = window.bytes().len();
    let is_short = n_bytes < pcap::FILE_HEADER_BYTES;
    let message = match window.take_error() {
        Some(error) if Break::is(&error) => error.to_string(),
        Some(error) => return io_error(path)(error),
        None if n_bytes == 0 => "the file is empty".to_owned(),
        None if is_short => "the file is too short for a capture".to_owned(),
        None => "neither pcap nor pcapng".to_owned(),
    };
    OpenError::NotACapture {
        path: path.to_owned(),
        offset: if is_short { n_bytes as u64 } else { 0 },
        message,
    }
}

/// An error of the operating system while opening.
pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError + '_ {
    move |error| OpenError::Io {
        path: path.to_owned(),
        error,
    }
}
