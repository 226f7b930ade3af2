//! What the flow table needs to know of a packet, and no more.

use super::key::{Directed, KeyHasher, Ports, is_icmp_reply, proto};
use crate::capture::Frame;
use crate::decode::{Address, Packet, Plain, Transport, Weird, decode, plain};

/// What a packet is to the flow table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// A packet of a flow.
    #[default]
    OfFlow,
    /// A later fragment: its flow is that of the first.
    LaterFragment,
    /// IP of a known protocol whose transport header is missing or malformed.
    NoTransport,
    /// No IP.
    NotIp,
}

/// A packet as the flow table sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gist {
    /// Its flow; of a later fragment the addresses and the protocol alone.
    pub directed: Directed,
    /// What it is.
    pub part: Part,
    /// Its first oddity.
    pub weird: Weird,
    /// 4 or 6, 0 without IP.
    pub ip_version: u8,
    /// It is a segment of TCP: the flags and the sequence number count.
    pub is_segment: bool,
    /// An ICMP message that answers another.
    pub answers: bool,
    /// The first of several fragments.
    pub more_fragments: bool,
    /// Of TCP.
    pub tcp_flags: u16,
    /// Capture time, ns since 1970 UTC.
    pub time_ns: i64,
    /// Of the key.
    pub hash: u64,
    /// Of TCP.
    pub seq: u32,
    /// Transport payload by the headers, bytes.
    pub payload_len: u32,
    /// IP header and payload by the headers, bytes.
    pub ip_len: u32,
    /// Identification of its datagram, where it has one.
    pub ipid: Option<u16>,
}

impl Gist {
    /// Of a decoded packet.
    #[must_use]
    #[inline]
    pub fn of(packet: &Packet<'_>, hasher: KeyHasher) -> Self {
        let mut gist = Self {
            weird: packet.weird,
            ip_version: packet.ip_version,
            more_fragments: packet.more_fragments,
            time_ns: packet.time_ns,
            payload_len: packet.payload_len,
            ip_len: packet.ip_len,
            ipid: packet.ipid,
            ..Self::default()
        };
        match packet.transport {
            Transport::Tcp(ref tcp) => {
                gist.is_segment = true;
                (gist.tcp_flags, gist.seq) = (tcp.flags, tcp.seq);
            }
            Transport::Icmp(icmp) => gist.answers = is_icmp_reply(packet.proto, icmp.kind),
            Transport::Udp | Transport::None => {}
        }
        if let Some(directed) = Directed::of(packet) {
            gist.directed = directed;
            gist.hash = hasher.hash(&directed.key);
        } else if packet.ip_version == 0 {
            gist.part = Part::NotIp;
        } else if packet.fragment_offset != 0 {
            gist.part = Part::LaterFragment;
            let ends = (packet.src, packet.dst);
            gist.directed = Directed::between(packet.proto, ends, Ports::TypeCode, (0, 0));
        } else {
            gist.part = Part::NoTransport;
        }
        gist
    }

    /// Of a frame, which is decoded as far as it takes.
    #[must_use]
    #[inline(always)]
    pub fn of_frame(frame: &Frame<'_>, hasher: KeyHasher) -> Self {
        match plain(frame) {
            Some(plain) => Self::of_plain(frame.time_ns, &plain, hasher),
            None => Self::of(&decode(frame), hasher),
        }
    }

    #[inline(always)]
    fn of_plain(time_ns: i64, plain: &Plain, hasher: KeyHasher) -> Self {
        let (ends, ports) = ((plain.src, plain.dst), (plain.sport, plain.dport));
        let directed = Directed::between(plain.proto, ends, Ports::Endpoints, ports);
        Self {
            directed,
            part: Part::OfFlow,
            weird: Weird::None,
            ip_version: plain.ip_version,
            is_segment: plain.proto == proto::TCP,
            answers: false,
            more_fragments: false,
            tcp_flags: plain.tcp_flags,
            time_ns,
            hash: hasher.hash(&directed.key),
            seq: plain.seq,
            payload_len: plain.payload_len,
            ip_len: plain.ip_len,
            ipid: plain.ipid,
        }
    }

