//! The one entry: captures in, frames in time order out.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bpf::Program;
use super::damage::DamageLog;
use super::file::{CaptureFile, FileInfo, InterfaceNumbers, io_error};
use super::merge::Merge;
use super::pieces::Ahead;
use super::{Damage, Frame, Record, source};

/// How much of a single file is read at a time.
const CHUNK_BYTES: usize = 512 * 1024;

/// Why a capture cannot be opened at all.
#[derive(Debug)]
pub enum OpenError {
    /// The operating system refused.
    Io {
        /// As the caller named it.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is readable, but no capture.
    NotACapture {
        /// As the caller named it.
        path: PathBuf,
        /// Byte up to which it was understood, after inflation.
        offset: u64,
        /// What is wrong there.
        message: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NotACapture {
                path,
                offset,
                message,
            } => write!(f, "{}: {message} (byte {offset})", path.display()),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::NotACapture { .. } => None,
        }
    }
}

/// What was read so far, over all files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames, those filtered out included.
    pub frames: u64,
    /// Frames that the filter did not match.
    pub filtered_out: u64,
    /// Captured bytes of all frames.
    pub captured_bytes: u64,
    /// Bytes on the wire of all frames.
    pub wire_bytes: u64,
    /// Frames earlier than the one before them in the same file.
    pub time_backwards: u64,
    /// Damaged places, steps back in time aside.
    pub damaged: u64,
}

/// Reads captures as one stream of frames in time order.
///
/// Frames of one file keep its order even where its clock steps back; frames of
/// equal time keep the order of the files.
pub struct Reader {
    input: Input,
    filters: Option<Filters>,
    counters: Counters,
    total_bytes: Option<u64>,
}

enum Input {
    Single(Box<CaptureFile>),
    Merged(Merge),
}

impl Reader {
    /// Opens files (`-` is standard input). With `filters`, by link type, frames
    /// that their program does not match, or whose link type has none, are passed over.
    pub fn open(
        paths: &[PathBuf],
        filters: Option<HashMap<u16, Program>>,
    ) -> Result<Self, OpenError> {
        let total_bytes = paths.iter().map(|path| source::size_bytes(path)).sum();
        let input = match paths {
            [path] => {
                let source = source::open(path).map_err(io_error(path))?;
                Input::single(path, source)?
            }
            _ => Input::Merged(Merge::open(paths)?),
        };
        Ok(Self::new(input, filters, total_bytes))
    }

    /// Reads any stream of bytes; `name` stands for a path in reports.
    pub fn from_stream(
        name: &Path,
        stream: Box<dyn Read + Send>,
        filters: Option<HashMap<u16, Program>>,
    ) -> Result<Self, OpenError> {
        let source = source::from_stream(stream).map_err(io_error(name))?;
        Ok(Self::new(Input::single(name, source)?, filters, None))
    }

    fn new(input: Input, filters: Option<HashMap<u16, Program>>, total_bytes: Option<u64>) -> Self {
        Self {
            input,
            filters: filters.map(|programs| Filters(programs.into_iter().collect())),
            counters: Counters::default(),
            total_bytes,
        }
    }

