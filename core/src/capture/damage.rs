//! What was wrong with a capture, where, and how often.

use std::path::PathBuf;

/// Most entries kept for one file; the rest are counted.
const MAX_ENTRIES: usize = 256;
/// Most of these that may be steps back in time, so that they leave room for the rest.
const MAX_TIME_ENTRIES: usize = 16;

/// What kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The file ends inside a record.
    Cut,
    /// A record or block that cannot be one; reading went on at the next that can.
    Corrupt,
    /// A packet of an interface that the file never described.
    UnknownInterface,
    /// The compressed data is broken.
    Compression,
    /// The operating system could not read on.
    Read,
    /// A frame's date is more than a day off both its neighbours'.
    TimeAbsurd,
    /// A frame is more than a millisecond earlier than the one before it in the same file.
    TimeBackwards,
}

impl DamageKind {
    /// The name used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Corrupt => "corrupt",
            Self::UnknownInterface => "unknown_interface",
            Self::Compression => "compression",
            Self::Read => "read",
            Self::TimeAbsurd => "time_absurd",
            Self::TimeBackwards => "time_backwards",
        }
    }
}

/// One place where a capture is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file as the caller named it.
    pub file: PathBuf,
    /// Number in the merged stream of the file's last good frame before it (0: none).
    pub packet: u64,
    /// Byte offset in the file, after inflation where it is compressed.
    pub offset: u64,
    /// What kind.
    pub kind: DamageKind,
    /// What happened, in words.
    pub message: String,
}

/// The damage of one file, bounded.
#[derive(Debug, Default)]
pub(super) struct DamageLog {
    /// The file's name, copied into every entry.
    pub file: PathBuf,
    /// The last good frame's number, kept up to date by the reader.
    pub packet: u64,
    /// How many steps back in time there were, the small ones included.
    pub n_time_backwards: u64,
    /// How many of them were logged or would have been.
    n_steps_back: u64,
    /// How much damage was seen, steps back in time aside.
    pub n_damaged: u64,
    entries: Vec<Damage>,
}

impl DamageLog {
    pub fn new(file: PathBuf) -> Self {
        Self {
            file,
            ..Self::default()
        }
    }

    /// Counts one, and keeps it while there is room. `message` is only made if it is kept.
    #[cold]
    pub fn add(&mut self, offset: u64, kind: DamageKind, message: impl FnOnce() -> String) {
        let (n, most) = match kind {
            DamageKind::TimeBackwards => (&mut self.n_steps_back, MAX_TIME_ENTRIES),
            _ => (&mut self.n_damaged, MAX_ENTRIES - MAX_TIME_ENTRIES),
        };
        *n += 1;
        if *n <= most as u64 {
            self.entries.push(Damage {
                file: self.file.clone(),
                packet: self.packet,
                offset,
                kind,
                message: message(),
            });
        }
    }

    pub fn entries(&self) -> &[Damage] {
        &self.entries
    }
}
