//! Compressed captures: inflation in a thread of its own.
//!
//! A compressed stream is a row of members (gzip members, zstd and lz4 frames,
//! xz and bzip2 streams), each told by its magic bytes. A broken member ends in
//! a [`Break`]; inflation goes on at the next member that can be found.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::patience::receive;
use super::window::Window;

/// How many bytes tell the compression.
pub(super) const MAGIC_BYTES: usize = 6;
/// How much compressed data is read, and how much inflated data handed over, at a time.
const CHUNK_BYTES: usize = 1024 * 1024;
/// How much is inflated in one call: what the call that meets broken data has done is lost.
const STEP_BYTES: usize = 32 * 1024;
/// Inflated chunks that wait for the reader at most.
const MAX_CHUNKS: usize = 4;
/// Most memory that an xz stream may ask for, in bytes.
const MAX_XZ_BYTES: u64 = 256 * 1024 * 1024;

/// A compression, by its magic bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Lz4,
    /// A frame of zstd or lz4 that holds no data.
    Skippable,
}

impl Codec {
    /// None where `bytes` do not begin with any magic number.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match *bytes.first_chunk::<MAGIC_BYTES>()? {
            [0x1f, 0x8b, 8, flags, _, _] if flags < 0x20 => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, _, _] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, _] => Some(Self::Bzip2),
            [0x04, 0x22, 0x4d, 0x18, _, _] => Some(Self::Lz4),
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, _, _] => Some(Self::Skippable),
            _ => None,
        }
    }

    /// The usual ending of such a file's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd | Self::Skippable => "zst",
            Self::Xz => "xz",
            Self::Bzip2 => "bz2",
            Self::Lz4 => "lz4",
        }
    }

    /// Reads one member, and nothing behind it.
    fn decoder<'a>(self, input: &'a mut Input) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Gzip => Box::new(flate2::bufread::GzDecoder::new(input)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?.single_frame()),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(MAX_XZ_BYTES, 0)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
            Self::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(input)),
            Self::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(input)),
            Self::Skippable => Box::new(Skipped::new(input)?),
        })
    }
}

/// Inflation could not go on; what is read next comes from behind the broken place.
#[derive(Debug)]
pub(super) struct Break(String);

impl Break {
    /// Whether this is the error's cause.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|cause| cause.is::<Self>())
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Break {}

enum Message {
    Chunk(Vec<u8>),
    Break(Break),
    End,
}

/// The inflated bytes. An error of [`Break`] is not the end.
pub(super) struct Inflated {
    messages: Receiver<Message>,
    /// Used chunks go back to the thread.
    used: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    pos: usize,
    ended: bool,
}

impl Inflated {
    /// Starts the thread; it ends with the input or when this is dropped.
    pub fn spawn(compressed: Box<dyn Read + Send>) -> io::Result<Self> {
        let (sender, messages) = sync_channel(MAX_CHUNKS);
        let (used, unused) = channel();
        let input = Input(Window::new(compressed, CHUNK_BYTES));
        let outlet = Outlet { sender, unused };
        thread::Builder::new()
            .name("inflate".into())
            .spawn(move || inflate_all(input, &outlet))?;
        Ok(Self {
            messages,
            used,
            chunk: Vec::new(),
            pos: 0,
            ended: false,
        })
    }
}

impl Read for Inflated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.pos == self.chunk.len() {
            if self.ended {
                return Ok(0);
            }
            // The thread may have ended already: then nobody wants the chunk back.
            let _ = self.used.send(std::mem::take(&mut self.chunk));
            self.pos = 0;
            match receive(&self.messages)? {
                Some(Message::Chunk(chunk)) => self.chunk = chunk,
                Some(Message::Break(broken)) => return Err(io::Error::other(broken)),
                Some(Message::End) => self.ended = true,
                None => {
                    self.ended = true;
                    return Err(io::Error::other("inflation stopped unexpectedly"));
                }
            }
        }
        let rest = &self.chunk[self.pos..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.pos += n;
        Ok(n)
    }
}

/// The thread's side of the channel.
struct Outlet {
    sender: SyncSender<Message>,
    unused: Receiver<Vec<u8>>,
}