    /// The next frame that the filter matches; None at the end.
    #[inline]
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        self.next_frame_held().map(|(frame, _)| frame)
    }

    /// The next frame as [`Reader::next_frame`], and the buffer that its bytes lie in: held, it
    /// keeps them beyond the next call. None where they lie in no such buffer.
    #[inline]
    pub fn next_frame_held(&mut self) -> Option<(Frame<'_>, Option<&Arc<Vec<u8>>>)> {
        let (file, record) = loop {
            let (file, record) = self.input.next_record(self.counters.frames)?;
            self.counters.frames += 1;
            self.counters.captured_bytes += record.len as u64;
            self.counters.wire_bytes += u64::from(record.wire_len);
            match &self.filters {
                Some(filters) if !filters.match_record(&record, self.input.data(file, &record)) => {
                    self.counters.filtered_out += 1;
                }
                _ => break (file, record),
            }
        };
        let frame = Frame {
            number: self.counters.frames,
            time_ns: record.time_ns,
            link_type: record.link_type,
            interface: record.interface,
            data: self.input.data(file, &record),
            wire_len: record.wire_len,
        };
        Some((frame, self.input.buffer()))
    }

    /// Appends the next frames of one capture to `records`, at most `most` and as long as nothing
    /// is odd about them; the number of the first, and the buffer that they lie in. None where
    /// there is no such frame: [`Reader::next_frame_held`] knows what comes next.
    pub fn next_records(
        &mut self,
        most: usize,
        records: &mut Vec<Record>,
    ) -> Option<(u64, &Arc<Vec<u8>>)> {
        let (Input::Single(file), None) = (&mut self.input, &self.filters) else {
            return None;
        };
        let n_before = records.len();
        file.ordinary_records(most, records);
        let taken = &records[n_before..];
        let first = self.counters.frames + 1;
        self.counters.frames += taken.len() as u64;
        for record in taken {
            self.counters.captured_bytes += record.len as u64;
            self.counters.wire_bytes += u64::from(record.wire_len);
        }
        (!taken.is_empty()).then(|| (first, file.buffer()))
    }

    /// Reads ahead of this reader in any thread that has time: a single file that is read as it
    /// lies.
    pub fn ahead(&self) -> Option<Ahead> {
        match &self.input {
            Input::Single(file) => file.ahead.clone(),
            Input::Merged(_) => None,
        }
    }

    /// What was read so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        for log in self.input.logs() {
            counters.time_backwards += log.n_time_backwards;
            counters.damaged += log.n_damaged;
        }
        counters
    }

    /// What the files say about themselves, in the order given.
    pub fn files(&self) -> Vec<FileInfo> {
        match &self.input {
            Input::Single(file) => vec![file.info()],
            Input::Merged(merge) => merge.infos(),
        }
    }

    /// The damage met so far, by file. Bounded: [`Reader::counters`] counts all of it.
    pub fn damage(&self) -> Vec<Damage> {
        let entries = self.input.logs().flat_map(|log| log.entries());
        entries.cloned().collect()
    }

    /// Bytes read so far and in total, before inflation; no total where an input has no size.
    pub fn position(&self) -> (u64, Option<u64>) {
        let read_bytes = match &self.input {
            Input::Single(file) => file.read_bytes(),
            Input::Merged(merge) => merge.read_bytes(),
        };
        (read_bytes, self.total_bytes)
    }
}

impl Input {
    fn single(path: &Path, source: source::Source) -> Result<Self, OpenError> {
        let numbers = InterfaceNumbers::default();
        let file = CaptureFile::new(path, source, CHUNK_BYTES, &numbers)?;
        Ok(Self::Single(Box::new(file)))
    }

    /// Which file the next record is from (for `data`), and the record.
    #[inline]
    fn next_record(&mut self, packet: u64) -> Option<(usize, Record)> {
        match self {
            Self::Single(file) => Some((0, file.next_record(packet)?)),
            Self::Merged(merge) => merge.next_record(packet),
        }
    }

    #[inline]
    fn data(&self, file: usize, record: &Record) -> &[u8] {
        match self {
            Self::Single(single) => single.data(record),
            Self::Merged(merge) => merge.data(file, record),
        }
    }

    #[inline]
    fn buffer(&self) -> Option<&Arc<Vec<u8>>> {
        match self {
            Self::Single(single) => Some(single.buffer()),
            // A file may have been read on past its frame.
            Self::Merged(_) => None,
        }
    }

    fn logs(&self) -> Box<dyn Iterator<Item = &DamageLog> + '_> {
        match self {
            Self::Single(file) => Box::new(std::iter::once(&file.log)),
            Self::Merged(merge) => Box::new(merge.logs()),
        }
    }
}

/// Filter programs by link type; few, so a list.
struct Filters(Vec<(u16, Program)>);

impl Filters {
    fn match_record(&self, record: &Record, data: &[u8]) -> bool {
        self.0
            .iter()
            .find(|(link_type, _)| *link_type == record.link_type)
            .is_some_and(|(_, program)| program.matches(data, record.wire_len))
    }
}