    /// Source and destination of a packet of a flow, or of a later fragment.
    pub fn ends(&self) -> (Address, Address) {
        let key = &self.directed.key;
        match self.directed.from_high {
            true => (key.high, key.low),
            false => (key.low, key.high),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ethernet, IPv4, 20 bytes of header without options.
    fn v4(proto: u8, transport: &[u8]) -> Vec<u8> {
        let len = (20 + transport.len()) as u8;
        let ip = [
            0x45, 0, 0, len, 0, 9, 0x40, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        [&[2; 12][..], &[8, 0], &ip, transport].concat()
    }

    fn v6(proto: u8, transport: &[u8]) -> Vec<u8> {
        let mut ip = [0x20; 40];
        (ip[0], ip[4], ip[5], ip[6]) = (0x60, 0, transport.len() as u8, proto);
        [&[2; 12][..], &[0x86, 0xdd], &ip, transport].concat()
    }

    fn frames() -> Vec<Vec<u8>> {
        let bare = [
            1, 187, 0x9c, 0x40, 0, 0, 0, 7, 0, 0, 0, 8, 0x50, 0x10, 1, 0, 0, 0, 0, 0,
        ];
        let mut stamped = [&bare[..], &[1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6], b"GET"].concat();
        stamped[12] = 0x80;
        let mut options = [&bare[..], &[2, 4, 5, 180, 1, 3, 3, 7]].concat();
        (options[12], options[13]) = (0x70, 2);
        let datagram = [0x12, 0xb5, 0, 53, 0, 11, 0, 0, 1, 2, 3, 0, 0];
        let segments = [&bare[..], &stamped, &options];
        let mut frames: Vec<_> = segments.iter().map(|it| v4(6, it)).collect();
        frames.extend(segments.iter().map(|it| v6(6, it)));
        frames.extend([
            v4(17, &datagram),
            v6(17, &datagram),
            v4(1, &[8, 0, 0, 0, 0, 7, 0, 1]),
        ]);
        frames
    }

    fn frame(data: &[u8], wire_len: u32, link_type: u16) -> Frame<'_> {
        Frame {
            number: 1,
            time_ns: 5,
            link_type,
            interface: 0,
            data,
            wire_len,
        }
    }

    #[test]
    fn most_frames_are_plain() {
        let n_plain = frames()
            .iter()
            .filter(|data| plain(&frame(data, data.len() as u32, 1)).is_some())
            .count();
        // Not those with other options, nor ICMP.
        assert_eq!((n_plain, frames().len()), (6, 9));
    }

    #[derive(Clone, Debug)]
    enum Change {
        To(u8),
        /// Lengths that are nearly right.
        By(i8),
        Bit(u8),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            any::<u8>().prop_map(Change::To),
            (-5i8..=5).prop_map(Change::By),
            (0u8..8).prop_map(Change::Bit),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn both_ways_of_decoding_say_the_same(
            which in 0usize..9,
            changes in proptest::collection::vec((0usize..100, change()), 0..4),
            cut in prop_oneof![3 => Just(0), 1 => 0usize..40],
            beyond in prop_oneof![3 => Just(0), 1 => 0u32..40],
            ethernet in proptest::bool::weighted(0.95),
        ) {
            let mut data = frames().swap_remove(which);
            for (at, change) in changes {
                let at = at % data.len();
                data[at] = match change {
                    Change::To(byte) => byte,
                    Change::By(step) => data[at].wrapping_add_signed(step),
                    Change::Bit(bit) => data[at] ^ 1 << bit,
                };
            }
            data.truncate(data.len() - cut.min(data.len()));
            let frame = frame(&data, data.len() as u32 + beyond, if ethernet { 1 } else { 101 });
            let hasher = KeyHasher::random();
            let gist = Gist::of_frame(&frame, hasher);
            prop_assert_eq!(gist, Gist::of(&decode(&frame), hasher));
        }
    }
}
