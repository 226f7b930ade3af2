//! Small captures made in memory, and what the reader gets out of them.
#![allow(dead_code)] // every test binary uses another part

use std::io::{Cursor, Read};
use std::path::Path;

use wiretell_core::capture::{DamageKind, OpenError, Reader};

/// What a test compares of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub number: u64,
    pub time_ns: i64,
    pub link_type: u16,
    pub interface: u32,
    pub data: Vec<u8>,
    pub wire_len: u32,
}

pub fn drain(reader: &mut Reader) -> Vec<Seen> {
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame() {
        frames.push(Seen {
            number: frame.number,
            time_ns: frame.time_ns,
            link_type: frame.link_type,
            interface: frame.interface,
            data: frame.data.to_vec(),
            wire_len: frame.wire_len,
        });
    }
    frames
}

pub fn open(bytes: Vec<u8>) -> Result<Reader, OpenError> {
    Reader::from_stream(Path::new("made.cap"), Box::new(Cursor::new(bytes)), None)
}

/// All frames, and the damage as (packet, offset, kind).
pub fn read(bytes: Vec<u8>) -> (Vec<Seen>, Vec<(u64, u64, DamageKind)>) {
    let mut reader = open(bytes).expect("a capture");
    let frames = drain(&mut reader);
    let damage = reader.damage();
    let places = damage.iter().map(|d| (d.packet, d.offset, d.kind));
    (frames, places.collect())
}

/// Gives out at most so many bytes per read, in turn.
pub struct Dribble {
    pub bytes: Cursor<Vec<u8>>,
    pub sizes: Vec<usize>,
    pub turn: usize,
}

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = self.sizes[self.turn % self.sizes.len()].max(1);
        self.turn += 1;
        let most = most.min(buffer.len());
        self.bytes.read(&mut buffer[..most])
    }
}

/// Writes numbers in either byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    pub fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub fn u64(self, value: u64) -> [u8; 8] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// A pcap file header of Ethernet with microseconds.
pub fn pcap_header(order: Order) -> Vec<u8> {
    pcap_header_of(order, 0xa1b2_c3d4, 65_535, 1)
}

pub fn pcap_header_of(order: Order, magic: u32, snaplen: u32, link_type: u32) -> Vec<u8> {
    let mut bytes = order.u32(magic).to_vec();
    bytes.extend(order.u16(2));
    bytes.extend(order.u16(4));
    bytes.extend([0; 8]);
    bytes.extend(order.u32(snaplen));
    bytes.extend(order.u32(link_type));
    bytes
}

/// A pcap record; nothing was cut off it.
pub fn record(order: Order, seconds: u32, fraction: u32, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u32;
    let words = [seconds, fraction, len, len].map(|word| order.u32(word));
    [words.as_flattened(), data].concat()
}

/// A pcap file of `n` frames, one each second; frame i holds `20 + i % 50` bytes.
pub fn pcap(n: u32) -> Vec<u8> {
    let mut bytes = pcap_header(Order::Little);
    for i in 0..n {
        let data = vec![i as u8; 20 + i as usize % 50];
        bytes.extend(record(Order::Little, 1_700_000_000 + i, i, &data));
    }
    bytes
}

/// A pcapng block around `body`, which is padded.
pub fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let total = order.u32(body.len() as u32 + 12);
    [&order.u32(kind)[..], &total, &body, &total].concat()
}

pub fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [order.u16(code), order.u16(value.len() as u16)].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A section of unknown length.
pub fn section(order: Order, options: &[u8]) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend(order.u16(1));
    body.extend(order.u16(0));
    body.extend([0xff; 8]);
    body.extend(options);
    block(order, 0x0a0d_0d0a, &body)
}

pub fn interface(order: Order, link_type: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
    let mut body = [order.u16(link_type), order.u16(0)].concat();
    body.extend(order.u32(snaplen));
    body.extend(options);
    block(order, 1, &body)
}

/// An enhanced packet block.
pub fn packet(order: Order, interface: u32, ticks: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
    let len = data.len() as u32;
    let words = [interface, (ticks >> 32) as u32, ticks as u32, len, len];
    let mut body = words.map(|word| order.u32(word)).as_flattened().to_vec();
    body.extend(data);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(options);
    block(order, 6, &body)
}

/// A pcapng file of `n` frames, one each second.
pub fn pcapng(order: Order, n: u32) -> Vec<u8> {
    let mut bytes = [section(order, &[]), interface(order, 1, 0, &[])].concat();
    for i in 0..n {
        let data = vec![i as u8; 20 + i as usize % 50];
        let ticks = (1_700_000_000 + u64::from(i)) * 1_000_000;
        bytes.extend(packet(order, 0, ticks, &data, &[]));
    }
    bytes
}