impl Outlet {
    /// None where the reader is gone.
    fn send(&self, message: Message) -> Option<()> {
        self.sender.send(message).ok()
    }

    fn send_break(&self, message: String) -> Option<()> {
        self.send(Message::Break(Break(message)))
    }

    /// An empty chunk, used before if possible.
    fn chunk(&self) -> Vec<u8> {
        let mut chunk = self.unused.try_recv().unwrap_or_default();
        chunk.resize(CHUNK_BYTES, 0);
        chunk
    }
}

/// The compressed bytes.
struct Input(Window);

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let n = bytes.len().min(buffer.len());
        buffer[..n].copy_from_slice(&bytes[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.0.fill(1) && self.0.is_broken() {
            return Err(io::Error::other("the file cannot be read on"));
        }
        Ok(self.0.bytes())
    }

    fn consume(&mut self, n: usize) {
        self.0.consume(n);
    }
}

/// The thread: member after member. None where the reader is gone.
fn inflate_all(mut input: Input, outlet: &Outlet) -> Option<()> {
    while input.0.fill(1) {
        input.0.fill(MAGIC_BYTES);
        let offset = input.0.offset();
        if let Some(codec) = Codec::of(input.0.bytes()) {
            if let Err(error) = inflate_member(codec, &mut input, outlet)? {
                outlet.send_break(format!(
                    "{} data broken at compressed byte {}: {error}",
                    codec.as_str(),
                    input.0.offset()
                ))?;
                if input.0.offset() == offset {
                    input.0.consume(1);
                }
            }
        } else {
            let found_nonzero = skip_to_member(&mut input);
            if found_nonzero {
                outlet.send_break(format!(
                    "compressed bytes {offset} to {} belong to no member",
                    input.0.offset()
                ))?;
            }
        }
    }
    if input.0.is_broken() {
        outlet.send_break("the compressed file cannot be read on".into())?;
    }
    outlet.send(Message::End)
}

/// Inflates one member. None where the reader is gone.
fn inflate_member(codec: Codec, input: &mut Input, outlet: &Outlet) -> Option<io::Result<()>> {
    let mut decoder = match codec.decoder(input) {
        Ok(decoder) => decoder,
        Err(error) => return Some(Err(error)),
    };
    loop {
        let mut chunk = outlet.chunk();
        let mut n_filled = 0;
        let mut result = None;
        while result.is_none() && n_filled < chunk.len() {
            let end = chunk.len().min(n_filled + STEP_BYTES);
            match decoder.read(&mut chunk[n_filled..end]) {
                Ok(0) => result = Some(Ok(())),
                Ok(n) => n_filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => result = Some(Err(error)),
            }
        }
        chunk.truncate(n_filled);
        outlet.send(Message::Chunk(chunk))?;
        if result.is_some() {
            return result;
        }
    }
}

/// Goes on to the next magic number or the end; false if all on the way was zero (padding).
fn skip_to_member(input: &mut Input) -> bool {
    let mut found_nonzero = false;
    loop {
        let at_end = !input.0.fill(MAGIC_BYTES);
        let bytes = input.0.bytes();
        let member = bytes
            .windows(MAGIC_BYTES)
            .position(|magic| Codec::of(magic).is_some());
        let n = match member {
            Some(n) => n,
            None if at_end => bytes.len(),
            None => bytes.len() - (MAGIC_BYTES - 1),
        };
        found_nonzero |= bytes[..n].iter().any(|&byte| byte != 0);
        input.0.consume(n);
        if member.is_some() || at_end {
            return found_nonzero;
        }
    }
}

/// A skippable frame: four bytes of magic, four of length, then as many bytes for others.
struct Skipped<'a> {
    input: &'a mut Input,
    n_left: usize,
}

impl<'a> Skipped<'a> {
    fn new(input: &'a mut Input) -> io::Result<Self> {
        let mut header = [0; 8];
        input.read_exact(&mut header)?;
        let n_left = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        Ok(Self { input, n_left })
    }
}

impl Read for Skipped<'_> {
    /// Never yields a byte.
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        while self.n_left > 0 {
            let n = self.input.fill_buf()?.len().min(self.n_left);
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.input.consume(n);
            self.n_left -= n;
        }
        Ok(0)
    }
}
