//! Several captures as one stream in time order.
//!
//! Each file gives its next frame's time as the key of a heap. A frame dated far
//! after the one behind it has a broken date: it takes the key of that one, so
//! that it does not hold up its file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use super::damage::{DamageKind, DamageLog};
use super::file::{CaptureFile, FileInfo, InterfaceNumbers, io_error};
use super::reader::OpenError;
use super::{Record, source};

/// How much of each file is read at a time.
const CHUNK_BYTES: usize = 1024 * 1024;
/// The same where only the first frame's time is wanted.
const PEEK_BYTES: usize = 64 * 1024;
/// With more files than this, each is closed again until the stream reaches its first frame.
const MAX_OPEN: usize = 16;
/// Steps forward beyond this are looked at closely, in nanoseconds.
const SUSPECT_STEP_NS: i64 = 3600 * 1_000_000_000;

/// The files, the earliest frame on top.
pub(super) struct Merge {
    slots: Vec<Slot>,
    heap: BinaryHeap<Reverse<(i64, usize)>>,
    /// Whose frame was handed out last; it moves on with the next call.
    current: Option<usize>,
    numbers: InterfaceNumbers,
}

enum Slot {
    Open(Box<Cursor>),
    /// Not open yet: its path and what its header says.
    Waiting(Box<FileInfo>),
    /// It could not be opened a second time.
    Lost(Box<FileInfo>, DamageLog),
}

impl Merge {
    pub fn open(paths: &[PathBuf]) -> Result<Self, OpenError> {
        let numbers = InterfaceNumbers::default();
        let mut slots = Vec::new();
        let mut heap = BinaryHeap::new();
        for path in paths {
            let waits = paths.len() > MAX_OPEN && source::size_bytes(path).is_some();
            let mut cursor = if waits {
                Cursor::open(path, PEEK_BYTES, &InterfaceNumbers::default())?
            } else {
                Cursor::open(path, CHUNK_BYTES, &numbers)?
            };
            if let Some(key) = cursor.advance(0) {
                heap.push(Reverse((key, slots.len())));
            }
            slots.push(if waits && cursor.head.is_some() {
                let mut info = cursor.file.info();
                info.n_packets = 0;
                Slot::Waiting(Box::new(info))
            } else {
                Slot::Open(Box::new(cursor))
            });
        }
        Ok(Self {
            slots,
            heap,
            current: None,
            numbers,
        })
    }

    /// Which file the next record is from, and the record. `packet`: the number of the
    /// record before it in the stream.
    pub fn next_record(&mut self, packet: u64) -> Option<(usize, Record)> {
        if let Some(index) = self.current.take()
            && let Slot::Open(cursor) = &mut self.slots[index]
            && let Some(key) = cursor.advance(packet)
        {
            self.heap.push(Reverse((key, index)));
        }
        loop {
            let Reverse((_, index)) = self.heap.pop()?;
            self.open_waiting(index, packet);
            if let Slot::Open(cursor) = &self.slots[index]
                && let Some(record) = cursor.head
            {
                self.current = Some(index);
                return Some((index, record));
            }
        }
    }

    /// Opens the file if the stream has just reached its first frame.
    #[inline]
    fn open_waiting(&mut self, index: usize, packet: u64) {
        let Slot::Waiting(info) = &self.slots[index] else {
            return;
        };
        self.slots[index] = match Cursor::open(&info.path, CHUNK_BYTES, &self.numbers) {
            Ok(mut cursor) => {
                cursor.advance(packet);
                Slot::Open(Box::new(cursor))
            }
            Err(error) => {
                let mut log = DamageLog::new(info.path.clone());
                log.packet = packet;
                log.add(0, DamageKind::Read, || error.to_string());
                Slot::Lost(info.clone(), log)
            }
        };
    }

    /// The bytes of the record handed out last, which is from `file`.
    #[inline]
    pub fn data(&self, file: usize, record: &Record) -> &[u8] {
        match &self.slots[file] {
            Slot::Open(cursor) => cursor.data(record),
            Slot::Waiting(_) | Slot::Lost(..) => &[],
        }
    }

    /// What is known of the files, in the order given.
    pub fn infos(&self) -> Vec<FileInfo> {
        let info = |slot: &Slot| match slot {
            Slot::Open(cursor) => cursor.file.info(),
            Slot::Waiting(info) | Slot::Lost(info, _) => (**info).clone(),
        };
        self.slots.iter().map(info).collect()
    }

    /// The damage of the files, in the order given.
    pub fn logs(&self) -> impl Iterator<Item = &DamageLog> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Open(cursor) => Some(&cursor.file.log),
            Slot::Lost(_, log) => Some(log),
            Slot::Waiting(_) => None,
        })
    }

    /// Bytes read so far of all files, before inflation.
    pub fn read_bytes(&self) -> u64 {
        let read_bytes = |slot: &Slot| match slot {
            Slot::Open(cursor) => cursor.file.read_bytes(),
            Slot::Waiting(_) | Slot::Lost(..) => 0,
        };
        self.slots.iter().map(read_bytes).sum()
    }
}

/// A file with its next frame in view.
struct Cursor {
    file: CaptureFile,
    /// The next frame of this file.
    head: Option<Record>,
    /// The head's bytes, where the file has been read on past it.
    held: Vec<u8>,
    /// The frame behind the head, if the head is held.
    behind: Option<Behind>,
    last_key: Option<i64>,
}

/// What was found when looking past the head.
struct Behind(Option<Record>);

impl Cursor {
    fn open(
        path: &Path,
        chunk_bytes: usize,
        numbers: &InterfaceNumbers,
    ) -> Result<Self, OpenError> {
        let source = source::open(path).map_err(io_error(path))?;
        Ok(Self {
            file: CaptureFile::new(path, source, chunk_bytes, numbers)?,
            head: None,
            held: Vec::new(),
            behind: None,
            last_key: None,
        })
    }

    /// Moves the head on; returns its key.
    #[inline]
    fn advance(&mut self, packet: u64) -> Option<i64> {
        self.head = match self.behind.take() {
            Some(Behind(record)) => record,
            None => self.file.next_record(packet),
        };
        let head = self.head?;
        let key = match self.last_key {
            Some(last) if head.time_ns.saturating_sub(last) <= SUSPECT_STEP_NS => head.time_ns,
            _ => self.key_by_next(head, packet),
        };
        self.last_key = Some(key);
        Some(key)
    }

    /// The head's time, or that of the frame behind it where that is far earlier.
    #[cold]
    fn key_by_next(&mut self, head: Record, packet: u64) -> i64 {
        self.held.clear();
        self.held.extend_from_slice(self.file.data(&head));
        let behind = self.file.next_record(packet);
        self.behind = Some(Behind(behind));
        match behind {
            Some(next) if next.time_ns < head.time_ns.saturating_sub(SUSPECT_STEP_NS) => {
                next.time_ns
            }
            _ => head.time_ns,
        }
    }

    #[inline]
    fn data(&self, record: &Record) -> &[u8] {
        match self.behind {
            Some(_) => &self.held,
            None => self.file.data(record),
        }
    }
}
