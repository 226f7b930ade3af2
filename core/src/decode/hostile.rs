//! Any bytes, any link type, any snap length: a packet comes out, within its frame.

use proptest::prelude::*;

use super::{Packet, Transport, decode};
use crate::capture::Frame;

const LINK_TYPES: [u16; 17] = [
    0, 1, 9, 12, 14, 50, 101, 104, 105, 108, 113, 127, 147, 228, 229, 276, 65_535,
];

fn packet(link_type: u16, data: &[u8], wire_len: u32) -> Packet<'_> {
    decode(&Frame {
        number: 1,
        time_ns: 0,
        link_type,
        interface: 0,
        data,
        wire_len,
    })
}

/// What must hold for every packet.
fn check(packet: &Packet<'_>, data: &[u8]) -> Result<(), TestCaseError> {
    let frame = data.as_ptr_range();
    let payload = packet.payload.as_ptr_range();
    if !packet.payload.is_empty() {
        prop_assert!(frame.start <= payload.start && payload.end <= frame.end);
    }
    prop_assert!(packet.payload.len() <= packet.payload_len as usize);
    if packet.transport != Transport::None {
        prop_assert!(packet.ip_version == 4 || packet.ip_version == 6);
    }
    if let Transport::Tcp(tcp) = packet.transport {
        prop_assert!(usize::from(tcp.options.n_kinds) <= tcp.options.kinds.len());
        prop_assert!(usize::from(tcp.options.n_sack) <= tcp.options.sack.len());
    }
    Ok(())
}

/// Starts of frames that lead deep into the decoder before the bytes turn random.
fn likely_start() -> impl Strategy<Value = Vec<u8>> {
    let ethernet = |ethertype: [u8; 2]| [&[0; 12][..], &ethertype].concat();
    let ip = move |proto: u8| {
        let header = [
            0x46, 0, 0, 200, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        [&ethernet([8, 0])[..], &header, &[0; 4]].concat()
    };
    let ip6 = move |next: u8| {
        let header = [0x60, 0, 0, 0, 0, 200, next, 64];
        [&ethernet([0x86, 0xdd])[..], &header, &[0; 32]].concat()
    };
    prop_oneof![
        Just(vec![]),
        prop::sample::select(vec![[0x81, 0], [0x88, 0x47], [0x88, 0x64], [1, 0], [8, 0]])
            .prop_map(ethernet),
        prop::sample::select(vec![1, 4, 6, 17, 41, 47, 51]).prop_map(ip),
        prop::sample::select(vec![0, 6, 43, 44, 51, 58, 60]).prop_map(ip6),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn any_bytes(
        link_type in prop::sample::select(&LINK_TYPES[..]),
        data in prop::collection::vec(any::<u8>(), 0..300),
        wire_len in any::<u32>(),
    ) {
        check(&packet(link_type, &data, wire_len), &data)?;
    }

    #[test]
    fn likely_starts_with_any_rest(
        start in likely_start(),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let data = [start, rest].concat();
        check(&packet(1, &data, 0), &data)?;
    }

    /// A shorter snap length never changes what is still seen of the IP header.
    #[test]
    fn a_shorter_capture_agrees(
        start in likely_start(),
        rest in prop::collection::vec(any::<u8>(), 0..120),
        snap in 0_usize..300,
    ) {
        let data = [start, rest].concat();
        let wire_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let whole = packet(1, &data, wire_len);
        let cut = &data[..snap.min(data.len())];
        let part = packet(1, cut, wire_len);
        check(&part, cut)?;
        if part.ip_version != 0 && part.tunnel_depth == whole.tunnel_depth {
            prop_assert_eq!((part.src, part.dst, part.ip_len), (whole.src, whole.dst, whole.ip_len));
        }
    }
}
