//! Compressed captures: inflation in a thread of its own.
//!
//! A compressed stream is a row of members (gzip members, zstd and lz4 frames,
//! xz and bzip2 streams), each told by its magic bytes. A broken member ends in
//! a [`Break`]; inflation goes on at the next member that can be found.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use flate2::{Decompress, FlushDecompress, Status};

use super::chunks::{Chunks, Filled, ROOM_BYTES};
use super::window::Window;

/// How many bytes tell the compression.
pub(super) const MAGIC_BYTES: usize = 6;
/// How much compressed data is read, and how much inflated data handed over, at a time: it stays
/// in a cache that is near.
const CHUNK_BYTES: usize = 512 * 1024;
/// How much is read from a decoder in one call: what the call that meets broken data has done is
/// lost.
const STEP_BYTES: usize = 32 * 1024;
/// Inflated chunks that wait for the reader, or are being filled.
const N_CHUNKS: usize = 4;
/// How far matches of gzip reach back at most: 2 to the power of this.
const GZIP_WINDOW_BITS: u8 = 15;
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

    /// Reads one member, and nothing behind it; None: gzip, see [`inflate_gzip`].
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
pub(super) fn spawn(compressed: Box<dyn Read + Send>) -> io::Result<Chunks> {
    let (chunks, filler) = Chunks::new(ROOM_BYTES + CHUNK_BYTES, N_CHUNKS);
    let input = Input(Window::new(compressed, CHUNK_BYTES));
    thread::Builder::new()
        .name("inflate".into())
        .spawn(move || {
            let mut outlet = Outlet {
                filled: filler.filled,
                unused: filler.unused,
                chunk: Vec::new(),
                end: ROOM_BYTES,
                is_closed: false,
            };
            // Where the reader is gone there is nobody to tell.
            let _ = outlet
                .begin()
                .and_then(|()| inflate_all(input, &mut outlet));
        })?;
    Ok(chunks)
}

/// The thread's side: a chunk being filled, and where it goes.
struct Outlet {
    filled: Sender<Filled>,
    unused: Receiver<Vec<u8>>,
    chunk: Vec<u8>,
    /// End of what is in the chunk; it begins behind [`ROOM_BYTES`].
    end: usize,
    /// The reader is gone.
    is_closed: bool,
}

impl Outlet {
    /// Takes an empty chunk.
    fn begin(&mut self) -> io::Result<()> {
        let Ok(chunk) = self.unused.recv() else {
            return self.close();
        };
        self.chunk = chunk;
        self.end = ROOM_BYTES;
        Ok(())
    }

    /// Room for up to `most` bytes, at least one. Fails where the reader is gone.
    fn room(&mut self, most: usize) -> io::Result<&mut [u8]> {
        if self.end == self.chunk.len() {
            self.flush()?;
        }
        let end = self.chunk.len().min(self.end.saturating_add(most));
        Ok(&mut self.chunk[self.end..end])
    }

