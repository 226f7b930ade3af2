//! Compressed captures: inflation in a thread of its own.
//!
//! A compressed stream is a row of members (gzip members, zstd and lz4 frames,
//! xz and bzip2 streams), each told by its magic bytes. A broken member ends in
//! a [`Break`]; inflation goes on at the next member that can be found.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use super::deflate::{HISTORY_BYTES, Inflater, Out, SLACK_BYTES};
use super::gzip;
use super::read_ahead::{Filled, ROOM_BYTES, ReadAhead};
use super::window::Window;

/// How many bytes tell the compression.
pub(super) const MAGIC_BYTES: usize = 6;
/// How much compressed data is read, and how much inflated data handed over, at a time: it stays
/// in a cache that is near.
const CHUNK_BYTES: usize = 512 * 1024;
/// How much is inflated in one call of a library: what the call that meets broken data has done
/// is lost.
const STEP_BYTES: usize = 32 * 1024;
/// Inflated chunks that wait for the reader, or are being filled.
const N_CHUNKS: usize = 4;
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

    /// Reads one member, and nothing behind it; None: gzip, which is inflated here.
    fn decoder<'a>(self, input: &'a mut Input) -> io::Result<Option<Box<dyn Read + 'a>>> {
        Ok(Some(match self {
            Self::Gzip => return Ok(None),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?.single_frame()),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(MAX_XZ_BYTES, 0)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
            Self::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(input)),
            Self::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(input)),
            Self::Skippable => Box::new(Skipped::new(input)?),
        }))
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

/// Starts the thread, which ends with the input or when the chunks are wanted no more. An error
/// of [`Break`] is not the end of them.
pub(super) fn spawn(compressed: Box<dyn Read + Send>) -> io::Result<ReadAhead> {
    let size = ROOM_BYTES + CHUNK_BYTES + SLACK_BYTES;
    let (chunks, filler) = ReadAhead::over(size, N_CHUNKS);
    let input = Input(Window::new(compressed, CHUNK_BYTES));
    thread::Builder::new()
        .name("inflate".into())
        .spawn(move || {
            let mut outlet = Outlet {
                filled: filler.filled,
                unused: filler.unused,
                out: Out::default(),
                is_closed: false,
            };
            // Where the reader is gone there is nobody to tell.
            let _ = outlet
                .begin()
                .and_then(|()| inflate_all(input, &mut outlet));
        })?;
    Ok(chunks)
}

/// The thread's side: a chunk being filled, and where it goes. In front of a chunk is what was
/// inflated before it, until it is sent.
pub(super) struct Outlet {
    filled: Sender<Filled>,
    unused: Receiver<Vec<u8>>,
    out: Out,
    /// The reader is gone.
    is_closed: bool,
}

impl Outlet {
    /// The chunk being filled.
    pub fn out(&mut self) -> &mut Out {
        &mut self.out
    }

    /// Takes an empty chunk.
    fn begin(&mut self) -> io::Result<()> {
        let Ok(bytes) = self.unused.recv() else {
            return self.close();
        };
        self.out = Out {
            bytes,
            at: ROOM_BYTES,
            end: ROOM_BYTES + CHUNK_BYTES,
            oldest: ROOM_BYTES,
        };
        Ok(())
    }

    /// Sends what is in the chunk, and begins another. Fails where the reader is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        let n = self.out.at - ROOM_BYTES;
        if n == 0 {
            return Ok(());
        }
        let done = std::mem::take(&mut self.out);
        self.begin()?;
        let n_kept = HISTORY_BYTES.min(done.at - done.oldest);
        self.out.oldest = ROOM_BYTES - n_kept;
        let kept = &done.bytes[done.at - n_kept..done.at];
        self.out.bytes[ROOM_BYTES - n_kept..ROOM_BYTES].copy_from_slice(kept);
        self.send((done.bytes, Ok(n)))
    }

    fn send(&mut self, filled: Filled) -> io::Result<()> {
        match self.filled.send(filled) {
            Ok(()) => Ok(()),
            Err(_) => self.close(),
        }
    }

    fn send_break(&mut self, message: String) -> io::Result<()> {
        self.flush()?;
        self.send((Vec::new(), Err(io::Error::other(Break(message)))))
    }

    fn close(&mut self) -> io::Result<()> {
        self.is_closed = true;
        Err(io::ErrorKind::BrokenPipe.into())
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

/// The thread: member after member. Fails where the reader is gone.
fn inflate_all(mut input: Input, outlet: &mut Outlet) -> io::Result<()> {
    let mut inflater = Box::<Inflater>::default();
    while input.0.fill(1) {
        input.0.fill(MAGIC_BYTES);
        let offset = input.0.offset();
        if let Some(codec) = Codec::of(input.0.bytes()) {
            let inflated = inflate_member(codec, &mut input, &mut inflater, outlet);
            if outlet.is_closed {
                return inflated;
            }
            if let Err(error) = inflated {
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
    outlet.flush()?;
    outlet.send((Vec::new(), Ok(0)))
}

/// Inflates one member.
fn inflate_member(
    codec: Codec,
    input: &mut Input,
    inflater: &mut Inflater,
    outlet: &mut Outlet,
) -> io::Result<()> {
    let Some(mut decoder) = codec.decoder(input)? else {
        return gzip::inflate_member(inflater, &mut input.0, outlet);
    };
    outlet.out.oldest = outlet.out.at;
    loop {
        let out = outlet.out();
        let end = out.end.min(out.at + STEP_BYTES);
        match decoder.read(&mut out.bytes[out.at..end]) {
            Ok(0) => return Ok(()),
            Ok(n) => out.at += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if outlet.out.at == outlet.out.end {
            outlet.flush()?;
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
