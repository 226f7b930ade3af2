//! The call signalling of H.323: Q.931 messages (ITU-T H.225.0, 7) in TPKT packets (RFC 1006, 6).
//!
//! The user-user element of a message holds the H.225.0 part. It announces the address of
//! the H.245 control channel, and with fast start or tunnelling the media streams themselves.

use super::h225::USER_INFORMATION;
use super::messages::Extent;
use super::per::{Use, addresses};
use super::text::is_unspecified;
use super::{Ends, Expectation, Kind, MAX_EXPECTATIONS, expect_media};
use crate::track::key::proto::TCP;

const TPKT_VERSION: u8 = 3;
const TPKT_HEADER: usize = 4;
const Q931: u8 = 0x08;
const USER_USER: u8 = 0x7e;
/// Of the user-user element: X.208 and X.209 coded, where H.225.0 lives.
const ASN1: u8 = 0x05;

/// How far a TPKT packet reaches.
pub(super) fn tpkt_extent(bytes: &[u8]) -> Extent {
    match *bytes {
        [version, ..] if version != TPKT_VERSION => Extent::Alien,
        [_, _, high, low, ..] => match u16::from_be_bytes([high, low]) as usize {
            n if n >= TPKT_HEADER => Extent::Whole(n),
            _ => Extent::Alien,
        },
        _ => Extent::Unknown,
    }
}

/// Adds what a TPKT packet of the signalling connection announces.
pub(super) fn packet(ends: &Ends, packet: &[u8], found: &mut Vec<Expectation>) {
    let body = packet.get(TPKT_HEADER..).and_then(user_information);
    if let Some(body) = body {
        announced(ends, body, &USER_INFORMATION, found);
    }
}

/// The H.225.0 part of a Q.931 message.
fn user_information(message: &[u8]) -> Option<&[u8]> {
    let [discriminator, reference_len, ..] = *message else {
        return None;
    };
    // Discriminator, reference length, reference, message type, elements.
    let mut rest = message.get(3 + usize::from(reference_len & 0x0f)..)?;
    while let (&[id, ..], Q931) = (rest, discriminator) {
        let (header_len, len) = match *rest {
            [id, ..] if id & 0x80 != 0 => (1, 0),
            [USER_USER, high, low, ..] => (3, u16::from_be_bytes([high, low]).into()),
            [_, len, ..] => (2, len.into()),
            _ => return None,
        };
        let element = rest.get(header_len..)?;
        if id == USER_USER {
            return element[..element.len().min(len)].strip_prefix(&[ASN1]);
        }
        rest = element.get(len..)?;
    }
    None
}

/// Adds what the addresses of an H.225.0 or H.245 message announce.
pub(super) fn announced(
    ends: &Ends,
    message: &[u8],
    of: &'static super::per::Type,
    found: &mut Vec<Expectation>,
) {
    for it in addresses(message, of) {
        let kind = match it.used {
            Use::Media => {
                expect_media(ends, it.address, it.port, found);
                continue;
            }
            Use::H245 => Kind::H245,
            Use::Data => Kind::T120,
            Use::Nothing => continue,
        };
        if it.port != 0 && !is_unspecified(&it.address) && found.len() <= MAX_EXPECTATIONS {
            found.push(Expectation {
                proto: TCP,
                src: Some(ends.dst),
                sport: None,
                dst: it.address,
                dport: it.port,
                kind,
                third_party: it.address != ends.src,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::h225::tests::{CONNECT, SETUP};
    use super::super::text::{ends, mapped};
    use super::super::{Helper, Side, State};
    use super::*;

    fn caller() -> Ends {
        ends(TCP, [10, 0, 0, 1], 40_000, [10, 0, 0, 2], 1720)
    }

    /// A Q.931 message in TPKT: bearer capability, display, user-user.
    pub(crate) fn call(kind: u8, user_information: &[u8]) -> Vec<u8> {
        let mut body = vec![0x08, 2, 0x12, 0x34, kind, 4, 3, 0x88, 0x93, 0xa5];
        body.extend([0x28, 4, b'a', b'm', b'y', 0, USER_USER]);
        body.extend((user_information.len() as u16 + 1).to_be_bytes());
        body.push(ASN1);
        body.extend(user_information);
        let mut packet = vec![3, 0];
        packet.extend((body.len() as u16 + 4).to_be_bytes());
        packet.extend(body);
        packet
    }

    #[test]
    fn a_setup_announces_control_and_fast_start() {
        let mut state = State::new(Helper::Q931, TCP);
        let found = state.parse(Side::Orig, &caller(), &call(5, SETUP));
        let kinds: Vec<_> = found.iter().map(|it| (it.kind, it.dport)).collect();
        assert_eq!(
            kinds,
            [(Kind::H245, 5001), (Kind::Rtp, 5002), (Kind::Rtcp, 5003)]
        );
        assert!(
            found
                .iter()
                .all(|it| it.dst == mapped([10, 0, 0, 1]) && !it.third_party)
        );
        assert!(found.iter().all(|it| it.src == Some(mapped([10, 0, 0, 2]))));
    }

    #[test]
    fn segments_cut_a_message_anywhere() {
        let stream = [call(5, SETUP), call(7, CONNECT)].concat();
        for cut in 0..stream.len() {
            let mut state = State::new(Helper::Q931, TCP);
            let (first, second) = stream.split_at(cut);
            let mut found = state.parse(Side::Orig, &caller(), first);
            found.extend(state.parse(Side::Orig, &caller(), second));
            assert_eq!(found.len(), 4, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_tpkt() {
        assert_eq!(tpkt_extent(b"GET /"), Extent::Alien);
        assert_eq!(tpkt_extent(&[3, 0, 0, 3]), Extent::Alien);
        assert_eq!(tpkt_extent(&[3, 0, 0]), Extent::Unknown);
        assert_eq!(tpkt_extent(&[3, 0, 0, 4]), Extent::Whole(4));
    }
}