    /// Sends what is in the chunk, and begins another. Fails where the reader is gone.
    fn flush(&mut self) -> io::Result<()> {
        let n = self.end - ROOM_BYTES;
        if n == 0 {
            return Ok(());
        }
        let done = std::mem::take(&mut self.chunk);
        self.send((done, Ok(n)))?;
        self.begin()
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
    while input.0.fill(1) {
        input.0.fill(MAGIC_BYTES);
        let offset = input.0.offset();
        if let Some(codec) = Codec::of(input.0.bytes()) {
            let inflated = inflate_member(codec, &mut input, outlet);
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
fn inflate_member(codec: Codec, input: &mut Input, outlet: &mut Outlet) -> io::Result<()> {
    let Some(mut decoder) = codec.decoder(input)? else {
        return inflate_gzip(&mut input.0, outlet);
    };
    loop {
        match decoder.read(outlet.room(STEP_BYTES)?) {
            Ok(0) => return Ok(()),
            Ok(n) => outlet.end += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Inflates one member of gzip. The library is called for as much as the chunk holds: at the end
/// of each call it copies the 32 kB that later matches may reach back to. What the call that meets
/// broken data has done is kept.
fn inflate_gzip(input: &mut Window, outlet: &mut Outlet) -> io::Result<()> {
    let mut inflater = Decompress::new_gzip(GZIP_WINDOW_BITS);
    loop {
        let (n_in, n_out) = (inflater.total_in(), inflater.total_out());
        let room = outlet.room(usize::MAX)?;
        let has_input = input.fill(1);
        let step = inflater.decompress(input.bytes(), room, FlushDecompress::None);
        // As much as lies in memory, both.
        let n_in = (inflater.total_in() - n_in) as usize;
        let n_out = (inflater.total_out() - n_out) as usize;
        input.consume(n_in);
        outlet.end += n_out;
        if step? == Status::StreamEnd {
            return Ok(());
        }
        if n_in == 0 && n_out == 0 {
            return Err(match (has_input, input.is_broken()) {
                (true, _) => io::Error::other("it goes no further"),
                (false, true) => io::Error::other("the file cannot be read on"),
                (false, false) => io::ErrorKind::UnexpectedEof.into(),
            });
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

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read, Write};

    use flate2::Compression;
    use proptest::prelude::*;

    use super::super::chunks::ROOM_BYTES;
    use super::spawn;

    /// What comes out, and how often it broke off.
    fn inflated(compressed: &[u8]) -> (Vec<u8>, usize) {
        let chunks = spawn(Box::new(Cursor::new(compressed.to_vec()))).expect("a thread");
        let (mut bytes, mut n_breaks) = (Vec::new(), 0);
        loop {
            match chunks.take() {
                Ok((_, 0)) => return (bytes, n_breaks),
                Ok((buffer, n)) => {
                    bytes.extend_from_slice(&buffer[ROOM_BYTES..ROOM_BYTES + n]);
                    chunks.give_back(Some(buffer));
                }
                Err(_) => n_breaks += 1,
            }
        }
    }

    /// The same by the library's reader, of one member.
    fn by_reader(compressed: &[u8]) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        let read = flate2::bufread::GzDecoder::new(compressed).read_to_end(&mut bytes);
        (bytes, read.is_ok())
    }

    fn compressed(bytes: &[u8], level: u32, named: bool) -> Vec<u8> {
        let mut header = flate2::GzBuilder::new();
        if named {
            header = header.filename("a name").comment("more").extra([1, 2, 3]);
        }
        let mut encoder = header.write(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    /// Bytes that are alike in some way: words of few letters again and again, at some distance.
    fn alike() -> impl Strategy<Value = Vec<u8>> {
        let word = (
            proptest::collection::vec(any::<u8>(), 1..40),
            1usize..400,
            0u8..=255,
        );
        proptest::collection::vec(word, 0..60).prop_map(|words| {
            let mut bytes = Vec::new();
            for (word, n_times, mask) in &words {
                for _ in 0..*n_times {
                    bytes.extend(word.iter().map(|byte| byte & mask));
                }
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn whole_members_are_inflated(bytes in alike(), level in 0u32..10, named: bool) {
            let member = compressed(&bytes, level, named);
            prop_assert!(inflated(&member) == (bytes.clone(), 0));
            // One behind the other, as from tools that compress in parallel.
            prop_assert!(inflated(&[&member[..], &member].concat()) == (bytes.repeat(2), 0));
        }

        #[test]
        fn broken_members_break_where_the_reader_says_so(
            bytes in alike(),
            level in 0u32..10,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in prop_oneof![Just(0), 0usize..100],
        ) {
            let mut member = compressed(&bytes, level, false);
            for (at, change) in changes {
                let at = 10 + at.index(member.len() - 10);
                member[at] ^= change;
            }
            member.truncate(member.len() - cut.min(member.len() - 10));
            let (theirs, is_whole) = by_reader(&member);
            let (ours, n_breaks) = inflated(&member);
            prop_assert_eq!(n_breaks == 0, is_whole);
            let n = ours.len().min(theirs.len());
            prop_assert!(ours[..n] == theirs[..n]);
            prop_assert!(!is_whole || ours.len() == theirs.len());
        }
    }

    #[test]
    fn matches_reach_back_over_the_edges_of_chunks() {
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let noise: Vec<_> = noise.take(32 * 1024 - 300).collect();
        let bytes = noise.repeat(60);
        assert!(inflated(&compressed(&bytes, 6, false)) == (bytes, 0));
    }
}
