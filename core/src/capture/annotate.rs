//! Frames -> a pcapng file with comments and names (draft-ietf-opsawg-pcapng).

use super::Frame;
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::IpAddr;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const NAME_RESOLUTION: u32 = 4;
const ENHANCED_PACKET: u32 = 6;
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_TSRESOL: u16 = 9;
const NANOSECONDS: u8 = 9;
const NRB_IPV4: u16 = 1;
const NRB_IPV6: u16 = 2;
/// A comment is an option, whose length has 16 bits.
const MAX_TEXT: usize = 4096;

/// Writes frames as they are, in their order, each with a comment if it has one.
#[derive(Debug)]
pub struct Annotator<W: Write> {
    out: W,
    /// Number of the interface block of each (interface, link type) that was met.
    interfaces: HashMap<(u32, u16), u32>,
    block: Vec<u8>,
    n_packets: u64,
    n_times_clamped: u64,
}

impl<W: Write> Annotator<W> {
    /// Begins the file: its section, and the names of addresses.
    pub fn new(out: W, application: &str, names: &[(IpAddr, String)]) -> io::Result<Self> {
        let mut made = Self {
            out,
            interfaces: HashMap::new(),
            block: Vec::with_capacity(1 << 12),
            n_packets: 0,
            n_times_clamped: 0,
        };
        made.word(BYTE_ORDER);
        made.block.extend(1u16.to_le_bytes());
        made.block.extend(0u16.to_le_bytes());
        made.block.extend(u64::MAX.to_le_bytes()); // the section's length is not known
        made.option(SHB_USERAPPL, application.as_bytes());
        made.end_options();
        made.write_block(SECTION_HEADER)?;
        if !names.is_empty() {
            made.names(names)?;
        }
        Ok(made)
    }

    /// Appends a frame.
    pub fn write(&mut self, frame: &Frame<'_>, comment: Option<&str>) -> io::Result<()> {
        let interface = self.interface(frame)?;
        let stamp = u64::try_from(frame.time_ns).unwrap_or_else(|_| {
            self.n_times_clamped += 1;
            0
        });
        let captured = u32::try_from(frame.data.len()).unwrap_or(u32::MAX);
        self.word(interface);
        self.word((stamp >> 32) as u32);
        self.word(stamp as u32);
        self.word(captured);
        self.word(frame.wire_len.max(captured));
        self.block.extend(frame.data);
        self.pad();
        if let Some(text) = comment {
            self.option(OPT_COMMENT, cut(text).as_bytes());
            self.end_options();
        }
        self.n_packets += 1;
        self.write_block(ENHANCED_PACKET)
    }

    /// Writes what is buffered.
    pub fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Frames written.
    pub fn n_packets(&self) -> u64 {
        self.n_packets
    }

    /// Times before 1970, which the format does not have: 1970 was written.
    pub fn n_times_clamped(&self) -> u64 {
        self.n_times_clamped
    }

    fn interface(&mut self, frame: &Frame<'_>) -> io::Result<u32> {
        let key = (frame.interface, frame.link_type);
        if let Some(number) = self.interfaces.get(&key) {
            return Ok(*number);
        }
        let number = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.interfaces.insert(key, number);
        self.block.extend(frame.link_type.to_le_bytes());
        self.block.extend(0u16.to_le_bytes());
        self.word(0); // no snap length
        self.option(IF_TSRESOL, &[NANOSECONDS]);
        self.end_options();
        self.write_block(INTERFACE)?;
        Ok(number)
    }

    fn names(&mut self, names: &[(IpAddr, String)]) -> io::Result<()> {
        for (address, name) in names {
            let (kind, bytes) = match address {
                IpAddr::V4(v4) => (NRB_IPV4, v4.octets().to_vec()),
                IpAddr::V6(v6) => (NRB_IPV6, v6.octets().to_vec()),
            };
            let text: Vec<u8> = cut(name).bytes().filter(|byte| *byte != 0).collect();
            let length = bytes.len() + text.len() + 1;
            self.block.extend(kind.to_le_bytes());
            self.block
                .extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
            self.block.extend(bytes);
            self.block.extend(text);
            self.block.push(0);
            self.pad();
        }
        self.word(0); // the end of the records
        self.write_block(NAME_RESOLUTION)
    }

    fn word(&mut self, value: u32) {
        self.block.extend(value.to_le_bytes());
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        self.block.extend(code.to_le_bytes());
        self.block
            .extend(u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
        self.block.extend(value);
        self.pad();
    }

    fn end_options(&mut self) {
        self.word(0);
    }

    fn write_block(&mut self, kind: u32) -> io::Result<()> {
        let length = u32::try_from(self.block.len() + 12).unwrap_or(u32::MAX);
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.block.clear();
        Ok(())
    }
}

/// The text as far as an option holds it, at a character's end.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Reader;
    use std::path::Path;

    type Sent<'a> = (i64, u32, u16, &'a [u8], Option<&'a str>);

    fn frame(time_ns: i64, interface: u32, link_type: u16, data: &[u8]) -> Frame<'_> {
        Frame {
            number: 1,
            time_ns,
            link_type,
            interface,
            data,
            wire_len: 100,
        }
    }

    #[test]
    fn what_was_written_is_read_again_with_any_comment() {
        let long = "é".repeat(MAX_TEXT);
        let mut file = Vec::new();
        let names = [
            (IpAddr::from([192, 0, 2, 1]), "one\0machine".to_string()),
            (IpAddr::from([0u16; 8]), long.clone()),
        ];
        let mut writer = Annotator::new(&mut file, "wiretell", &names).expect("begun");
        let sent: [Sent<'_>; 3] = [
            (
                1_760_000_000_123_456_789,
                0,
                1,
                &[1, 2, 3],
                Some("a machine"),
            ),
            (1_760_000_000_123_456_790, 1, 101, &[], None),
            (1_760_000_000_123_456_791, 0, 1, &[7; 61], Some(&long)),
        ];
        for (time_ns, interface, link_type, data, comment) in sent {
            writer
                .write(&frame(time_ns, interface, link_type, data), comment)
                .expect("written");
        }
        writer.finish().expect("flushed");
        assert_eq!((writer.n_packets(), writer.n_times_clamped()), (3, 0));
        let stream = Box::new(io::Cursor::new(file));
        let mut reader = Reader::from_stream(Path::new("x"), stream, None).expect("a capture");
        let mut n = 0;
        while let Some(again) = reader.next_frame() {
            let (time_ns, _, link_type, data, _) = sent[n];
            assert_eq!(again.time_ns, time_ns);
            assert_eq!((again.link_type, again.data), (link_type, data));
            n += 1;
        }
        assert_eq!(n, 3);
        assert!(reader.damage().is_empty());
    }

    #[test]
    fn times_that_the_format_does_not_have_are_counted() {
        let mut writer = Annotator::new(Vec::new(), "", &[]).expect("begun");
        writer
            .write(&frame(-5, 0, 1, &[8; 4]), Some(""))
            .expect("written");
        assert_eq!((writer.n_packets(), writer.n_times_clamped()), (1, 1));
    }
}
