//! Any payload, any helper: nothing breaks, and what is kept and announced is bounded.

use proptest::prelude::*;

use super::text::ends;
use super::{Helper, MAX_EXPECTATIONS, Side, State, messages};
use crate::track::key::proto::{TCP, UDP};

const HELPERS: [(Helper, u8); 11] = [
    (Helper::Ftp, TCP),
    (Helper::Irc, TCP),
    (Helper::Sip, TCP),
    (Helper::Sip, UDP),
    (Helper::Q931, TCP),
    (Helper::H245, TCP),
    (Helper::Tftp, UDP),
    (Helper::Talk, UDP),
    (Helper::Ntalk, UDP),
    (Helper::Snmp, UDP),
    (Helper::NetbiosNs, UDP),
];

/// Starts that lead deep into a parser before the bytes turn random.
fn likely_start() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        &b""[..],
        b"PORT 10,0,0,1,",
        b"EPRT |1|10.0.0.1|",
        b"227 (10,0,0,1,4,",
        b"229 (|||",
        b"PRIVMSG a :\x01DCC SEND f ",
        b"INVITE sip:a SIP/2.0\r\nCSeq: 1 INVITE\r\nl: 30\r\n\r\nv=0\nc=IN IP4 10.0.0.1\nm=audio ",
        b"REGISTER sip:a SIP/2.0\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@10.0.0.1",
        b"\x03\0\0\x40\x08\x02\0\x01\x05\x7e\0\x30\x05\x20\xb8\x06\0\x08\x91\x4a\0\x04\0",
        b"\x03\0\0\x20\x03\0\0\x06",
        b"\x03\0\0\x20\x22\xc0\0\x06",
        b"\0\x01",
        b"\x01\x03\0\0\0\0\0\x07\0\x02",
        b"\x30\x82\0\x40\x02\x01\0\x04\x06",
    ])
    .prop_map(<[u8]>::to_vec)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn any_bytes(
        (helper, proto) in prop::sample::select(&HELPERS[..]),
        segments in prop::collection::vec(
            (any::<bool>(), likely_start(), prop::collection::vec(any::<u8>(), 0..120), 0_u8..8),
            1..12,
        ),
    ) {
        let there = ends(proto, [10, 0, 0, 1], 4000, [10, 0, 0, 255], 137);
        let back = ends(proto, [10, 0, 0, 255], 137, [10, 0, 0, 1], 4000);
        let mut state = State::new(helper, proto);
        for (answers, start, rest, chance) in segments {
            let (side, ends) = if answers { (Side::Resp, back) } else { (Side::Orig, there) };
            let found = state.parse(side, &ends, &[start, rest].concat());
            prop_assert!(found.len() <= MAX_EXPECTATIONS);
            prop_assert!(found.iter().all(|it| it.dport != 0));
            prop_assert!(state.n_waiting_bytes() <= 2 * messages::MAX_MESSAGE);
            if chance == 0 {
                state.gap(side);
            }
        }
    }

    /// Where a stream is cut into segments does not matter.
    #[test]
    fn any_cut(
        (helper, proto) in prop::sample::select(&HELPERS[..2]),
        pieces in prop::collection::vec(prop::sample::select(vec![
            "PORT 10,0,0,1,4,1\r\n", "PORT 10,0,0,1", ",4,2\n", "NOOP\r\n",
            "PRIVMSG a :\x01DCC CHAT c 167772161 4000\x01\r\n",
        ]), 1..6),
        cuts in prop::collection::vec(1_usize..30, 1..20),
    ) {
        let ends = ends(proto, [10, 0, 0, 1], 4000, [10, 0, 0, 2], 21);
        let bytes = pieces.concat().into_bytes();
        let whole = State::new(helper, proto).parse(Side::Orig, &ends, &bytes);
        let (mut state, mut found, mut rest) = (State::new(helper, proto), Vec::new(), &bytes[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (first, more) = rest.split_at((*cut).min(rest.len()));
            found.extend(state.parse(Side::Orig, &ends, first));
            rest = more;
        }
        prop_assert_eq!(found, whole);
    }
}
